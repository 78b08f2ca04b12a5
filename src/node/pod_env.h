// A container's environment: envFrom, env, and the addresses of services. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "node/pod_fields.h"

namespace skiff::node {

// In order; each name once. kNotFound, kInvalidArgument: a reference is missing or wrong.
absl::StatusOr<Variables> EnvironmentOf(const corev1::Pod& pod, const corev1::Container& container,
                                        const PodPlaces& places, const References& references);

// What a pod of `name_space` is told of services: always of the API server (default/kubernetes),
// and with `links` of the services of its own namespace that have an address.
Variables ServiceVariables(const std::vector<api::ObjectPtr>& services,
                           const std::string& name_space, bool links);

}  // namespace skiff::node
