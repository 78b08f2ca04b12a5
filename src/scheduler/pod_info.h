// What the scheduler needs of a pod, taken out of its object once: requests as integers, and the
// constraints that decide where it may run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "api/object.h"

namespace skiff::scheduler {

// Resource amounts by name: "cpu" in thousandths, everything else in units (bytes, pieces).
using Amounts = absl::btree_map<std::string, int64_t>;

struct HostPort {
  std::string protocol;
  std::string ip;  // "0.0.0.0" where the pod names none.
  int32_t port = 0;
  bool Conflicts(const HostPort& other) const;
  bool operator==(const HostPort& other) const = default;
};

struct PodInfo {
  std::string key;  // "namespace/name"
  std::string uid;
  Amounts requests;
  std::vector<HostPort> host_ports;
  int32_t priority = 0;
};

// Requests: the larger of the sum over containers (and restartable init containers) and of each
// init container with what runs beside it, plus overhead; pod-level requests where given (KEP-753,
// KEP-2837).
PodInfo MakePodInfo(const corev1::Pod& pod);

// Amounts of a ResourceList. Quantities that do not parse count as zero: validation refused them.
Amounts ToAmounts(
    const google::protobuf::Map<std::string, ::k8s::io::apimachinery::pkg::api::resource::Quantity>&
        list);

}  // namespace skiff::scheduler
