// What a pod says of itself and of other objects, as text: the values behind fieldRef,
// resourceFieldRef, ConfigMaps and Secrets, for environment and files. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "api/object.h"
#include "api/quantity.h"

namespace skiff::node {

// What a pod refers to, fetched beforehand: "configmaps/NAME", "secrets/NAME" -> the object; null
// if it does not exist.
using References = std::map<std::string, api::ObjectPtr>;

using Variables = std::vector<std::pair<std::string, std::string>>;

// Where a pod is, and what it sees of its node.
struct PodPlaces {
  std::string volumes_dir;  // Of this pod; empty: simulated, nothing is made.
  std::string log_dir;
  std::string files_dir;  // For its hosts, hostname and resolv.conf; empty: it gets none.
  std::string node_name;
  std::string pod_ip;
  std::string host_ip;
  int64_t node_cpu_millis = 0;    // Allocatable: what a container without a limit is said to have.
  int64_t node_memory_bytes = 0;  // Likewise.
  Variables service_env;          // {SVC}_SERVICE_HOST and the like.
  std::vector<std::string> cluster_dns;  // Empty: there is none, pods ask whom the node asks.
  std::string cluster_domain = "cluster.local";
};

// $(NAME) becomes the variable's value, the last one of that name; $$ a dollar sign; an unknown
// name stays as it is written.
std::string Expand(const std::string& text, const Variables& variables);

// A field of the pod by its path, as fieldRef names it. kInvalidArgument: there is no such field.
absl::StatusOr<std::string> FieldValue(const corev1::Pod& pod, const std::string& path,
                                       const PodPlaces& places);

// A container's request or limit in units of the divisor, rounded up. `container`: the one that
// asks, if the selector names none.
absl::StatusOr<std::string> ResourceValue(const corev1::Pod& pod,
                                          const corev1::Container* container,
                                          const corev1::ResourceFieldSelector& selector,
                                          const PodPlaces& places);

// An entry of a resource list in whole units or thousandths; 0 if it is not there.
int64_t AmountOf(const google::protobuf::Map<std::string, api::QuantityProto>& list,
                 const std::string& name, bool milli);

// The entries of a ConfigMap ("configmaps") or Secret ("secrets"). kNotFound: it does not exist and
// is not optional. Nothing: it does not exist and is.
absl::StatusOr<std::optional<std::map<std::string, std::string>>> EntriesOf(
    const References& references, const std::string& kind, const std::string& name, bool optional);

}  // namespace skiff::node
