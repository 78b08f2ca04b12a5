// What can be broken on purpose in a cluster, to see what becomes of it.
//
//   cluster->InjectFault(skiff::Fault::KillNode("node-1"));
//   cluster->InjectFault(skiff::Fault::FailWrites(3, "update", "deployments", "*", "web-*"));
#pragma once

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "skiff/types.h"

namespace skiff {

struct Fault {
  enum class Kind {
    kKillNode,        // The plug is pulled: the node and its pods are gone without a word.
    kRestartNode,     // A node, killed or not, starts again and begins what is bound to it anew;
                      // nothing fills or presses it any more.
    kPartitionNode,   // Nothing gets from the node to the API and back; heartbeats stop.
    kFillNode,        // All that the node has for pods is taken: allocatable is 0.
    kPressNode,       // `condition` holds: MemoryPressure, DiskPressure or PIDPressure.
    kCrashContainer,  // A running container ends with `exit_code`.
    kFailWrites,      // The next `count` writes that match fail, by whichever member they go.
    kSlowDisk,        // Every write takes `delay` longer; 0 ends it. See `member`.
    kFailDisk,        // Every write fails as if the disk were full; reads go on. See `member`.
    kHealWrites,      // Writes fail no more, and are as fast as they can be.
    // Of clusters with several members (ClusterOptions::members); `member` says which, from 0.
    kKillMember,       // Its machine's power fails; what its disk has not confirmed is gone.
    kRestartMember,    // A member, killed or not, starts again with what its disk has.
    kPartitionMember,  // Nothing gets from it to the others and to clients, or back.
    kNetwork,          // Between members `loss` and `duplicate` of the messages are lost, arrive
                       // twice; each takes up to `delay` (0: a few milliseconds).
  };
  Kind kind = Kind::kKillNode;
  std::string node;
  std::string condition;
  bool on = true;  // False ends a partition, a filling, a pressure, a failing disk.
  absl::Duration delay;
  int member = -1;  // kSlowDisk, kFailDisk: -1 is every member's.
  double loss = 0;  // kNetwork: shares, in [0, 1].
  double duplicate = 0;
  // kCrashContainer: the pod, and its container; empty: its first. kFailWrites: what is written; *
  // stands for any characters, empty for all.
  std::string name_space;
  std::string name;
  std::string container;
  int exit_code = 1;
  // kFailWrites. A deletion that must wait (for a grace period, a finalizer) is an update.
  int count = 1;
  std::string verb;  // "create", "update", "delete"; empty: any.
  std::string object_kind;
  // The reason of the answer: Conflict, Forbidden, InternalError, ServiceUnavailable, Timeout,
  // TooManyRequests; and its message.
  std::string error = "InternalError";
  std::string message = "a fault was injected";

  static Fault KillNode(std::string node) { return OfNode(Kind::kKillNode, std::move(node)); }
  static Fault RestartNode(std::string node) { return OfNode(Kind::kRestartNode, std::move(node)); }
  static Fault PartitionNode(std::string node, bool on = true) {
    return OfNode(Kind::kPartitionNode, std::move(node), on);
  }
  static Fault FillNode(std::string node, bool on = true) {
    return OfNode(Kind::kFillNode, std::move(node), on);
  }
  static Fault PressNode(std::string node, std::string condition, bool on = true) {
    Fault fault = OfNode(Kind::kPressNode, std::move(node), on);
    fault.condition = std::move(condition);
    return fault;
  }
  static Fault CrashContainer(std::string name_space, std::string pod, int exit_code = 1,
                              std::string container = "") {
    Fault fault;
    fault.kind = Kind::kCrashContainer;
    fault.name_space = std::move(name_space);
    fault.name = std::move(pod);
    fault.exit_code = exit_code;
    fault.container = std::move(container);
    return fault;
  }
  static Fault FailWrites(int count, std::string verb = "", std::string object_kind = "",
                          std::string name_space = "", std::string name = "",
                          std::string error = "InternalError") {
    Fault fault;
    fault.kind = Kind::kFailWrites;
    fault.count = count;
    fault.verb = std::move(verb);
    fault.object_kind = std::move(object_kind);
    fault.name_space = std::move(name_space);
    fault.name = std::move(name);
    fault.error = std::move(error);
    return fault;
  }
  static Fault SlowDisk(absl::Duration delay, int member = -1) {
    Fault fault = OfMember(Kind::kSlowDisk, member);
    fault.delay = delay;
    return fault;
  }
  static Fault FailDisk(bool on = true, int member = -1) {
    return OfMember(Kind::kFailDisk, member, on);
  }
  static Fault HealWrites() {
    Fault fault;
    fault.kind = Kind::kHealWrites;
    return fault;
  }

  static Fault KillMember(int member) { return OfMember(Kind::kKillMember, member); }
  static Fault RestartMember(int member) { return OfMember(Kind::kRestartMember, member); }
  static Fault PartitionMember(int member, bool on = true) {
    return OfMember(Kind::kPartitionMember, member, on);
  }
  static Fault Network(double loss, double duplicate = 0,
                       absl::Duration delay = absl::ZeroDuration()) {
    Fault fault;
    fault.kind = Kind::kNetwork;
    fault.loss = loss;
    fault.duplicate = duplicate;
    fault.delay = delay;
    return fault;
  }

 private:
  static Fault OfMember(Kind kind, int member, bool on = true) {
    Fault fault = OfNode(kind, "", on);
    fault.member = member;
    return fault;
  }
  static Fault OfNode(Kind kind, std::string node, bool on = true) {
    Fault fault;
    fault.kind = kind;
    fault.node = std::move(node);
    fault.on = on;
    return fault;
  }
};

// All of a cluster at one moment; shares its objects with it. Any number may be kept, and outlive
// it.
class SKIFF_EXPORT SavedCluster {
 public:
  virtual ~SavedCluster() = default;
};

}  // namespace skiff
