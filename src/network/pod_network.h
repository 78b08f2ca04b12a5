// Where the pods of a node get their addresses.
//
// Threads: any, one at a time per network; calls may block for a moment.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace skiff::network {

struct PodAddress {
  std::string ip;
  int prefix_length = 24;
  std::string gateway;
};

class PodNetwork {
 public:
  virtual ~PodNetwork() = default;
  // Gives the pod of that head an address: the same again if it has one. kResourceExhausted: all
  // are taken; kNotFound: there is no such process.
  virtual absl::StatusOr<PodAddress> Attach(const std::string& pod_uid, int64_t head_pid) = 0;
  // Takes it away. OK if it has none.
  virtual absl::Status Detach(const std::string& pod_uid) = 0;
  // Takes the addresses of all other pods away: what a manager that was killed could not.
  virtual absl::Status Retain(const std::set<std::string>& pod_uids) = 0;
};

}  // namespace skiff::network
