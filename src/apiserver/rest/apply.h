// Server-side apply: from a configuration to the write that it comes to.
//
// Threads: any; pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "apiserver/rest/server.h"

namespace skiff::apiserver {

struct PlannedApply {
  client::Write write;  // With the owners in the object.
  std::vector<std::string> warnings;
  // The write is void on another state than the one that it was planned on, and can be planned
  // again; otherwise the configuration itself names the state.
  bool again = true;
};

// `request`: an apply, its body YAML or JSON. `current`: null if there is no such object.
// kInvalidArgument: the body is no object of the kind and name; kNotFound: there is nothing that
// the subresource would be of; kAborted: a conflict with other owners; kInternal: fields that the
// kind does not have.
absl::StatusOr<PlannedApply> PlanApply(const PatchRequest& request, const api::ObjectPtr& current,
                                       absl::Time now);

}  // namespace skiff::apiserver
