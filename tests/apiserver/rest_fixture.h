// An API server over an in-memory store, on virtual time, and one call a thing.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/codec.h"
#include "api/errors.h"
#include "apiserver/rest/server.h"
#include "base/sim_executor.h"

namespace skiff::apiserver {

// One of `T` with that name, in the namespace default where it has one.
template <typename T>
std::unique_ptr<T> Named(const std::string& name) {
  auto out = std::make_unique<T>();
  out->mutable_metadata()->set_name(name);
  if (api::ResourceOf<T>().namespaced) out->mutable_metadata()->set_namespace_("default");
  return out;
}

inline std::unique_ptr<corev1::ConfigMap> Map(const std::string& name,
                                              const std::string& value = "1") {
  auto map = Named<corev1::ConfigMap>(name);
  (*map->mutable_data())["value"] = value;
  return map;
}

inline void FillPodSpec(corev1::PodSpec* spec) {
  corev1::Container* container = spec->add_containers();
  container->set_name("main");
  container->set_image("busybox:1.36");
}

inline std::unique_ptr<corev1::Pod> MakePod(const std::string& name) {
  auto pod = Named<corev1::Pod>(name);
  (*pod->mutable_metadata()->mutable_labels())["app"] = "web";
  FillPodSpec(pod->mutable_spec());
  return pod;
}

inline std::unique_ptr<appsv1::Deployment> MakeDeployment(const std::string& name,
                                                          int32_t replicas = 1) {
  auto out = Named<appsv1::Deployment>(name);
  out->mutable_spec()->set_replicas(replicas);
  (*out->mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
  auto* pods = out->mutable_spec()->mutable_template_();
  (*pods->mutable_metadata()->mutable_labels())["app"] = "web";
  FillPodSpec(pods->mutable_spec());
  return out;
}

inline std::unique_ptr<batchv1::Job> MakeJob(const std::string& name) {
  auto job = Named<batchv1::Job>(name);
  auto* spec = job->mutable_spec()->mutable_template_()->mutable_spec();
  FillPodSpec(spec);
  spec->set_restart_policy("Never");
  return job;
}

inline std::unique_ptr<corev1::Service> MakeService(const std::string& name,
                                                    const std::string& type = "") {
  auto service = Named<corev1::Service>(name);
  if (!type.empty()) service->mutable_spec()->set_type(type);
  service->mutable_spec()->add_ports()->set_port(80);
  return service;
}

// `409 AlreadyExists: pods "web" already exists`
inline std::string Text(const absl::Status& status) {
  const metav1::Status meta = api::ToMetaStatus(status);
  if (status.ok()) return "OK";
  return absl::StrCat(meta.code(), " ", meta.reason(), ": ", meta.message());
}

class SimServer {
 public:
  explicit SimServer(store::StoreOptions options = {},
                     AdmissionPlugins plugins = DefaultAdmission(), bool bootstrap = true) {
    auto opened =
        store::Store::Open(std::move(options), loop.get(), &sim.pool(), Logger(), &metrics);
    REQUIRE(opened.ok());
    store = *std::move(opened);
    server = std::make_unique<Server>(store.get(), &sim.clock(), Rng(7), std::move(plugins));
    if (bootstrap) REQUIRE(Bootstrap().ok());
  }
  ~SimServer() {
    store->Close();
    sim.RunDue();
  }

  // Runs `start` with a callback, and time's due tasks, until it is answered.
  template <typename T, typename Start>
  absl::StatusOr<T> Wait(Start start) {
    std::optional<absl::StatusOr<T>> out;
    bool inside = true;
    start([&](absl::StatusOr<T> result) {
      CHECK_FALSE(inside);  // Never from within the call.
      out = std::move(result);
    });
    inside = false;
    REQUIRE(sim.RunDue());
    REQUIRE(out.has_value());
    return *std::move(out);
  }

  absl::StatusOr<uint64_t> Bootstrap() {
    return Wait<uint64_t>([&](auto done) { server->Bootstrap(loop.get(), std::move(done)); });
  }
  absl::StatusOr<Written> Write(std::vector<client::Write> writes, bool dry_run = false) {
    return Wait<Written>([&](auto done) {
      server->Write(std::move(writes), {dry_run}, loop.get(), std::move(done));
    });
  }
  absl::StatusOr<api::ObjectPtr> One(client::Write write, bool dry_run = false) {
    std::vector<client::Write> writes;
    writes.push_back(std::move(write));
    auto written = Write(std::move(writes), dry_run);
    if (!written.ok()) return written.status();
    REQUIRE(written->items.size() == 1);
    removed = written->items[0].removed;
    return written->items[0].object;
  }
  absl::StatusOr<api::ObjectPtr> Create(api::MessagePtr object, bool dry_run = false) {
    return One(client::Write::Create(std::move(object)), dry_run);
  }
  absl::StatusOr<api::ObjectPtr> Update(api::MessagePtr object, const std::string& path = "") {
    return One(client::Write::Update(std::move(object), path));
  }
  // Of what is there now, with `change` applied.
  template <typename T, typename Change>
  absl::StatusOr<api::ObjectPtr> Edit(const std::string& name, Change change,
                                      const std::string& path = "") {
    auto object = Find<T>(name)->template CopyAs<T>();
    change(object.get());
    return Update(std::move(object), path);
  }
  template <typename T>
  client::Write Deletion(const std::string& name) {
    client::Write write;
    write.verb = client::Write::Verb::kDelete;
    write.resource = &api::ResourceOf<T>();
    if (write.resource->namespaced) write.name_space = "default";
    write.name = name;
    return write;
  }
  template <typename T>
  absl::StatusOr<api::ObjectPtr> Delete(const std::string& name, const std::string& policy = "",
                                        std::optional<int64_t> grace = std::nullopt) {
    client::Write write = Deletion<T>(name);
    write.propagation_policy = policy;
    write.grace_period_seconds = grace;
    return One(std::move(write));
  }
  absl::StatusOr<api::ObjectPtr> Bind(const std::string& pod, const std::string& node,
                                      const std::string& uid = "") {
    auto binding = std::make_unique<corev1::Binding>();
    binding->mutable_metadata()->set_uid(uid);
    binding->mutable_target()->set_kind("Node");
    binding->mutable_target()->set_name(node);
    client::Write write;
    write.verb = client::Write::Verb::kCreate;
    write.resource = &api::ResourceOf<corev1::Pod>();
    write.name_space = "default";
    write.name = pod;
    write.subresource = "binding";
    write.object = std::move(binding);
    return One(std::move(write));
  }
  template <typename T>
  PatchRequest PatchOf(const std::string& name, PatchType type, const std::string& body) {
    PatchRequest request;
    request.resource = &api::ResourceOf<T>();
    request.name_space = "default";
    request.name = name;
    request.type = type;
    request.body = body;
    return request;
  }
  absl::StatusOr<Patched> Patch(PatchRequest request) {
    return Wait<Patched>(
        [&](auto done) { server->Patch(std::move(request), loop.get(), std::move(done)); });
  }
  // Null if there is none.
  template <typename T>
  api::ObjectPtr Find(const std::string& name, const std::string& name_space = "default") {
    const auto& resource = api::ResourceOf<T>();
    auto found = server->GetNow(resource, resource.namespaced ? name_space : "", name);
    return found.ok() ? *found : nullptr;
  }
  absl::StatusOr<client::ListResult> List(const api::ResourceInfo& resource,
                                          client::ListOptions options = {}, bool exact = false) {
    return server->ListNow(resource, options, exact);
  }

  Simulation sim{1};
  std::unique_ptr<Executor> loop = sim.NewLoop();
  Metrics metrics;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Server> server;
  bool removed = false;  // By the last One, Delete or Update.
};

inline std::string NamesOf(const client::ListResult& list) {
  std::string out;
  for (const api::ObjectPtr& object : list.items) {
    absl::StrAppend(&out, out.empty() ? "" : " ", object->meta().name());
  }
  return out;
}

// What a watch saw: "+a ~a -a |" for added, modified, deleted and bookmark.
struct WatchLog {
  std::string text;
  std::vector<client::WatchEvent> events;
  absl::Status end;
  bool ended = false;

  client::WatchSink Sink() {
    return {[this](std::vector<client::WatchEvent> batch) {
              for (client::WatchEvent& event : batch) {
                static constexpr const char* kMarks[] = {"+", "~", "-", "|"};
                absl::StrAppend(&text, text.empty() ? "" : " ",
                                kMarks[static_cast<int>(event.type)],
                                event.object == nullptr ? "" : event.object->meta().name());
                events.push_back(std::move(event));
              }
            },
            [this](absl::Status status) {
              CHECK_FALSE(ended);
              ended = true;
              end = std::move(status);
            }};
  }
  std::string Take() { return std::exchange(text, ""); }
};

}  // namespace skiff::apiserver
