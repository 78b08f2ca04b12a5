#include "absl/strings/str_cat.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckExec(const corev1::ExecAction& action, const Path& path, ErrorList* errors) {
  if (action.command().empty()) errors->Required(path / "command");
}

void CheckHttpGet(const corev1::HTTPGetAction& action, const Path& path, ErrorList* errors) {
  if (action.path().empty()) errors->Required(path / "path");
  CheckPort(action.port(), path / "port", errors);
  errors->OneOf(path / "scheme", action.scheme(), {"HTTP", "HTTPS"});
  for (int i = 0; i < action.http_headers_size(); ++i) {
    const std::string& name = action.http_headers(i).name();
    errors->InvalidEach((path / "httpHeaders")[i] / "name", name, CheckHttpHeaderName(name));
  }
}

// Counts the handlers of a probe or hook, each checked; complains of every one after the first.
class Handlers {
 public:
  Handlers(const Path& path, ErrorList* errors) : path_(path), errors_(errors) {}

  template <typename Check>
  void One(bool given, absl::string_view member, Check check) {
    if (!given) return;
    if (count_++ > 0) {
      errors_->Forbidden(path_ / member, "may not specify more than 1 handler type");
    } else {
      check(path_ / member);
    }
  }

  template <typename Handler>
  void Shared(const Handler& handler) {
    One(handler.has_exec(), "exec",
        [&](const Path& at) { CheckExec(handler.exec(), at, errors_); });
    One(handler.has_http_get(), "httpGet",
        [&](const Path& at) { CheckHttpGet(handler.http_get(), at, errors_); });
    One(handler.has_tcp_socket(), "tcpSocket",
        [&](const Path& at) { CheckPort(handler.tcp_socket().port(), at / "port", errors_); });
  }

  void Finish() {
    if (count_ == 0) errors_->Required(path_, "must specify a handler type");
  }

 private:
  const Path& path_;
  ErrorList* errors_;
  int count_ = 0;
};

void CheckProbe(const corev1::Probe& probe, const Path& path, ErrorList* errors) {
  Handlers handlers(path, errors);
  handlers.Shared(probe.handler());
  handlers.One(probe.handler().has_grpc(), "grpc", [&](const Path& at) {
    errors->InvalidEach(at / "port", probe.handler().grpc().port(),
                        CheckPortNumber(probe.handler().grpc().port()));
  });
  handlers.Finish();
  errors->NotNegative(path / "initialDelaySeconds", probe.initial_delay_seconds());
  errors->NotNegative(path / "timeoutSeconds", probe.timeout_seconds());
  errors->NotNegative(path / "periodSeconds", probe.period_seconds());
  errors->NotNegative(path / "successThreshold", probe.success_threshold());
  errors->NotNegative(path / "failureThreshold", probe.failure_threshold());
  if (probe.has_termination_grace_period_seconds() &&
      probe.termination_grace_period_seconds() <= 0) {
    errors->Invalid(path / "terminationGracePeriodSeconds",
                    probe.termination_grace_period_seconds(), "must be greater than 0");
  }
}

// A probe whose first success is final.
void CheckSingleSuccess(const corev1::Probe& probe, const Path& path, ErrorList* errors) {
  CheckProbe(probe, path, errors);
  if (probe.success_threshold() != 1) {
    errors->Invalid(path / "successThreshold", probe.success_threshold(), "must be 1");
  }
}

}  // namespace

void CheckPort(const IntOrString& port, const Path& path, ErrorList* errors) {
  if (IsString(port)) {
    errors->InvalidEach(path, port.str_val(), CheckPortName(port.str_val()));
  } else {
    errors->InvalidEach(path, port.int_val(), CheckPortNumber(port.int_val()));
  }
}

void CheckProbes(const corev1::Container& container, const Path& path, ErrorList* errors) {
  if (container.has_liveness_probe()) {
    CheckSingleSuccess(container.liveness_probe(), path / "livenessProbe", errors);
  }
  if (container.has_startup_probe()) {
    CheckSingleSuccess(container.startup_probe(), path / "startupProbe", errors);
  }
  if (container.has_readiness_probe()) {
    const Path readiness = path / "readinessProbe";
    CheckProbe(container.readiness_probe(), readiness, errors);
    if (container.readiness_probe().has_termination_grace_period_seconds()) {
      errors->Invalid(readiness / "terminationGracePeriodSeconds",
                      container.readiness_probe().termination_grace_period_seconds(),
                      "must not be set for readinessProbes");
    }
  }
}

void CheckLifecycle(const corev1::Lifecycle& lifecycle, const Path& path, ErrorList* errors) {
  const auto check = [errors](const corev1::LifecycleHandler& handler, const Path& at) {
    Handlers handlers(at, errors);
    handlers.Shared(handler);
    handlers.One(handler.has_sleep(), "sleep", [&](const Path& sleep) {
      errors->NotNegative(sleep / "seconds", handler.sleep().seconds());
    });
    handlers.Finish();
  };
  if (lifecycle.has_post_start()) check(lifecycle.post_start(), path / "postStart");
  if (lifecycle.has_pre_stop()) check(lifecycle.pre_stop(), path / "preStop");
}

}  // namespace skiff::api
