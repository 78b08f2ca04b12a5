// Node's own object and lease: that the node exists, what it has, that it lives.
#include <sys/utsname.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "api/conditions.h"
#include "api/quantity.h"
#include "api/time.h"
#include "node/node.h"

namespace skiff::node {
namespace {

constexpr absl::Duration kRenewEvery = absl::Seconds(10);
constexpr int kLeaseSeconds = 40;

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string OsName() {
  std::ifstream file("/etc/os-release");
  std::string line;
  while (std::getline(file, line)) {
    if (absl::StartsWith(line, "PRETTY_NAME=")) {
      return absl::StrReplaceAll(line.substr(12), {{"\"", ""}});
    }
  }
  return "Linux";
}

void SetCondition(const char* type, bool holds, const char* reason, const char* message,
                  absl::Time now, corev1::NodeStatus* status) {
  auto* condition = api::SetCondition(type, holds ? "True" : "False", reason, message, now,
                                      status->mutable_conditions());
  *condition->mutable_last_heartbeat_time() = api::MakeTime(now);
}

bool IsReady(const corev1::Node& node) {
  const auto* ready = api::FindCondition(node.status().conditions(), "Ready");
  return ready != nullptr && ready->status() == "True";
}

}  // namespace

void DescribeMachine(const NodeOptions& options, absl::Time now, corev1::Node* node) {
  utsname machine;
  uname(&machine);
  auto& labels = *node->mutable_metadata()->mutable_labels();
  labels["kubernetes.io/hostname"] = options.name;
  labels["kubernetes.io/os"] = "linux";
  labels["kubernetes.io/arch"] = "amd64";
  if (!options.pod_cidr.empty()) {
    node->mutable_spec()->set_pod_cidr(options.pod_cidr);
    node->mutable_spec()->clear_pod_cidrs();
    node->mutable_spec()->add_pod_cidrs(options.pod_cidr);
  }
  corev1::NodeStatus* status = node->mutable_status();
  for (auto* list : {status->mutable_capacity(), status->mutable_allocatable()}) {
    (*list)["cpu"] = api::Quantity::FromMilli(options.cpu_millis).ToProto();
    (*list)["memory"] =
        api::Quantity::FromInt(options.memory_bytes, api::Quantity::Format::kBinarySi).ToProto();
    (*list)["pods"] = api::Quantity::FromInt(options.max_pods).ToProto();
  }
  status->clear_addresses();
  for (const auto& [type, address] :
       {std::pair("InternalIP", options.host_ip), std::pair("Hostname", options.name)}) {
    corev1::NodeAddress* added = status->add_addresses();
    added->set_type(type);
    added->set_address(address);
  }
  corev1::NodeSystemInfo* info = status->mutable_node_info();
  info->set_machine_id(FirstLine("/etc/machine-id"));
  info->set_system_uuid(info->machine_id());
  info->set_boot_id(FirstLine("/proc/sys/kernel/random/boot_id"));
  info->set_kernel_version(machine.release);
  info->set_os_image(OsName());
  info->set_container_runtime_version("skiff://0.1.0");
  info->set_kubelet_version("v1.35.0");
  info->set_operating_system("linux");
  info->set_architecture("amd64");
  SetCondition("MemoryPressure", false, "KubeletHasSufficientMemory",
               "kubelet has sufficient memory available", now, status);
  SetCondition("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure",
               now, status);
  SetCondition("PIDPressure", false, "KubeletHasSufficientPID",
               "kubelet has sufficient PID available", now, status);
  SetCondition("Ready", true, "KubeletReady", "kubelet is posting ready status", now, status);
}

void Node::Register() {
  auto node = std::make_unique<corev1::Node>();
  node->mutable_metadata()->set_name(options_.name);
  Describe(node.get());
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Create(std::move(node)));
  ++reports_;
  client_->Commit(client::By("kubelet", std::move(writes)), loop_,
                  [this, alive = alive_](absl::StatusOr<client::WriteResult> result) {
                    if (!*alive) return;
                    --reports_;
                    if (result.ok() || absl::IsAlreadyExists(result.status())) return;
                    logger_.Warning("cannot register: %s", result.status().message());
                    loop_->PostAfter(absl::Seconds(1), [this, alive] {
                      if (*alive && running_) Register();
                    });
                  });
}

