// What Kubernetes v1.35 fills in where a manifest is silent: what the schema declares of a field
// (default_value in the field options) and what depends on other fields, for the kinds served.
//
// Threads: any; works on the caller's message.
#pragma once

#include "absl/strings/string_view.h"
#include "api/types.h"
#include "google/protobuf/message.h"

namespace skiff::api {

// Completes a message of a served kind. Never overwrites what is given; doing it twice changes
// nothing more. Kinds without defaults of their own are left as they are.
void SetDefaults(google::protobuf::Message* object);

// The pod spec of a pod or of a template.
void SetPodSpecDefaults(corev1::PodSpec* spec);

// "Always" for an image without tag and digest, or tagged latest; else "IfNotPresent".
absl::string_view DefaultPullPolicy(absl::string_view image);

}  // namespace skiff::api
