// Members of two versions in one cluster: what the log holds every member understands.
#include <stdlib.h>

#include "absl/strings/match.h"
#include "store/txn_codec.h"
#include "tests/store/sim_members.h"

namespace skiff::store {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(5);

SimMembers OldMembers() { return SimMembers(3, 1, {{1, 1}, {2, 1}, {3, 1}}); }

void Upgrade(SimMembers* members, raft::MemberId id) {
  members->Stop(id);
  members->newest[id] = 2;
  members->Start(id);
  REQUIRE(members->Leader() != 0);
}

bool AllOfVersion(SimMembers* members, uint32_t version) {
  for (const auto& [id, member] : members->members) {
    if (member.store != nullptr && members->Status(id).version != version) return false;
  }
  return true;
}

// The forms of the entries on a member's disk that hold transactions.
std::set<int> FormsOf(SimMembers* members, raft::MemberId id) {
  std::set<int> out;
  const auto disk = members->members[id].disk->Open();
  const auto loaded = disk->Load();
  REQUIRE(loaded.ok());
  const raft::Index first = loaded->checkpoint.index + 1;
  REQUIRE(disk->Read(first, first + loaded->log.size() - 1,
                     [&](const raft::Entry& entry) {
                       if (entry.type == raft::EntryType::kData && !entry.data.empty())
                         out.insert(entry.data[0]);
                       return absl::OkStatus();
                     })
              .ok());
  return out;
}

TEST_CASE("a new cluster of new members is of the newest version at once") {
  SimMembers members(3);
  REQUIRE(members.Leader() != 0);
  CHECK(members.Await([&] { return AllOfVersion(&members, raft::kNewestVersion); }, kSoon));
  CHECK(absl::StrContains(members.metrics.Text(), "skiff_store_log_version 2\n"));
  SimMembers alone(1);
  CHECK(alone.Status(1).version == raft::kNewestVersion);
}

TEST_CASE("members are brought up to date one by one, and writes and watches go on") {
  SimMembers members = OldMembers();
  int written = 0;
  const auto write = [&] {
    for (raft::MemberId id = 1; id <= 3; ++id) {
      const auto result = members.Commit(id, PutTxn("n", absl::StrCat(++written)));
      INFO(result.status());
      REQUIRE(result.ok());
    }
  };
  Seen seen;
  auto watch = *members.members[3].store->StartWatch("", 1, seen.Sink());
  for (const raft::MemberId id : {1, 2}) {
    write();
    Upgrade(&members, id);
    write();
    members.sim.RunFor(absl::Seconds(2));
    CHECK(AllOfVersion(&members, 1));
  }
  CHECK(seen.events.size() == static_cast<size_t>(written));
  watch.reset();
  Upgrade(&members, 3);
  watch = *members.members[3].store->StartWatch("", 1, seen.Sink());
  CHECK(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
  write();
  REQUIRE(members.Await([&] { return members.Agree(); }, kSoon));
  for (raft::MemberId id = 1; id <= 3; ++id) members.Stop(id);
  for (raft::MemberId id = 1; id <= 3; ++id) CHECK(FormsOf(&members, id) == std::set<int>{2, 3});
  for (raft::MemberId id = 1; id <= 3; ++id) members.Start(id);
  REQUIRE(members.Leader() != 0);
  CHECK(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
  write();
}

TEST_CASE("while one member is old every entry is in the old form, whoever leads") {
  SimMembers members(3, 1, {{2, 1}});
  for (const raft::MemberId leader : {1, 2, 3}) {
    REQUIRE(members.Leader() != 0);
    members.members[members.Leader()].store->TransferLeadership(leader, [](const absl::Status&) {});
    REQUIRE(members.Await([&] { return members.members[leader].leads; }, kSoon));
    members.sim.RunFor(absl::Seconds(1));
    for (raft::MemberId id = 1; id <= 3; ++id) {
      REQUIRE(members.Commit(id, PutTxn("a", absl::StrCat(leader, id))).ok());
    }
  }
  REQUIRE(members.Await([&] { return members.Agree(); }, kSoon));
  for (raft::MemberId id = 1; id <= 3; ++id) members.Stop(id);
  for (raft::MemberId id = 1; id <= 3; ++id) CHECK(FormsOf(&members, id) == std::set<int>{2});
}

TEST_CASE("a member that is down may be old: the log waits for it, or for its removal") {
  SimMembers members(3, 1, {{3, 1}});
  REQUIRE(members.Leader() != 0);
  members.Stop(3);
  members.Stop(1);
  members.Stop(2);  // Who heard of it is gone, too.
  members.Start(1);
  members.Start(2);
  const raft::MemberId leader = members.Leader();
  REQUIRE(leader != 0);
  members.sim.RunFor(absl::Seconds(5));
  CHECK(AllOfVersion(&members, 1));
  REQUIRE(members.ChangeMembers(leader, {.remove = {3}}).ok());
  CHECK(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
}

TEST_CASE("the last of a cluster need not wait for those that left") {
  SimMembers members(2, 1, {{2, 1}});
  const raft::MemberId leader = members.Leader();
  if (leader != 1) {
    members.members[2].store->TransferLeadership(1, [](const absl::Status&) {});
    REQUIRE(members.Await([&] { return members.members[1].leads; }, kSoon));
  }
  REQUIRE(members.ChangeMembers(1, {.remove = {2}}).ok());
  members.Stop(2);
  CHECK(members.Await([&] { return members.Status(1).version == 2; }, kSoon));
}

TEST_CASE("a learner that is old holds the log back, too") {
  SimMembers members(1, 1, {{1, 1}, {2, 1}});
  members.Start(2, /*joins=*/true);
  REQUIRE(members.ChangeMembers(1, {.add = {{2, members.Note(2)}}}).ok());
  Upgrade(&members, 1);
  REQUIRE(members.Commit(1, PutTxn("a", "1")).ok());
  members.sim.RunFor(absl::Seconds(2));
  CHECK(members.Status(1).version == 1);
  REQUIRE(members.Await([&] { return members.Agree(); }, kSoon));
  Upgrade(&members, 2);
  CHECK(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
}

TEST_CASE("a member that is too old for the log gets nothing, and does not start with its files") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  REQUIRE(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
  // A new one: what it has says nothing of versions.
  members.initial.notes[4] = members.Note(4);
  members.newest[4] = 1;
  REQUIRE(members.ChangeMembers(leader, {.add = {{4, members.Note(4)}}}).ok());
  members.Start(4, /*joins=*/true);
  members.sim.RunFor(absl::Seconds(3));
  CHECK(members.Status(4).applied == 0);
  members.Stop(4);
  members.newest[4] = 2;
  members.Start(4, /*joins=*/true);
  CHECK(members.Await([&] { return members.Agree(); }, kSoon));
  // One that was of the cluster already.
  const raft::MemberId back = leader == 1 ? 2 : 1;
  members.Stop(back);
  members.newest[back] = 1;
  const absl::Status status = members.TryStart(back);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message() ==
        "the log of the cluster is of version 2, this program understands versions up to 1: start "
        "the newer program that the other members run");
}

TEST_CASE("a change of the members keeps the version, as does a state that is streamed") {
  SimMembers members(3);
  members.history_events = 10;
  const raft::MemberId leader = members.Leader();
  REQUIRE(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
  members.initial.notes[4] = members.Note(4);
  members.Start(4, /*joins=*/true);
  REQUIRE(members.ChangeMembers(leader, {.add = {{4, members.Note(4)}}}).ok());
  REQUIRE(members.ChangeMembers(leader, {.promote = {4}}).ok());
  CHECK(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
}

TEST_CASE("a leader that is old is not asked what it does not understand, but named") {
  SimMembers members(3, 1, {{1, 1}});
  REQUIRE(members.Leader() != 0);
  REQUIRE(members.Lead(members.Leader(), 1).ok());
  const absl::Status status = members.ChangeMembers(2, {.remove = {3}});
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK_THAT(std::string(status.message()), Catch::Contains("\"m1\""));
  REQUIRE(members.ChangeMembers(1, {.remove = {3}}).ok());
}

TEST_CASE("one who is offered an entry that is damaged does not put it into the log") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  REQUIRE(members.Await([&] { return AllOfVersion(&members, 2); }, kSoon));
  const raft::MemberId other = members.Follower();
  REQUIRE(members.Commit(other, PutTxn("a", "1")).ok());
  std::string entry = EncodeOrigin({other, 7, 1}, 2, 0) + EncodeTxn(PutTxn("a", "2"));
  std::string offer = "\x07\x01\x01";
  offer.push_back(static_cast<char>(entry.size()));
  REQUIRE(entry.size() < 128);
  raft::Message message{
      raft::MessageType::kPropose,
      other,
      leader,
      members.Status(leader).term,
  };
  message.data = offer + entry;
  members.Stop(other);
  auto impostor = members.network.Join(other, members.members[leader].loop.get());
  impostor->SetPeers({{leader, ""}});
  const raft::Index before = members.Status(leader).commit;
  impostor->Send(message);
  members.sim.RunFor(absl::Seconds(1));
  CHECK(members.Status(leader).commit == before);
  impostor.reset();
}

// Written by the last program of version 1: the ConfigMaps c1 to c6, from revision 3 on; then c6
// was deleted, and c5 became "five".
TEST_CASE("what a program of version 1 wrote is there, and goes on in version 2") {
  TempDir dir;
  const std::string unpack = "tar -xzf " SKIFF_SOURCE_DIR "/tests/store/data/version1.tar.gz -C ";
  REQUIRE(std::system((unpack + dir.path()).c_str()) == 0);
  Simulation sim(1);
  Metrics metrics;
  for (int start = 0; start < 3; ++start) {
    const auto loop = sim.NewLoop();
    StoreOptions options;
    options.data_dir = dir.path();
    options.membership = std::make_unique<Membership>();
    options.membership->id = 234638242875728;
    auto opened = Store::Open(std::move(options), loop.get(), &sim.pool(), Logger(), &metrics);
    INFO(opened.status());
    REQUIRE(opened.ok());
    Store* const store = opened->get();
    sim.RunFor(absl::Seconds(1));
    const auto snapshot = store->snapshot();
    const auto value = [&](const std::string& name) {
      const api::ObjectPtr object = snapshot->Get(MapKey(name));
      return object == nullptr ? "" : object->As<corev1::ConfigMap>().data().at("v");
    };
    CHECK(value("c1") == "1");
    CHECK(value("c4") == "4");
    CHECK(value("c5") == "five");
    CHECK(value("c6").empty());
    CHECK(snapshot->Get(MapKey("c5"))->revision() == 10);
    CHECK((start == 0 || ValueOf(snapshot->Get(MapKey("new"))) == absl::StrCat(start)));
    Seen seen;
    CHECK(store->StartWatch("", 3, seen.Sink()).ok());
    uint32_t version = 0;
    store->Status([&](const StoreStatus& status) { version = status.version; });
    bool done = false;
    store->Commit(PutTxn("new", absl::StrCat(start + 1)),
                  [&](const absl::StatusOr<TxnResult>& result) { done = result.ok(); });
    sim.RunFor(absl::Seconds(1));
    CHECK(version == 2);
    CHECK(done);
    store->Close();
    opened->reset();
    sim.RunDue();
  }
}

}  // namespace
}  // namespace skiff::store