void Node::ReportNode(const api::ObjectPtr& current) {
  auto node = current->CopyAs<corev1::Node>();
  Describe(node.get());
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Update(std::move(node), "status"));
  ++reports_;
  client_->Commit(client::By("kubelet", std::move(writes)), loop_,
                  [this, alive = alive_](absl::StatusOr<client::WriteResult> result) {
                    if (!*alive) return;
                    --reports_;
                    if (result.ok()) return;
                    loop_->PostAfter(absl::Milliseconds(200), [this, alive] {
                      if (!*alive || !running_) return;
                      const auto again = node_informer_.Get("/" + options_.name);
                      if (again != nullptr) ReportNode(again);
                    });
                  });
}

void Node::Describe(corev1::Node* node) const {
  const absl::Time now = loop_->clock().Now();
  DescribeMachine(options_, now, node);
  corev1::NodeStatus* status = node->mutable_status();
  for (const std::string& pressure : pressures_) {
    SetCondition(pressure.c_str(), true, "Injected", "a fault was injected", now, status);
  }
  if (!full_) return;
  for (auto& [name, amount] : *status->mutable_allocatable()) {
    amount = api::Quantity::FromInt(0).ToProto();
  }
}

void Node::SetPressure(const std::string& condition, bool holds) {
  if (holds) {
    pressures_.insert(condition);
  } else {
    pressures_.erase(condition);
  }
  ReportAgain();
}

void Node::SetFull(bool full) {
  full_ = full;
  ReportAgain();
}

void Node::ReportAgain() {
  const api::ObjectPtr known = node_informer_.Get("/" + options_.name);
  if (running_ && known != nullptr) ReportNode(known);
}

void Node::RenewLeaseAfter(absl::Duration time) {
  lease_due_ = loop_->clock().Monotonic() + time;
  lease_timer_ = loop_->PostAfter(time, [this] { RenewLease(); });
}

void Node::RenewLease() {
  if (!running_) return;
  // Who did not hear from it may have called it dead; it lives.
  const api::ObjectPtr known = node_informer_.Get("/" + options_.name);
  if (known != nullptr && !IsReady(known->As<corev1::Node>())) ReportNode(known);
  RenewLeaseAfter(kRenewEvery);
  RotateLogs();  // With it, so that an idle node wakes up once.
  client_->Get(api::ResourceOf<coordinationv1::Lease>(), "kube-node-lease", options_.name, loop_,
               [this, alive = alive_](absl::StatusOr<api::ObjectPtr> found) {
                 if (!*alive || !running_) return;
                 const absl::Time now = loop_->clock().Now();
                 std::unique_ptr<coordinationv1::Lease> lease;
                 if (found.ok()) {
                   lease = (*found)->CopyAs<coordinationv1::Lease>();
                 } else {
                   lease = std::make_unique<coordinationv1::Lease>();
                   lease->mutable_metadata()->set_name(options_.name);
                   lease->mutable_metadata()->set_namespace_("kube-node-lease");
                 }
                 lease->mutable_spec()->set_holder_identity(options_.name);
                 lease->mutable_spec()->set_lease_duration_seconds(kLeaseSeconds);
                 *lease->mutable_spec()->mutable_renew_time() = api::MakeMicroTime(now);
                 std::vector<client::Write> writes;
                 writes.push_back(found.ok() ? client::Write::Update(std::move(lease))
                                             : client::Write::Create(std::move(lease)));
                 client_->Commit(client::By("kubelet", std::move(writes)), loop_,
                                 [](absl::StatusOr<client::WriteResult>) {});
               });
}

}  // namespace skiff::node
