// The parts of a storm, for store_storm.cc, storm_faults.cc and storm_aimed.cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "raft/sim_disk.h"
#include "raft/sim_network.h"
#include "tests/sim/member_loop.h"
#include "tests/sim/store_storm.h"
#include "tests/sim/storm_record.h"

namespace skiff::sim {

class Storm {
 public:
  explicit Storm(const StormOptions& options);
  ~Storm();
  StormResult Run();

 private:
  struct Member {
    raft::MemberId id = 0;
    std::unique_ptr<HostClock> clock;
    std::unique_ptr<raft::SimDisk> disk;
    std::unique_ptr<MemberLoop> loop;
    std::unique_ptr<store::Store> store;  // Null: it is down.
    std::unique_ptr<store::Watch> tap;    // Sees all that it applies.
    uint64_t tapped = 0;                  // The last revision.
    bool leads = false;
    bool wanted = true;    // Comes back when it is down.
    bool retired = false;  // Was removed.
    raft::Config known;    // What it is opened with.
    int life = 0;
    uint32_t newest = raft::kNewestVersion;  // That it understands.
  };
  // What a client wants written.
  struct Wish {
    std::set<std::string> keys;
    bool removes = false;
    bool conditional = false;
    size_t ballast = 0;
  };
  // Follows what is written from member to member.
  struct Watcher {
    int number = 0;
    WatchStream stream;
    std::unique_ptr<store::Watch> watch;
    raft::MemberId at = 0;
    int turn = 0;  // Counts watches: what an earlier one still says is not heard.
    uint64_t last = 0;
  };

  // Store_storm.cc: members, clients, watchers.
  bool Chance(int percent) { return rng_.Below(100) < static_cast<uint64_t>(percent); }
  absl::Duration Between(int least_ms, int most_ms);
  void After(absl::Duration delay, std::function<void()> event);
  // What chance brings about: not while it is aimed.
  void Later(absl::Duration delay, std::function<void()> event);
  // While there are faults.
  void Every(std::function<absl::Duration()> period, std::function<void()> event);
  void Say(const std::string& what);
  Member* AddMember(raft::MemberId id, raft::Config known, uint32_t newest = raft::kNewestVersion);
  void CheckForms(Member* member, raft::Storage* disk);
  void Start(Member* member);
  void StartTap(Member* member, uint64_t after);
  void Stop(Member* member, bool crash);
  Member* Running();  // Any. Null: none.
  Member* Leader();
  void Poll();

  void ClientStep(int client);
  void Crowd(int client, const std::function<void()>& next);
  void Write(int client, Member* member, const std::function<void()>& next);
  void Submit(int client, Member* member, const Wish& wish, const std::function<void()>& next);
  void Read(int client, Member* member, const std::string& key, const std::function<void()>& next);
  void StaleRead(Member* member);
  void OnWritten(const std::vector<size_t>& records, const absl::StatusOr<store::TxnResult>& result,
                 const std::vector<std::pair<std::string, std::string>>& values);
  std::string RandomKey();

  void StartWatcher(Watcher* watcher, Member* member);
  void MoveWatcher(Watcher* watcher);
  void OnWatched(Watcher* watcher, const std::vector<store::Event>& events);

  bool Await(const std::function<bool()>& holds, absl::Duration limit);
  bool Agree();
  std::string Describe();
  void Converge();
  void ReadEverything();

  // Storm_faults.cc: what happens to them.
  void Mischief();
  void CutLinks();
  void DisturbDisk(Member* member);
  void DisturbClock(Member* member);
  void PauseMember(Member* member);
  void CrashMember(Member* member);
  void Restart(Member* member, absl::Duration after);
  void ReplaceProgram();
  void HandOver();
  void Administer();
  void ChangeMembers(Member* leader, const store::StoreStatus& status);
  void Ask(Member* asked, const store::MemberChange& change, std::function<void(bool)> then);
  void OnChanged(const store::MemberChange& change);
  void DamageDisk(Member* member);
  void AwaitExpulsion(Member* member);
  void Replace(raft::MemberId gone);
  void Calm(Member* member);
  void Still();
  void Clear();

  // Storm_aimed.cc: what happens to them on purpose.
  void Storms();
  std::map<raft::MemberId, store::StoreStatus> Statuses();
  void Focus(Member* member);
  void DelayAnswers(raft::MemberId to, absl::Duration delay);
  void Depose(Member* leader);
  void HandOverUnheard(Member* leader);
  void BuryEntries(Member* first);

  const StormOptions options_;
  StormResult result_;
  Simulation sim_;
  Rng rng_;
  std::unique_ptr<Executor> loop_;
  raft::SimNetwork network_;
  Metrics metrics_;
  Logger logger_;
  StormRecord record_;
  std::map<raft::MemberId, Member> members_;
  raft::MemberId next_id_ = 1;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  std::vector<WatchStream> streams_;  // That ended.
  std::set<raft::MemberId> current_;  // The members, as their leader said last.
  bool faults_ = true;
  bool aimed_ = false;
  raft::MemberId reads_at_ = 0;  // Where the crowd reads `hot_`; 0: there is none.
  std::string hot_;
  bool changing_ = false;  // A change of the members was asked for.
  int asked_ = 0;          // How many of them are not answered.
  // In some storms disks are damaged: of one of three voters or more, and never while it is not
  // certain who they are, for a majority has to stay whole.
  const bool damage_;
  std::optional<store::MemberChange> doubtful_;  // Nobody knows whether this was done.
  std::set<raft::MemberId> voters_;              // For certain, but for that.
  raft::MemberId damaged_ = 0;                   // Waits to be replaced.
  int64_t next_value_ = 1;
  int64_t open_ = 0;                         // Operations without an answer.
  std::map<std::string, uint64_t> glimpse_;  // A revision that somebody saw of a key.
  int64_t history_events_ = 0;
};

}  // namespace skiff::sim
