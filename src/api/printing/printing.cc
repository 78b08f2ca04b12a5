#include "api/printing/printing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/json_value.h"
#include "api/printing/rows.h"
#include "api/selector.h"
#include "api/time.h"

namespace skiff::api {
namespace printing {
namespace {

constexpr absl::string_view kNameText = "Name of the object, unique within its namespace.";
constexpr absl::string_view kAgeText = "Time since the object was created.";
constexpr Column kName = {"Name", "string", "name", kNameText, 0};
constexpr Column kAge = {"Age", "string", "", kAgeText, 0};
constexpr Column kContainers = {"Containers", "string", "", "Names of the template's containers.",
                                1};
constexpr Column kImages = {"Images", "string", "", "Images of the template's containers.", 1};
constexpr Column kSelector = {"Selector", "string", "", "Labels that select the pods.", 1};

constexpr Column kDefault[] = {kName, kAge};
constexpr Column kPod[] = {
    kName,
    {"Ready", "string", "", "Containers that are ready, of all.", 0},
    {"Status", "string", "", "Summary of the state of the pod and its containers.", 0},
    {"Restarts", "string", "", "How often containers were restarted, and when last.", 0},
    kAge,
    {"IP", "string", "", "Address of the pod.", 1},
    {"Node", "string", "", "Node that the pod is bound to.", 1},
    {"Nominated Node", "string", "", "Node on which room is being made for the pod.", 1},
    {"Readiness Gates", "string", "", "Readiness gates that are true, of all.", 1},
};
constexpr Column kNode[] = {
    kName,
    {"Status", "string", "", "Whether the node is ready and takes pods.", 0},
    {"Roles", "string", "", "Roles of the node.", 0},
    kAge,
    {"Version", "string", "", "Version of the node agent.", 0},
    {"Internal-IP", "string", "", "Address inside the cluster.", 1},
    {"External-IP", "string", "", "Address outside the cluster.", 1},
    {"OS-Image", "string", "", "Operating system of the node.", 1},
    {"Kernel-Version", "string", "", "Kernel of the node.", 1},
    {"Container-Runtime", "string", "", "Container runtime of the node.", 1},
};
constexpr Column kDeployment[] = {
    kName,
    {"Ready", "string", "", "Ready replicas, of those wanted.", 0},
    {"Up-to-date", "integer", "", "Replicas made from the current template.", 0},
    {"Available", "integer", "", "Replicas ready for at least minReadySeconds.", 0},
    kAge,
    kContainers,
    kImages,
    kSelector,
};
constexpr Column kReplicaSet[] = {
    kName,
    {"Desired", "integer", "", "Replicas wanted.", 0},
    {"Current", "integer", "", "Replicas that exist.", 0},
    {"Ready", "integer", "", "Replicas that are ready.", 0},
    kAge,
    kContainers,
    kImages,
    kSelector,
};
constexpr Column kJob[] = {
    kName,
    {"Status", "string", "", "State of the job.", 0},
    {"Completions", "string", "", "Pods that succeeded, of those wanted.", 0},
    {"Duration", "string", "", "Time from start to completion, or until now.", 0},
    kAge,
    kContainers,
    kImages,
    kSelector,
};
constexpr Column kService[] = {
    kName,
    {"Type", "string", "", "How the service is reached.", 0},
    {"Cluster-IP", "string", "", "Address inside the cluster.", 0},
    {"External-IP", "string", "", "Addresses outside the cluster.", 0},
    {"Port(s)", "string", "", "Ports, with node ports and protocols.", 0},
    kAge,
    kSelector,
};
constexpr Column kEvent[] = {
    {"Last Seen", "string", "", "Time since it last happened.", 0},
    {"Type", "string", "", "Normal or Warning.", 0},
    {"Reason", "string", "", "Why it happened, in one word.", 0},
    {"Object", "string", "", "What it is about.", 0},
    {"Subobject", "string", "", "The part of the object that it is about.", 1},
    {"Source", "string", "", "Who reports it.", 1},
    {"Message", "string", "", "What happened.", 0},
    {"First Seen", "string", "", "Time since it first happened.", 1},
    {"Count", "integer", "", "How often it happened.", 1},
    {"Name", "string", "name", kNameText, 1},
};
constexpr Column kNamespace[] = {
    kName, {"Status", "string", "", "Active or Terminating.", 0}, kAge};
constexpr Column kConfigMap[] = {kName, {"Data", "string", "", "Number of entries.", 0}, kAge};
constexpr Column kSecret[] = {kName,
                              {"Type", "string", "", "Kind of secret.", 0},
                              {"Data", "string", "", "Number of entries.", 0},
                              kAge};
constexpr Column kServiceAccount[] = {
    kName, {"Secrets", "string", "", "Number of secrets that it may use.", 0}, kAge};
constexpr Column kLease[] = {kName, {"Holder", "string", "", "Who holds the lease.", 0}, kAge};
constexpr Column kRuntimeClass[] = {
    kName, {"Handler", "string", "", "Runtime of the pods of this class.", 0}, kAge};

Cells NamespaceRow(const corev1::Namespace& space, absl::Time now) {
  return {space.metadata().name(), space.status().phase(), Age(space.metadata(), now)};
}

Cells ConfigMapRow(const corev1::ConfigMap& map, absl::Time now) {
  return {map.metadata().name(), int64_t(map.data_size() + map.binary_data_size()),
          Age(map.metadata(), now)};
}

Cells SecretRow(const corev1::Secret& secret, absl::Time now) {
  return {secret.metadata().name(), secret.type(), int64_t{secret.data_size()},
          Age(secret.metadata(), now)};
}

Cells ServiceAccountRow(const corev1::ServiceAccount& account, absl::Time now) {
  return {account.metadata().name(), int64_t{account.secrets_size()}, Age(account.metadata(), now)};
}

Cells LeaseRow(const coordinationv1::Lease& lease, absl::Time now) {
  return {lease.metadata().name(), lease.spec().holder_identity(), Age(lease.metadata(), now)};
}

Cells RuntimeClassRow(const nodev1::RuntimeClass& runtime, absl::Time now) {
  return {runtime.metadata().name(), runtime.handler(), Age(runtime.metadata(), now)};
}

struct Table {
  const google::protobuf::Descriptor* kind;
  std::span<const Column> columns;
  Cells (*row)(const Object& object, absl::Time now);
};

template <typename T, Cells (*kRow)(const T&, absl::Time)>
Table MakeTable(std::span<const Column> columns) {
  return {T::descriptor(), columns,
          [](const Object& object, absl::Time now) { return kRow(object.As<T>(), now); }};
}

const Table* FindTable(const google::protobuf::Descriptor* kind) {
  static const Table kTables[] = {
      MakeTable<corev1::Pod, PodRow>(kPod),
      MakeTable<corev1::Node, NodeRow>(kNode),
      MakeTable<corev1::Service, ServiceRow>(kService),
      MakeTable<corev1::Event, EventRow>(kEvent),
      MakeTable<appsv1::Deployment, DeploymentRow>(kDeployment),
      MakeTable<appsv1::ReplicaSet, ReplicaSetRow>(kReplicaSet),
      MakeTable<batchv1::Job, JobRow>(kJob),
      MakeTable<corev1::Namespace, NamespaceRow>(kNamespace),
      MakeTable<corev1::ConfigMap, ConfigMapRow>(kConfigMap),
      MakeTable<corev1::Secret, SecretRow>(kSecret),
      MakeTable<corev1::ServiceAccount, ServiceAccountRow>(kServiceAccount),
      MakeTable<coordinationv1::Lease, LeaseRow>(kLease),
      MakeTable<nodev1::RuntimeClass, RuntimeClassRow>(kRuntimeClass),
  };
  for (const Table& table : kTables) {
    if (table.kind == kind) return &table;
  }
  return nullptr;
}

std::string Joined(const corev1::PodSpec& spec,
                   const std::string& (corev1::Container::*part)() const) {
  return absl::StrJoin(spec.containers(), ",",
                       [part](std::string* out, const corev1::Container& container) {
                         absl::StrAppend(out, (container.*part)());
                       });
}

}  // namespace

std::string OrNone(const std::string& text) { return text.empty() ? "<none>" : text; }

std::string Age(const metav1::ObjectMeta& meta, absl::Time now) {
  return HumanAge(meta.creation_timestamp(), now);
}

std::string LabelsText(const google::protobuf::Map<std::string, std::string>& labels) {
  return OrNone(LabelSelector::FromMap(labels).ToString());
}

std::string SelectorText(const metav1::LabelSelector& selector) {
  const absl::StatusOr<LabelSelector> parsed = LabelSelector::FromProto(selector);
  return parsed.ok() ? OrNone(parsed->ToString()) : "<error>";
}

std::string ContainerNames(const corev1::PodSpec& spec) {
  return Joined(spec, &corev1::Container::name);
}

std::string ContainerImages(const corev1::PodSpec& spec) {
  return Joined(spec, &corev1::Container::image);
}

}  // namespace printing

std::string CellText(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* number = std::get_if<int64_t>(&cell)) return absl::StrCat(*number);
  return std::get<bool>(cell) ? "true" : "false";
}

std::string CellJson(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? JsonString(*text) : CellText(cell);
}

std::span<const Column> Columns(const ResourceInfo& resource) {
  const printing::Table* table = printing::FindTable(resource.prototype->GetDescriptor());
  return table != nullptr ? table->columns : std::span<const Column>(printing::kDefault);
}

std::vector<Cell> Row(const Object& object, absl::Time now) {
  const printing::Table* table = printing::FindTable(object.message().GetDescriptor());
  if (table != nullptr) return table->row(object, now);
  return {object.meta().name(), printing::Age(object.meta(), now)};
}

}  // namespace skiff::api
