#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckPorts(const corev1::Container& container, bool host_network, const Path& path,
                ErrorList* errors) {
  std::set<std::string> names;
  for (int i = 0; i < container.ports_size(); ++i) {
    const corev1::ContainerPort& port = container.ports(i);
    const Path at = path[i];
    if (!port.name().empty()) {
      errors->InvalidEach(at / "name", port.name(), CheckPortName(port.name()));
      if (!names.insert(port.name()).second) errors->Duplicate(at / "name", port.name());
    }
    if (port.container_port() == 0) {
      errors->Required(at / "containerPort");
    } else {
      errors->InvalidEach(at / "containerPort", port.container_port(),
                          CheckPortNumber(port.container_port()));
    }
    if (port.host_port() != 0) {
      errors->InvalidEach(at / "hostPort", port.host_port(), CheckPortNumber(port.host_port()));
    }
    // In a template it may be left out: the pod made from it is defaulted.
    if (host_network && port.host_port() != 0 && port.host_port() != port.container_port()) {
      errors->Invalid(at / "hostPort", port.host_port(),
                      "must match `containerPort` when `hostNetwork` is true");
    }
    errors->OneOfRequired(at / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
  }
}

// Checks and remembers names and host ports over all containers of one pod.
class ContainerChecker {
 public:
  ContainerChecker(const corev1::PodSpec& spec, ErrorList* errors) : spec_(spec), errors_(errors) {}

  void Regular(const corev1::Container& container, const Path& path) {
    Common(container, path);
    HostPorts(container, path / "ports");
    if (container.has_lifecycle()) {
      CheckLifecycle(container.lifecycle(), path / "lifecycle", errors_);
    }
    CheckProbes(container, path, errors_);
    if (container.has_restart_policy()) {
      errors_->OneOf(path / "restartPolicy", container.restart_policy(),
                     {"Always", "Never", "OnFailure"});
    }
  }

  void Init(const corev1::Container& container, const Path& path) {
    Common(container, path);
    if (container.has_restart_policy()) {
      errors_->OneOf(path / "restartPolicy", container.restart_policy(),
                     {"Always", "Never", "OnFailure"});
    }
    if (container.restart_policy() == "Always") {
      HostPorts(container, path / "ports");
      CheckProbes(container, path, errors_);
      if (container.has_lifecycle()) {
        CheckLifecycle(container.lifecycle(), path / "lifecycle", errors_);
      }
      return;
    }
    NotInInit(container.has_lifecycle(), path / "lifecycle");
    NotInInit(container.has_liveness_probe(), path / "livenessProbe");
    NotInInit(container.has_readiness_probe(), path / "readinessProbe");
    NotInInit(container.has_startup_probe(), path / "startupProbe");
  }

 private:
  void Common(const corev1::Container& container, const Path& path) {
    if (container.name().empty()) {
      errors_->Required(path / "name");
    } else {
      errors_->InvalidEach(path / "name", container.name(), CheckDns1123Label(container.name()));
      if (!names_.insert(container.name()).second) {
        errors_->Duplicate(path / "name", container.name());
      }
    }
    // A program of this machine comes without an image.
    if (container.image().empty()) {
      if (spec_.runtime_class_name() != "process") errors_->Required(path / "image");
    } else if (absl::StripAsciiWhitespace(container.image()).size() != container.image().size()) {
      errors_->Invalid(path / "image", container.image(),
                       "must not have leading or trailing whitespace");
    }
    errors_->OneOfRequired(path / "imagePullPolicy", container.image_pull_policy(),
                           {"Always", "IfNotPresent", "Never"});
    errors_->OneOfRequired(path / "terminationMessagePolicy",
                           container.termination_message_policy(),
                           {"FallbackToLogsOnError", "File"});
    CheckPorts(container, spec_.host_network(), path / "ports", errors_);
    CheckEnv(container, path, errors_);
    CheckVolumeMounts(container, spec_, path / "volumeMounts", errors_);
    CheckResources(container.resources(), path / "resources", errors_);
    if (container.has_security_context()) {
      CheckContainerSecurity(container.security_context(), path / "securityContext", errors_);
    }
  }

  void NotInInit(bool given, const Path& path) {
    if (given) {
      errors_->Forbidden(path, "may not be set for init containers without restartPolicy=Always");
    }
  }

  void HostPorts(const corev1::Container& container, const Path& path) {
    for (int i = 0; i < container.ports_size(); ++i) {
      const corev1::ContainerPort& port = container.ports(i);
      if (port.host_port() == 0) continue;
      const std::string place =
          absl::StrCat(port.protocol(), "/", port.host_ip(), "/", port.host_port());
      if (!host_ports_.insert(place).second) errors_->Duplicate(path[i] / "hostPort", place);
    }
  }

  const corev1::PodSpec& spec_;
  ErrorList* errors_;
  std::set<std::string> names_;
  std::set<std::string> host_ports_;
};

}  // namespace

void CheckContainers(const corev1::PodSpec& spec, const Path& path, ErrorList* errors) {
  ContainerChecker checker(spec, errors);
  if (spec.containers().empty()) errors->Required(path / "containers");
  for (int i = 0; i < spec.containers_size(); ++i) {
    checker.Regular(spec.containers(i), (path / "containers")[i]);
  }
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    checker.Init(spec.init_containers(i), (path / "initContainers")[i]);
  }
}

}  // namespace skiff::api
