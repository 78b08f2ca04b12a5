// Control groups, on hosts with everything in v2 and on hybrid ones (cgroups(7)): v2 for membership
// and kill, and for limits whichever hierarchy has the controller.
//
// A group is named by a path below the root, "skiff/<instance>/<pod>/<container>".
//
// Threads: any; every call is a few file operations.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/runtime.h"

namespace skiff::runtime {

class Cgroups {
 public:
  // Finds the hierarchies in /proc/self/mountinfo. kFailedPrecondition: no v2 hierarchy.
  static absl::StatusOr<Cgroups> Detect();

  // Asks the v2 hierarchy's root for the controllers that limits need. What it will not give is
  // done without from here on; returns a sentence for each such loss. A group that has processes of
  // its own may hand nothing down (cgroups(7), "no internal processes"): so it is in a container
  // whose programs live in its root.
  std::vector<std::string> Prepare();

  // Makes the group in every hierarchy that is used, with its limits. Idempotent. `whole`: when the
  // OOM killer strikes inside it, everything in it goes, where the kernel can (v2).
  absl::Status Make(const std::string& group, const Resources& limits, bool whole) const;

  // What a container mounts in order to see its own groups, as programs look for them that size
  // themselves by their limits.
  struct View {
    std::string target;
    std::string type;
    std::string data;
  };
  std::vector<View> Views() const;

  // Makes the group in the v2 hierarchy alone, without limits.
  absl::Status MakeBare(const std::string& group) const;

  // The files to write "0" to in order to join the v1 hierarchies: with a single thread, for they
  // move that. (cgroup.procs would move more, and make all forks of the machine wait meanwhile.)
  std::vector<std::string> V1Tasks(const std::string& group) const;

  // Where the group is in the v2 hierarchy.
  std::string V2(const std::string& group) const;

  // SIGKILL to every process in the group and below it.
  absl::Status Kill(const std::string& group) const;
  // Kills, and removes the group and those below it. Blocks until its processes are gone, at most 5
  // s.
  absl::Status Remove(const std::string& group) const;
  // Removes the group if it is empty; else does nothing.
  void RemoveIfEmpty(const std::string& group) const;

  // How often the OOM killer struck in the group.
  int64_t OomKills(const std::string& group) const;
  absl::StatusOr<Usage> ReadUsage(const std::string& group) const;

  bool pure_v2() const { return v1_.empty(); }
  // Controllers that can limit something here: cpu, memory, pids.
  std::vector<std::string> Controllers() const;
  // True if the v2 root has processes of its own and is not the machine's: see Prepare.
  bool RootIsInhabited() const;

 private:
  bool HasV2(const std::string& controller) const;
  std::string V1(const std::string& controller, const std::string& group) const;
  absl::Status EnableControllers(const std::string& group) const;
  absl::Status LimitV1(const std::string& group, const Resources& limits) const;
  absl::Status LimitV2(const std::string& group, const Resources& limits, bool whole) const;
  std::vector<std::string> Paths(const std::string& group) const;

  std::map<std::string, std::string> v1_;  // Controller -> mount point: cpu, cpuacct, memory, pids.
  std::map<std::string, std::string> v1_options_;  // Mount point -> "cpu,cpuacct".
  std::string v2_;                                 // Mount point.
  std::vector<std::string> v2_controllers_;
};

}  // namespace skiff::runtime
