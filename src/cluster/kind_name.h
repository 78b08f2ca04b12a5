// Kinds as people write them.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/resource.h"

namespace skiff::cluster {

// "pod", "pods", "po", "Pod", "deployments.apps", "Deployment.apps", "deployments.v1.apps": as
// kubectl reads it, without regard to case. kNotFound: `the server doesn't have a resource type
// "x"`.
absl::StatusOr<const api::ResourceInfo*> ResolveKind(absl::string_view written);

}  // namespace skiff::cluster
