// A control plane of several members: processes, best on machines of their own, that keep the same
// objects by one Raft log. Any of them serves the API; a majority must be up for writes.
//
//   // On the first machine:
//   options.member = {.name = "a", .listen = "10.0.0.1:2380"};
//   auto a = Cluster::Open(options);
//   auto token = (*a)->AddMember("b", "10.0.0.2:2380");
//   // On the second:
//   options.member = {.name = "b", .listen = "10.0.0.2:2380", .token = *token};
//   auto b = Cluster::Open(options);
//   // On the first again, once b has caught up:
//   (*a)->PromoteMember("b");
//
// Threads: plain values.
#pragma once

#include <cstdint>
#include <string>

namespace skiff {

struct MemberOptions {
  std::string name;  // Among the members: a DNS label.
  // Where it listens for the other members, "IP:PORT". They prove who they are to each other by
  // certificates of the cluster's own authority.
  std::string listen;
  // Where they reach it, "HOST:PORT"; empty: at `listen`, which then is neither port 0 nor every
  // address of the host.
  std::string advertise;
  // What AddMember gave for it, at its first start: good for one life. A member that has lost its
  // data is refused what it asks (kFailedPrecondition from Members, kUnavailable from all else)
  // until it is removed and added again. Empty: it begins a cluster, or goes on with what its data
  // directory says.
  std::string token;
};

struct MemberInfo {
  std::string id;
  std::string name;
  std::string address;
  bool voter = false;  // Otherwise a learner: it gets everything and counts for nothing.
  bool leader = false;
  bool self = false;
  bool active = false;  // Heard of lately. Only the leader knows, and of the others it.
  uint64_t behind = 0;  // How many log entries it lacks. The same.
};

struct SnapshotInfo {
  uint64_t revision = 0;
  uint64_t objects = 0;
  uint64_t bytes = 0;
};

}  // namespace skiff
