#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "api/defaulting.h"
#include "api/defaulting_internal.h"
#include "api/quantity.h"

namespace skiff::api {
namespace {

constexpr int32_t kFileMode = 0644;

template <typename Action>
void HttpGetDefaults(Action* action) {
  if (!action->has_http_get()) return;
  corev1::HTTPGetAction* get = action->mutable_http_get();
  if (get->path().empty()) get->set_path("/");
  if (get->scheme().empty()) get->set_scheme("HTTP");
}

void ProbeDefaults(corev1::Probe* probe) {
  if (probe->timeout_seconds() == 0) probe->set_timeout_seconds(1);
  if (probe->period_seconds() == 0) probe->set_period_seconds(10);
  if (probe->success_threshold() == 0) probe->set_success_threshold(1);
  if (probe->failure_threshold() == 0) probe->set_failure_threshold(3);
  if (!probe->has_handler()) return;
  HttpGetDefaults(probe->mutable_handler());
  if (probe->handler().has_grpc() && !probe->handler().grpc().has_service()) {
    probe->mutable_handler()->mutable_grpc()->set_service("");
  }
}

void FieldRefDefaults(corev1::ObjectFieldSelector* selector) {
  if (selector->api_version().empty()) selector->set_api_version("v1");
}

void EnvDefaults(corev1::EnvVar* variable) {
  if (!variable->has_value_from()) return;
  corev1::EnvVarSource* source = variable->mutable_value_from();
  if (source->has_field_ref()) FieldRefDefaults(source->mutable_field_ref());
  if (source->has_file_key_ref() && !source->file_key_ref().has_optional()) {
    source->mutable_file_key_ref()->set_optional(false);
  }
}

// Container or EphemeralContainerCommon: the same fields.
template <typename C>
void ContainerDefaults(C* container) {
  if (container->image_pull_policy().empty()) {
    container->set_image_pull_policy(std::string(DefaultPullPolicy(container->image())));
  }
  if (container->termination_message_path().empty()) {
    container->set_termination_message_path("/dev/termination-log");
  }
  if (container->termination_message_policy().empty()) {
    container->set_termination_message_policy("File");
  }
  for (corev1::ContainerPort& port : *container->mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
  }
  for (corev1::EnvVar& variable : *container->mutable_env()) EnvDefaults(&variable);
  if (container->has_resources()) ResourceDefaults(container->mutable_resources());
  if (container->has_liveness_probe()) ProbeDefaults(container->mutable_liveness_probe());
  if (container->has_readiness_probe()) ProbeDefaults(container->mutable_readiness_probe());
  if (container->has_startup_probe()) ProbeDefaults(container->mutable_startup_probe());
  if (container->has_lifecycle()) {
    corev1::Lifecycle* lifecycle = container->mutable_lifecycle();
    if (lifecycle->has_post_start()) HttpGetDefaults(lifecycle->mutable_post_start());
    if (lifecycle->has_pre_stop()) HttpGetDefaults(lifecycle->mutable_pre_stop());
  }
}

template <typename Source>
void ModeDefault(Source* source) {
  if (!source->has_default_mode()) source->set_default_mode(kFileMode);
}

template <typename Files>
void DownwardFilesDefaults(Files* files) {
  for (corev1::DownwardAPIVolumeFile& file : *files) {
    if (file.has_field_ref()) FieldRefDefaults(file.mutable_field_ref());
  }
}

void ProjectedDefaults(corev1::ProjectedVolumeSource* projected) {
  ModeDefault(projected);
  for (corev1::VolumeProjection& source : *projected->mutable_sources()) {
    if (source.has_downward_api()) {
      DownwardFilesDefaults(source.mutable_downward_api()->mutable_items());
    }
    if (source.has_service_account_token() &&
        !source.service_account_token().has_expiration_seconds()) {
      source.mutable_service_account_token()->set_expiration_seconds(3600);
    }
  }
}

void EphemeralDefaults(corev1::VolumeSource* source) {
  if (source->has_ephemeral() && source->ephemeral().has_volume_claim_template()) {
    VolumeClaimSpecDefaults(
        source->mutable_ephemeral()->mutable_volume_claim_template()->mutable_spec());
  }
}

void VolumeDefaults(corev1::Volume* volume) {
  corev1::VolumeSource* source = volume->mutable_volume_source();
  if (source->ByteSizeLong() == 0) source->mutable_empty_dir();
  if (source->has_secret()) ModeDefault(source->mutable_secret());
  if (source->has_config_map()) ModeDefault(source->mutable_config_map());
  if (source->has_downward_api()) {
    ModeDefault(source->mutable_downward_api());
    DownwardFilesDefaults(source->mutable_downward_api()->mutable_items());
  }
  if (source->has_projected()) ProjectedDefaults(source->mutable_projected());
  if (source->has_image() && source->image().pull_policy().empty()) {
    source->mutable_image()->set_pull_policy(
        std::string(DefaultPullPolicy(source->image().reference())));
  }
  VolumeSourceDefaults(source);
  EphemeralDefaults(source);
}

void RequestsFromLimits(corev1::Container* container) {
  if (!container->has_resources()) return;
  auto* requests = container->mutable_resources()->mutable_requests();
  for (const auto& [name, limit] : container->resources().limits()) {
    if (!requests->contains(name)) (*requests)[name] = limit;
  }
}

void HostPortDefaults(corev1::Container* container) {
  for (corev1::ContainerPort& port : *container->mutable_ports()) {
    if (port.host_port() == 0) port.set_host_port(port.container_port());
  }
}

using Amounts = std::map<std::string, Quantity>;

void AddRequests(const corev1::Container& container, Amounts* sum) {
  for (const auto& [name, amount] : container.resources().requests()) {
    const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
    if (quantity.ok()) (*sum)[name].Add(*quantity);
  }
}

// What the containers of a pod ask for together: those that run side by side summed, or a start-up
// step where that needs more.
Amounts ContainerRequests(const corev1::PodSpec& spec) {
  Amounts running, peak;
  for (const corev1::Container& container : spec.init_containers()) {
    const bool sidecar = container.restart_policy() == "Always";
    if (sidecar) AddRequests(container, &running);
    Amounts step = running;
    if (!sidecar) AddRequests(container, &step);
    for (const auto& [name, amount] : step) peak[name] = std::max(peak[name], amount);
  }
  for (const corev1::Container& container : spec.containers()) AddRequests(container, &running);
  for (const auto& [name, amount] : running) peak[name] = std::max(peak[name], amount);
  return peak;
}

// Requests of the whole pod, where it has limits of its own.
void PodLevelRequests(corev1::PodSpec* spec) {
  if (!spec->has_resources() || spec->resources().limits().empty()) return;
  auto* requests = spec->mutable_resources()->mutable_requests();
  for (const auto& [name, amount] : ContainerRequests(*spec)) {
    if ((name == "cpu" || name == "memory") && !requests->contains(name)) {
      (*requests)[name] = amount.ToProto();
    }
  }
  for (const auto& [name, limit] : spec->resources().limits()) {
    const bool known = name == "cpu" || name == "memory" || absl::StartsWith(name, "hugepages-");
    if (known && !requests->contains(name)) (*requests)[name] = limit;
  }
}

}  // namespace

absl::string_view DefaultPullPolicy(absl::string_view image) {
  const size_t slash = image.rfind('/');
  absl::string_view name = slash == absl::string_view::npos ? image : image.substr(slash + 1);
  const size_t digest = name.find('@');
  const absl::string_view tagged = name.substr(0, digest);
  const size_t colon = tagged.find(':');
  if (colon == absl::string_view::npos) {
    return digest == absl::string_view::npos && !name.empty() ? "Always" : "IfNotPresent";
  }
  return tagged.substr(colon + 1) == "latest" ? "Always" : "IfNotPresent";
}

void ResourceListDefaults(google::protobuf::Map<std::string, QuantityProto>* list) {
  for (auto& [name, amount] : *list) {
    absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
    if (!quantity.ok()) continue;  // Validation says what is wrong with it.
    quantity->RoundUpToMilli();
    amount = quantity->ToProto();
  }
}

void ResourceDefaults(corev1::ResourceRequirements* resources) {
  ResourceListDefaults(resources->mutable_limits());
  ResourceListDefaults(resources->mutable_requests());
}

void SetPodSpecDefaults(corev1::PodSpec* spec) {
  if (spec->dns_policy().empty()) spec->set_dns_policy("ClusterFirst");
  if (spec->restart_policy().empty()) spec->set_restart_policy("Always");
  if (!spec->has_security_context()) spec->mutable_security_context();
  if (!spec->has_termination_grace_period_seconds()) {
    spec->set_termination_grace_period_seconds(30);
  }
  if (spec->scheduler_name().empty()) spec->set_scheduler_name("default-scheduler");
  // The older name of the field is kept equal, for readers that know only it.
  if (spec->service_account_name().empty()) {
    if (!spec->service_account().empty()) spec->set_service_account_name(spec->service_account());
  } else {
    spec->set_service_account(spec->service_account_name());
  }
  for (corev1::Volume& volume : *spec->mutable_volumes()) VolumeDefaults(&volume);
  for (corev1::Container& container : *spec->mutable_init_containers()) {
    ContainerDefaults(&container);
  }
  for (corev1::Container& container : *spec->mutable_containers()) ContainerDefaults(&container);
  for (corev1::EphemeralContainer& container : *spec->mutable_ephemeral_containers()) {
    ContainerDefaults(container.mutable_ephemeral_container_common());
  }
  ResourceListDefaults(spec->mutable_overhead());
  if (spec->has_resources()) ResourceDefaults(spec->mutable_resources());
}

void PodDefaults(corev1::Pod* pod) {
  corev1::PodSpec* spec = pod->mutable_spec();
  SetPodSpecDefaults(spec);
  // These four are for pods alone: in a template they would show as changes that nobody made.
  for (auto* containers : {spec->mutable_init_containers(), spec->mutable_containers()}) {
    for (corev1::Container& container : *containers) {
      RequestsFromLimits(&container);
      if (spec->host_network()) HostPortDefaults(&container);
    }
  }
  PodLevelRequests(spec);
  if (!spec->has_enable_service_links()) spec->set_enable_service_links(true);
}

}  // namespace skiff::api
