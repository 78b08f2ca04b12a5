// A control plane of several members in one process: each with its store, on a disk and a network
// that go wrong when they are told to, its API server, and, where it leads, its controllers and
// scheduler. All of them on one thread, in virtual time or in the machine's.
//
// Threads: the driver of the virtual time (VirtualTime::Run), but for making and destroying it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cluster/any_member.h"
#include "cluster/control_plane.h"
#include "cluster/virtual_time.h"
#include "raft/sim_disk.h"
#include "raft/sim_network.h"

namespace skiff::cluster {

struct MemberGroupOptions {
  int count = 3;
  std::set<std::string> controllers_off;
  apiserver::AdmissionPlugins plugins = apiserver::DefaultAdmission();
  // Longer than between machines: in virtual time nobody is kept waiting, and each tick of an idle
  // hour has to be lived through.
  absl::Duration tick = absl::Milliseconds(250);
  // Whose loops and clock a member has; null: all share the group's. They outlive the group.
  std::function<Loops*(int member)> machine;
};

class MemberGroup {
 public:
  // What is given outlives it. Starts all members; which of them leads is settled as time passes.
  static absl::StatusOr<std::unique_ptr<MemberGroup>> Open(MemberGroupOptions options,
                                                           VirtualTime* time,
                                                           std::shared_ptr<LogSink> sink,
                                                           Metrics* metrics);
  ~MemberGroup();

  // Ends all of them. Any thread. Idempotent.
  void Stop();
  // Runs `task` where all else here is to be called. Any thread.
  void Run(absl::FunctionRef<void()> task) { time_->Run(task); }
  // Calls `listener` with each member that can be reached, at once, and with each that can be later
  // on; without its server when it cannot any more. Servers then live until the group is gone.
  void OnReach(std::function<void(int member, apiserver::Server* server)> listener);

  int count() const { return options_.count; }
  // Members are counted from 0. Null: it was killed.
  ControlPlane* plane(int member) const { return members_[member].plane.get(); }
  bool cut(int member) const { return members_[member].cut; }
  // What the others know it by.
  raft::MemberId id(int member) const { return members_[member].id; }
  // Which one runs the controllers and can be reached; -1: none.
  int leader() const;
  ControlPlane* leading() const { return leader() < 0 ? nullptr : plane(leader()); }
  // That one, or else another that can be reached; null: none can.
  ControlPlane* AnyReachable() const;
  // Whether every member that can be reached shows what the leading one does, and has answered
  // every write.
  bool Even() const;
  client::Client* client() { return &client_; }
  // Answers what the client was asked, and all that it will be, with an error.
  void EndCalls(const absl::Status& why) { client_.End(why); }

  // Of writes, by whichever member. Any thread.
  WriteFaults& write_faults() { return write_faults_; }
  // Faults. kNotFound: no such member; kFailedPrecondition: it was killed, or lives already.
  // The power of its machine fails: what its disk has not confirmed is gone.
  absl::Status Kill(int member);
  absl::Status Restart(int member);
  // Its machine is lost with its disk. Another takes its place, with nothing and an id of its own:
  // it joins when the others are told to take it in and to remove the lost one (ChangeMembers), to
  // whom it is Note(member). Alive or not.
  absl::Status Replace(int member);
  std::string Note(int member) const;
  // Nothing gets from it to the others and to clients, or back, while it is cut.
  absl::Status Cut(int member, bool cut);
  // -1: of every member.
  absl::Status SlowDisk(int member, absl::Duration delay);
  absl::Status FailDisk(int member, bool on);
  void SetNetwork(const raft::NetworkFaults& faults);
  // For faults that are none of these. Members go by their ids there.
  raft::SimNetwork& network() { return *network_; }
  raft::SimDisk& disk(int member) { return *members_[member].disk; }

  // Ends all members as a power failure does, but that what is under way is lost for certain; says
  // what there was. Resume starts others over that: the one that led stands for election at once,
  // and watches list again. What there is must have been paused.
  struct State {
    struct One {
      raft::MemberId id = 0;
      raft::SimDisk::Saved disk;
      bool alive = true;
      bool cut = false;
      absl::Duration write_delay;
      bool disk_full = false;
    };
    std::vector<One> members;
    raft::NetworkFaults network;
    int leader = -1;
  };
  State Pause();
  absl::Status Resume(const State& state);

 private:
  struct Member {
    raft::MemberId id = 0;
    std::unique_ptr<raft::SimDisk> disk;
    std::unique_ptr<ControlPlane> plane;
    bool cut = false;
    absl::Duration write_delay;
    bool disk_full = false;
  };

  MemberGroup() = default;
  void MakeMachines();
  void MakeDisk(Member* member);
  bool Joins(int member) const;
  void SetDiskFaults(const Member& member);
  // `stands`: for election, at once.
  absl::Status Start(int member, bool stands = false);
  void End(int member, const absl::Status& watches_end = GoneMember());
  void Reach(int member);
  void Lose(int member, const absl::Status& watches_end = GoneMember());
  absl::Status Check(int member) const;

  MemberGroupOptions options_;
  VirtualTime* time_ = nullptr;
  std::shared_ptr<LogSink> sink_;
  Metrics* metrics_ = nullptr;
  WriteFaults write_faults_;
  raft::Config initial_;
  raft::NetworkFaults network_faults_;
  std::unique_ptr<raft::SimNetwork> network_;
  AnyMember client_;
  std::function<void(int member, apiserver::Server* server)> on_reach_;
  std::vector<Member> members_;
  std::vector<std::unique_ptr<ControlPlane>> gone_;  // Whose servers may still be called.
};

}  // namespace skiff::cluster
