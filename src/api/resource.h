// The table of served resources: what `kubectl api-resources` lists, and which message each kind
// is. It is constant and made at compile time from resources.inc; looking up never fails to find a
// kind that the product serves.
//
// Threads: any; nothing here changes.
#pragma once

#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace skiff::api {

struct ResourceInfo {
  absl::string_view group;     // "" for core.
  absl::string_view version;   // "v1"
  absl::string_view resource;  // "pods"
  absl::string_view singular;  // "pod"
  absl::string_view kind;      // "Pod"
  bool namespaced;
  std::span<const absl::string_view> verbs;        // As in discovery: create, delete, …
  std::span<const absl::string_view> short_names;  // "po"
  std::span<const absl::string_view> categories;   // "all"
  struct Subresource {
    absl::string_view name;   // "status"
    absl::string_view kind;   // "Pod", "Scale"
    absl::string_view group;  // Of that kind: "" or "autoscaling"
    absl::string_view version;
    std::span<const absl::string_view> verbs;
  };
  std::span<const Subresource> subresources;
  const google::protobuf::Message* prototype;  // The default instance; New() makes an empty one.

  bool has_verb(absl::string_view verb) const;
  // "v1" or "apps/v1".
  std::string api_version() const;
  // "pods" or "deployments.apps": how errors name it.
  std::string qualified() const;
};

// Every served resource, core first, then groups by name; within a group by resource name.
std::span<const ResourceInfo> Resources();

// By plural name ("pods") or by kind ("Pod"). Null if it is not served.
const ResourceInfo* FindResource(absl::string_view group, absl::string_view version,
                                 absl::string_view resource);
const ResourceInfo* FindKind(absl::string_view api_version, absl::string_view kind);

// The resource of a C++ type: ResourceOf<corev1::Pod>().
const ResourceInfo& ResourceOfDescriptor(const google::protobuf::Descriptor* descriptor);
template <typename T>
const ResourceInfo& ResourceOf() {
  return ResourceOfDescriptor(T::descriptor());
}

}  // namespace skiff::api
