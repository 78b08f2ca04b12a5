// What every write passes on its way in: first the steps that may change it, then, after
// validation, the ones that only say yes or no. In order, all of them, for clients over the wire
// and in the process alike. Writes of a status, bindings and finalizations of namespaces do not
// pass here.
//
//   AdmissionPlugins plugins = DefaultAdmission();
//   plugins.push_back({"NoLatest", nullptr, RefuseLatestTags});
//   Server server(store, &clock, rng, std::move(plugins));
//
// Threads: plugins are called from any thread, several at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "api/object.h"

namespace skiff::apiserver {

struct AdmissionRequest {
  enum class Operation { kCreate, kUpdate, kDelete };
  Operation operation;
  const api::ResourceInfo* resource;
  std::string name_space;
  std::string name;
  const google::protobuf::Message* old;  // Null for a create.
  // The current object of that resource, namespace and name; null if there is none.
  absl::FunctionRef<api::ObjectPtr(const api::ResourceInfo& resource, absl::string_view name_space,
                                   absl::string_view name)>
      find;
  // Calls `visit` with each object of that resource and namespace ("": of all), by key.
  absl::FunctionRef<void(const api::ResourceInfo& resource, absl::string_view name_space,
                         absl::FunctionRef<void(const api::ObjectPtr&)> visit)>
      list;
  bool dry_run = false;  // Nothing will be stored.
};

// Either function may be empty. An error refuses the write; Kubernetes answers api::Forbidden, with
// the plugin's reason.
struct AdmissionPlugin {
  std::string name;
  // Fills in or changes the object. Creates and updates only.
  std::function<absl::Status(const AdmissionRequest& request, google::protobuf::Message* object)>
      mutate;
  // Sees what will be stored; for a delete, null.
  std::function<absl::Status(const AdmissionRequest& request,
                             const google::protobuf::Message* object)>
      check;
};
using AdmissionPlugins = std::vector<AdmissionPlugin>;

// NamespaceLifecycle, LimitRanger, ServiceAccount, RuntimeClass, Priority,
// DefaultTolerationSeconds, DefaultStorageClass, DefaultIngressClass: as Kubernetes' plugins of
// these names.
AdmissionPlugins DefaultAdmission();

// The first error of the plugins, in their order.
absl::Status Mutate(const AdmissionPlugins& plugins, const AdmissionRequest& request,
                    google::protobuf::Message* object);
absl::Status Check(const AdmissionPlugins& plugins, const AdmissionRequest& request,
                   const google::protobuf::Message* object);

// The plugins themselves.
absl::Status KeepSystemNamespaces(const AdmissionRequest& request,
                                  const google::protobuf::Message* object);
absl::Status AdmitLimits(const AdmissionRequest& request, google::protobuf::Message* object);
absl::Status CheckLimits(const AdmissionRequest& request, const google::protobuf::Message* object);
absl::Status AdmitServiceAccount(const AdmissionRequest& request,
                                 google::protobuf::Message* object);
absl::Status AdmitRuntimeClass(const AdmissionRequest& request, google::protobuf::Message* object);
absl::Status AdmitPriority(const AdmissionRequest& request, google::protobuf::Message* object);
absl::Status AdmitTolerations(const AdmissionRequest& request, google::protobuf::Message* object);
absl::Status AdmitStorageClass(const AdmissionRequest& request, google::protobuf::Message* object);
absl::Status AdmitIngressClass(const AdmissionRequest& request, google::protobuf::Message* object);

}  // namespace skiff::apiserver
