#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "api/validation/addresses.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckDns(const corev1::PodSpec& spec, const Path& path, ErrorList* errors) {
  errors->OneOfRequired(path / "dnsPolicy", spec.dns_policy(),
                        {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"});
  const Path config = path / "dnsConfig";
  if (spec.dns_policy() == "None" && spec.dns_config().nameservers().empty()) {
    errors->Required(config / "nameservers",
                     "must provide at least one DNS nameserver when `dnsPolicy` is None");
  }
  if (spec.dns_config().nameservers_size() > 3) {
    errors->Invalid(config / "nameservers", spec.dns_config().nameservers_size(),
                    "must not have more than 3 nameservers");
  }
  for (int i = 0; i < spec.dns_config().nameservers_size(); ++i) {
    const std::string& server = spec.dns_config().nameservers(i);
    errors->InvalidEach((config / "nameservers")[i], server, CheckIpLoosely(server));
  }
  for (int i = 0; i < spec.dns_config().options_size(); ++i) {
    if (spec.dns_config().options(i).name().empty()) {
      errors->Required((config / "options")[i], "must not be empty");
    }
  }
}

void CheckName(const std::string& name, NameCheck check, const Path& path, ErrorList* errors) {
  if (!name.empty()) errors->InvalidEach(path, name, check(name));
}

void CheckReferences(const corev1::PodSpec& spec, const Path& path, ErrorList* errors) {
  CheckName(spec.service_account_name(), CheckDns1123Subdomain, path / "serviceAccountName",
            errors);
  CheckName(spec.node_name(), CheckDns1123Subdomain, path / "nodeName", errors);
  CheckName(spec.hostname(), CheckDns1123Label, path / "hostname", errors);
  CheckName(spec.subdomain(), CheckDns1123Label, path / "subdomain", errors);
  CheckName(spec.priority_class_name(), CheckDns1123Subdomain, path / "priorityClassName", errors);
  CheckName(spec.runtime_class_name(), CheckDns1123Subdomain, path / "runtimeClassName", errors);
  for (int i = 0; i < spec.image_pull_secrets_size(); ++i) {
    if (spec.image_pull_secrets(i).name().empty()) {
      errors->Required((path / "imagePullSecrets")[i] / "name");
    }
  }
  for (int i = 0; i < spec.host_aliases_size(); ++i) {
    const corev1::HostAlias& alias = spec.host_aliases(i);
    const Path at = (path / "hostAliases")[i];
    errors->InvalidEach(at / "ip", alias.ip(), CheckIpLoosely(alias.ip()));
    for (const std::string& name : alias.hostnames()) {
      errors->InvalidEach(at / "hostnames", name, CheckDns1123Subdomain(name));
    }
  }
}

}  // namespace

void CheckPodSpec(const corev1::PodSpec& spec, const Path& path, ErrorList* errors) {
  CheckVolumes(spec, path / "volumes", errors);
  CheckContainers(spec, path, errors);
  errors->OneOfRequired(path / "restartPolicy", spec.restart_policy(),
                        {"Always", "OnFailure", "Never"});
  CheckDns(spec, path, errors);
  CheckLabels(spec.node_selector(), path / "nodeSelector", errors);
  CheckPodSecurity(spec, path, errors);
  CheckReferences(spec, path, errors);
  if (spec.has_affinity()) CheckAffinity(spec.affinity(), path / "affinity", errors);
  CheckTolerations(spec.tolerations(), path / "tolerations", errors);
  CheckTopologySpread(spec, path / "topologySpreadConstraints", errors);
  CheckResourceList(spec.overhead(), path / "overhead", errors);
  if (spec.has_resources()) CheckResources(spec.resources(), path / "resources", errors);
  errors->NotNegative(path / "terminationGracePeriodSeconds",
                      spec.termination_grace_period_seconds());
  if (spec.has_active_deadline_seconds() &&
      (spec.active_deadline_seconds() < 1 ||
       spec.active_deadline_seconds() > std::numeric_limits<int32_t>::max())) {
    errors->Invalid(path / "activeDeadlineSeconds", spec.active_deadline_seconds(),
                    "must be between 1 and 2147483647, inclusive");
  }
  std::set<std::string> gates;
  for (int i = 0; i < spec.scheduling_gates_size(); ++i) {
    const std::string& gate = spec.scheduling_gates(i).name();
    const Path at = (path / "schedulingGates")[i];
    errors->InvalidEach(at, gate, CheckQualifiedName(gate));
    if (!gates.insert(gate).second) errors->Duplicate(at, gate);
  }
  for (int i = 0; i < spec.readiness_gates_size(); ++i) {
    const std::string& type = spec.readiness_gates(i).condition_type();
    errors->InvalidEach((path / "readinessGates")[i] / "conditionType", type,
                        CheckQualifiedName(type));
  }
}

void CheckPodTemplate(const corev1::PodTemplateSpec& pod_template, const Path& path,
                      ErrorList* errors) {
  CheckLabels(pod_template.metadata().labels(), path / "labels", errors);
  CheckAnnotations(pod_template.metadata().annotations(), path / "annotations", errors);
  CheckPodSpec(pod_template.spec(), path / "spec", errors);
  if (!pod_template.spec().ephemeral_containers().empty()) {
    errors->Forbidden(path / "spec" / "ephemeralContainers",
                      "ephemeral containers not allowed in pod template");
  }
}

void CheckPod(const corev1::Pod& pod, ErrorList* errors) {
  const Path path("spec");
  CheckPodSpec(pod.spec(), path, errors);
  if (pod.spec().scheduling_gates_size() > 0 && !pod.spec().node_name().empty()) {
    errors->Forbidden(path / "nodeName",
                      "cannot be set until all schedulingGates have been cleared");
  }
}

}  // namespace skiff::api
