// What every cluster has from its first moment.
#include "api/system_objects.h"
#include "apiserver/rest/server.h"

namespace skiff::apiserver {
namespace {

api::MessagePtr Namespace(const char* name) {
  auto out = std::make_unique<corev1::Namespace>();
  out->mutable_metadata()->set_name(name);
  return out;
}

// RuntimeClasses name what runs a pod; pods that name none run in `linux`.
api::MessagePtr RuntimeClass(const char* name) {
  auto out = std::make_unique<nodev1::RuntimeClass>();
  out->mutable_metadata()->set_name(name);
  out->set_handler(name);
  return out;
}

api::MessagePtr KubernetesService() {
  auto out = std::make_unique<corev1::Service>();
  out->mutable_metadata()->set_name("kubernetes");
  out->mutable_metadata()->set_namespace_("default");
  auto& labels = *out->mutable_metadata()->mutable_labels();
  labels["component"] = "apiserver";
  labels["provider"] = "kubernetes";
  out->mutable_spec()->set_cluster_ip("10.96.0.1");
  corev1::ServicePort* port = out->mutable_spec()->add_ports();
  port->set_name("https");
  port->set_port(443);
  port->set_protocol("TCP");
  port->mutable_target_port()->set_type(0);
  port->mutable_target_port()->set_int_val(6443);
  return out;
}

template <typename T>
void Append(const std::vector<T>& objects, std::vector<api::MessagePtr>* to) {
  for (const T& object : objects) to->push_back(std::make_unique<T>(object));
}

}  // namespace

void Server::Bootstrap(Executor* reply_on, client::Callback<uint64_t> done) {
  std::vector<api::MessagePtr> wanted;
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    wanted.push_back(Namespace(name));
  }
  for (const char* name : {"linux", "process", "fake"}) wanted.push_back(RuntimeClass(name));
  wanted.push_back(KubernetesService());
  Append(api::SystemPriorityClasses(), &wanted);
  Append(api::MandatoryPriorityLevels(), &wanted);
  Append(api::MandatoryFlowSchemas(), &wanted);
  const auto snapshot = store_->snapshot();
  std::vector<client::Write> writes;
  for (api::MessagePtr& object : wanted) {
    const metav1::ObjectMeta& meta = *api::MetaOf(*object);
    const api::ResourceInfo& resource = api::ResourceOfDescriptor(object->GetDescriptor());
    if (snapshot->Get(store::Key(resource, meta.namespace_(), meta.name())) != nullptr) continue;
    writes.push_back(client::Write::Create(std::move(object)));
  }
  if (writes.empty()) {
    reply_on->Post([done = std::move(done), revision = snapshot->revision()]() mutable {
      std::move(done)(revision);
    });
    return;
  }
  Write(client::By("kube-apiserver", std::move(writes)), {}, reply_on,
        [this, reply_on, done = std::move(done)](absl::StatusOr<Written> written) mutable {
          // Another server of the same store is at it as well: what it has made needs no making.
          if (absl::IsAlreadyExists(written.status())) {
            return Bootstrap(reply_on, std::move(done));
          }
          if (!written.ok()) return std::move(done)(written.status());
          std::move(done)(written->revision);
        });
}

}  // namespace skiff::apiserver
