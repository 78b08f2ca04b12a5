// What every write passes on its way in: first the steps that may change it, then, after validation, the
// ones that only say yes or no. In order, all of them, for clients over the wire and in the process alike.
//
// Threads: any; pure.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "api/object.h"

namespace skiff::apiserver {

struct AdmissionRequest {
  enum class Operation { kCreate, kUpdate };
  Operation operation;
  const api::ResourceInfo* resource;
  std::string name_space;
  // The current object of that resource, namespace and name; null if there is none.
  absl::FunctionRef<api::ObjectPtr(const api::ResourceInfo& resource, absl::string_view name_space,
                                   absl::string_view name)>
      find;
};

// Changes what the plugins fill in. Before validation. kPermissionDenied (403) names the plugin's reason.
absl::Status Mutate(const AdmissionRequest& request, google::protobuf::Message* object);

}  // namespace skiff::apiserver
