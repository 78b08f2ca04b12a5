// The host's admission hooks as plugins of the API server.
//
// Threads: the plugins', any.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "apiserver/admission/admission.h"
#include "skiff/extend.h"

namespace skiff::cluster {

// Mutating hooks first. They have a say only once `armed` is true. kInvalidArgument names the hook
// and what is wrong with it.
absl::StatusOr<apiserver::AdmissionPlugins> HostedAdmission(
    const std::vector<AdmissionHook>& hooks, std::shared_ptr<const std::atomic<bool>> armed);

}  // namespace skiff::cluster
