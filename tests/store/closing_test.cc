// A member that closes in the middle of what it is told.
#include <map>
#include <utility>

#include "raft/sim_disk.h"
#include "store/txn_codec.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

// What a member hears is the test's to say; what it says is lost.
class Script final : public raft::Transport {
 public:
  explicit Script(Receiver* tell) : tell_(tell) {}
  void Start(Receiver receiver) override { *tell_ = std::move(receiver); }
  void SetPeers(const std::map<raft::MemberId, std::string>&) override {}
  void Send(raft::Message) override {}
  uint32_t VersionOf(raft::MemberId) const override { return raft::kNewestVersion; }
  void RequireVersion(uint32_t) override {}
  size_t BulkRoom(raft::MemberId) const override { return 0; }

 private:
  Receiver* const tell_;
};

// Member 3 of three, and what a watcher of it sees.
class Follower {
 public:
  Follower() {
    StoreOptions options;
    options.storage = disk_.Open();
    options.membership = std::make_unique<Membership>();
    options.membership->id = 3;
    options.membership->initial.voters = {1, 2, 3};
    options.membership->transport = std::make_unique<Script>(&tell_);
    auto opened = Store::Open(std::move(options), loop_.get(), &sim_.pool(), Logger(), &metrics_);
    INFO(opened.status());
    REQUIRE(opened.ok());
    store_ = *std::move(opened);
    sim_.RunDue();
    WatchSink sink;
    sink.on_events = [this](const auto& events) {
      for (const Event& event : *events) {
        seen_ += absl::StrCat(event.revision, "=", ValueOf(event.object), " ");
      }
    };
    sink.on_end = [](const absl::Status&) {};
    auto watch = store_->StartWatch("", store_->snapshot()->revision(), std::move(sink));
    REQUIRE(watch.ok());
    watch_ = *std::move(watch);
  }
  ~Follower() {
    watch_.reset();
    store_.reset();
    sim_.RunDue();
  }

  // The leader `from` of a term sends what follows the entry before `first`, each of that term.
  void Append(raft::MemberId from, raft::Term term, std::pair<raft::Index, raft::Term> before,
              const std::vector<std::string>& values, raft::Index commit) {
    raft::Message message{raft::MessageType::kAppend, from, 3, term};
    message.log_index = before.first;
    message.log_term = before.second;
    message.send_to = before.first + values.size();
    message.commit = commit;
    raft::Index index = before.first;
    for (const std::string& value : values) {
      message.entries.push_back({term, ++index, raft::EntryType::kData,
                                 EncodeOrigin({}, 1, 0) + EncodeTxn(PutTxn("a", value))});
    }
    tell_(std::move(message));
  }
  void Run() { sim_.RunDue(); }
  void Close() { store_->Close(); }
  const std::string& seen() const { return seen_; }

 private:
  Simulation sim_{1};
  std::unique_ptr<Executor> loop_ = sim_.NewLoop();
  Metrics metrics_;
  raft::SimDisk disk_{Rng(1)};
  raft::Transport::Receiver tell_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Watch> watch_;
  std::string seen_;
};

TEST_CASE("a member that closes applies what it has just been told, and nothing else") {
  Follower member;
  member.Append(1, 1, {0, 0}, {"a", "b", "c"}, 2);
  member.Run();
  CHECK(member.seen() == "2=a 3=b ");
  member.Append(1, 1, {3, 1}, {"d", "e"}, 5);
  member.Close();
  CHECK(member.seen() == "2=a 3=b 4=c 5=d 6=e ");
}

TEST_CASE("a member that closes does not apply what another leader has just replaced") {
  Follower member;
  member.Append(1, 1, {0, 0}, {"a", "b", "c"}, 1);
  member.Run();
  CHECK(member.seen() == "2=a ");
  member.Append(2, 2, {1, 1}, {"B", "C"}, 3);
  member.Close();
  CHECK(member.seen() == "2=a 3=B 4=C ");
}

}  // namespace
}  // namespace skiff::store
