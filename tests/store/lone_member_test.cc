// A member that is left alone with what others gave it, and with a disk that fails.
#include "tests/store/sim_members.h"

namespace skiff::store {
namespace {

// The other one, when the leader of two has left. Whatever that one said last is lost.
raft::MemberId LeaveOneAlone(SimMembers* members) {
  const raft::MemberId leader = members->Leader();
  const raft::MemberId other = 3 - leader;
  bool left = false;
  members->members[leader].store->ChangeMembers({.remove = {leader}},
                                                [&](const absl::Status& status) {
                                                  REQUIRE(status.ok());
                                                  members->network.Isolate(leader);
                                                  left = true;
                                                });
  while (!left) REQUIRE(members->sim.Step());
  return other;
}

TEST_CASE("an only member whose disk fails as it begins to lead leads when the disk is well") {
  SimMembers members(2);
  const raft::MemberId only = LeaveOneAlone(&members);
  raft::SimDisk& disk = *members.members[only].disk;
  disk.SlowWrites(absl::Milliseconds(1), absl::Milliseconds(1));
  disk.FailWrites(raft::SimDisk::kAll, absl::InternalError("input/output error"));
  members.sim.RunFor(absl::Seconds(5));
  CHECK(!members.members[only].leads);
  disk.ClearFaults();
  CHECK(members.Await([&] { return members.members[only].leads; }, absl::Seconds(1)));
  CHECK(members.Barrier(only).ok());
}

TEST_CASE("an only member tries a disk that is full now and then, and refuses writes soon") {
  SimMembers members(1);
  REQUIRE(members.Commit(1, PutTxn("a", "1")).ok());
  raft::SimDisk& disk = *members.members[1].disk;
  disk.FailWrites(raft::SimDisk::kAll, absl::ResourceExhaustedError("the disk is full"));
  for (int i = 0; i < 10; ++i) {
    CHECK(absl::IsResourceExhausted(
        members.Commit(1, PutTxn("a", "2"), absl::Milliseconds(200)).status()));
  }
  members.sim.RunFor(absl::Seconds(1));
  disk.ClearFaults();
  CHECK(members.Commit(1, PutTxn("a", "3")).ok());
  CHECK(members.Value(1, "a") == "3");
}

TEST_CASE("nothing came of a write only if nothing ever comes of it") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (const bool closes : {false, true}) {
      INFO("seed " << seed << (closes ? ", closes" : ""));
      std::map<int, absl::Status> answers;
      SimMembers members(2, seed);
      const raft::MemberId only = 3 - members.Leader();
      raft::SimDisk& disk = *members.members[only].disk;
      disk.SlowWrites(absl::ZeroDuration(), absl::Milliseconds(3));
      for (int i = 0; i < 30; ++i) {
        members.members[only].loop->PostAfter(absl::Microseconds(300 * i), [&, i] {
          members.members[only].store->Commit(
              PutTxn(absl::StrCat("k", i), "x"),
              [&answers, i](const auto& result) { answers[i] = result.status(); });
        });
      }
      REQUIRE(LeaveOneAlone(&members) == only);
      disk.FailWrites(raft::SimDisk::kAll, absl::ResourceExhaustedError("the disk is full"));
      members.sim.RunFor(absl::Seconds(3));
      disk.ClearFaults();
      if (closes) {
        members.Stop(only);
        members.Start(only);
      }
      members.sim.RunFor(absl::Seconds(30));
      REQUIRE(members.Commit(only, PutTxn("a", "1")).ok());
      REQUIRE(answers.size() == 30);
      for (const auto& [i, status] : answers) {
        if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status)) continue;
        INFO(i << " " << status);
        CHECK(members.members[only].store->snapshot()->Get(MapKey(absl::StrCat("k", i))) ==
              nullptr);
      }
    }
  }
}

}  // namespace
}  // namespace skiff::store
