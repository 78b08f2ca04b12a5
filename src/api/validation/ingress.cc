#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/validation/addresses.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/networking/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr char kClassAnnotation[] = "kubernetes.io/ingress.class";

// What was stored under older rules stays as it is.
struct Grandfathered {
  bool secret_names = false;    // Any name of a TLS secret.
  bool wildcard_rules = false;  // Any paths under a host with a wildcard.
};

// A kind and a name, which say what a backend or parameters are.
template <typename Ref>
void CheckReference(const Ref& ref, bool has_group, const std::string& group, const Path& path,
                    ErrorList* errors) {
  if (has_group) {
    errors->InvalidEach(path / "apiGroup", group, CheckDns1123Subdomain(group));
  }
  const std::pair<const char*, const std::string&> parts[] = {{"kind", ref.kind()},
                                                              {"name", ref.name()}};
  for (const auto& [member, text] : parts) {
    if (text.empty()) {
      errors->Required(path / member);
    } else {
      errors->InvalidEach(path / member, text, CheckPathSegment(text));
    }
  }
}

void CheckServiceBackend(const networkingv1::IngressServiceBackend& service, const Path& path,
                         ErrorList* errors) {
  const Path at = path / "service";
  if (service.name().empty()) {
    errors->Required(at / "name");
  } else {
    errors->InvalidEach(at / "name", service.name(), CheckDns1035Label(service.name()));
  }
  const networkingv1::ServiceBackendPort& port = service.port();
  if (!port.name().empty() && port.number() != 0) {
    errors->Invalid(path, "", "cannot set both port name & port number");
  } else if (!port.name().empty()) {
    errors->InvalidEach(at / "port" / "name", port.name(), CheckPortName(port.name()));
  } else if (port.number() != 0) {
    errors->InvalidEach(at / "port" / "number", port.number(), CheckPortNumber(port.number()));
  } else {
    errors->Required(path, "port name or number is required");
  }
}

void CheckBackend(const networkingv1::IngressBackend& backend, const Path& path,
                  ErrorList* errors) {
  if (backend.has_resource() && backend.has_service()) {
    errors->Invalid(path, "", "cannot set both resource and service backends");
  } else if (backend.has_resource()) {
    CheckReference(backend.resource(), backend.resource().has_api_group(),
                   backend.resource().api_group(), path / "resource", errors);
  } else if (backend.has_service()) {
    CheckServiceBackend(backend.service(), path, errors);
  } else {
    errors->Invalid(path, "", "resource or service backend is required");
  }
}

void CheckUrlPath(const networkingv1::HTTPIngressPath& rule, const Path& path, ErrorList* errors) {
  const std::string& text = rule.path();
  const bool exact = rule.path_type() != "ImplementationSpecific";
  if ((exact || !text.empty()) && !absl::StartsWith(text, "/")) {
    errors->Invalid(path, text, "must be an absolute path");
  }
  if (!exact) return;
  for (absl::string_view part : {"//", "/./", "/../", "%2f", "%2F"}) {
    if (absl::StrContains(text, part)) {
      errors->Invalid(path, text, absl::StrCat("must not contain '", part, "'"));
    }
  }
  for (absl::string_view end : {"/..", "/."}) {
    if (absl::EndsWith(text, end)) {
      errors->Invalid(path, text, absl::StrCat("cannot end with '", end, "'"));
    }
  }
}

void CheckHttpPath(const networkingv1::HTTPIngressPath& rule, const Path& path, ErrorList* errors) {
  if (!rule.has_path_type()) {
    errors->Required(path / "pathType", "pathType must be specified");
    return;
  }
  const std::string& type = rule.path_type();
  if (type == "Exact" || type == "Prefix" || type == "ImplementationSpecific") {
    CheckUrlPath(rule, path / "path", errors);
  } else {
    errors->NotSupported(path / "pathType", type, {"Exact", "ImplementationSpecific", "Prefix"});
  }
  CheckBackend(rule.backend(), path / "backend", errors);
}

void CheckRuleValue(const networkingv1::IngressRuleValue& rule, const Path& path,
                    ErrorList* errors) {
  if (!rule.has_http()) return;
  const Path paths = path / "http" / "paths";
  if (rule.http().paths().empty()) errors->Required(paths);
  for (int i = 0; i < rule.http().paths_size(); ++i) {
    CheckHttpPath(rule.http().paths(i), paths[i], errors);
  }
}

// "example.com/what/ever": a domain, and a path as URLs have them.
void CheckDomainPath(const std::string& text, const Path& path, ErrorList* errors) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  if (parts.first.empty() || parts.second.empty()) {
    errors->Invalid(path, text, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    return;
  }
  errors->InvalidEach(path, parts.first, CheckDns1123Subdomain(parts.first));
  const bool plain = std::all_of(parts.second.begin(), parts.second.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("/-._~%!$&'()*+,;=:", c);
  });
  if (!plain) {
    errors->Invalid(path, parts.second,
                    "Invalid path (regex used for validation is "
                    "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
  }
}

bool IsWildcard(const std::string& host) { return absl::StrContains(host, "*"); }

void CheckDnsName(const std::string& host, const Path& path, ErrorList* errors) {
  errors->InvalidEach(
      path, host,
      IsWildcard(host) ? CheckWildcardDns1123Subdomain(host) : CheckDns1123Subdomain(host));
}

void CheckNoAddress(const std::string& host, const Path& path, ErrorList* errors) {
  if (IpAddress::ParseLoosely(host).has_value()) {
    errors->Invalid(path, host, "must be a DNS name, not an IP address");
  }
}

void CheckTls(const networkingv1::IngressTLS& tls, bool any_secret, const Path& path,
              ErrorList* errors) {
  for (int i = 0; i < tls.hosts_size(); ++i) {
    CheckDnsName(tls.hosts(i), (path / "hosts")[i], errors);
  }
  if (!any_secret && !tls.secret_name().empty()) {
    errors->InvalidEach(path / "secretName", tls.secret_name(),
                        CheckDns1123Subdomain(tls.secret_name()));
  }
}

void CheckIngressSpec(const networkingv1::IngressSpec& spec, const Grandfathered& allowed,
                      ErrorList* errors) {
  const Path path("spec");
  if (spec.rules().empty() && !spec.has_default_backend()) {
    errors->Invalid(path, nullptr, "either `defaultBackend` or `rules` must be specified");
  }
  if (spec.has_default_backend()) {
    CheckBackend(spec.default_backend(), path / "defaultBackend", errors);
  }
  for (int i = 0; i < spec.rules_size(); ++i) {
    const networkingv1::IngressRule& rule = spec.rules(i);
    const Path at = (path / "rules")[i];
    if (!rule.host().empty()) {
      CheckNoAddress(rule.host(), at / "host", errors);
      CheckDnsName(rule.host(), at / "host", errors);
    }
    if (!IsWildcard(rule.host()) || !allowed.wildcard_rules) {
      CheckRuleValue(rule.ingress_rule_value(), at, errors);
    }
  }
  for (int i = 0; i < spec.tls_size(); ++i) {
    CheckTls(spec.tls(i), allowed.secret_names, (path / "tls")[i], errors);
  }
  if (spec.has_ingress_class_name()) {
    errors->InvalidEach(path / "ingressClassName", spec.ingress_class_name(),
                        CheckDns1123Subdomain(spec.ingress_class_name()));
  }
}

Grandfathered FaultsOf(const networkingv1::IngressSpec& spec) {
  Grandfathered faults;
  for (const networkingv1::IngressTLS& tls : spec.tls()) {
    if (!tls.secret_name().empty() && !CheckDns1123Subdomain(tls.secret_name()).empty()) {
      faults.secret_names = true;
    }
  }
  for (const networkingv1::IngressRule& rule : spec.rules()) {
    ErrorList errors;
    if (IsWildcard(rule.host())) CheckRuleValue(rule.ingress_rule_value(), Path(), &errors);
    if (!errors.empty()) faults.wildcard_rules = true;
  }
  return faults;
}

void CheckParameters(const networkingv1::IngressClassParametersReference& parameters,
                     const Path& path, ErrorList* errors) {
  CheckReference(parameters, parameters.has_a_pi_group(), parameters.a_pi_group(), path, errors);
  if (!parameters.has_scope()) {
    errors->Required(path / "scope");
    return;
  }
  const std::string& space = parameters.namespace_();
  if (parameters.scope() == "Namespace") {
    if (!parameters.has_namespace_()) {
      errors->Required(path / "namespace", "`parameters.scope` is set to 'Namespace'");
    } else {
      errors->InvalidEach(path / "namespace", space, CheckDns1123Label(space));
    }
  } else if (parameters.scope() == "Cluster") {
    if (parameters.has_namespace_()) {
      errors->Forbidden(path / "namespace", "`parameters.scope` is set to 'Cluster'");
    }
  } else {
    errors->NotSupported(path / "scope", parameters.scope(), {"Cluster", "Namespace"});
  }
}

}  // namespace

void CheckIngress(const networkingv1::Ingress& ingress, ErrorList* errors) {
  CheckIngressSpec(ingress.spec(), {}, errors);
  const auto annotation = ingress.metadata().annotations().find(kClassAnnotation);
  if (annotation != ingress.metadata().annotations().end() &&
      ingress.spec().has_ingress_class_name() &&
      annotation->second != ingress.spec().ingress_class_name()) {
    errors->Invalid(Path("annotations") / kClassAnnotation, annotation->second,
                    "must match `ingressClassName` when both are specified");
  }
}

void CheckIngressUpdate(const networkingv1::Ingress& now, const networkingv1::Ingress& old,
                        ErrorList* errors) {
  CheckIngressSpec(now.spec(), FaultsOf(old.spec()), errors);
}

void CheckIngressStatus(const networkingv1::Ingress& now, const networkingv1::Ingress&,
                        ErrorList* errors) {
  const auto& ingress = now.status().load_balancer().ingress();
  for (int i = 0; i < ingress.size(); ++i) {
    const Path at = Path("status.loadBalancer.ingress")[i];
    const std::string& host = ingress[i].hostname();
    if (!ingress[i].ip().empty()) {
      errors->InvalidEach(at / "ip", ingress[i].ip(), CheckIpLoosely(ingress[i].ip()));
    }
    if (!host.empty()) {
      errors->InvalidEach(at / "hostname", host, CheckDns1123Subdomain(host));
      CheckNoAddress(host, at / "hostname", errors);
    }
  }
}

void CheckIngressClass(const networkingv1::IngressClass& ingress_class, ErrorList* errors) {
  const networkingv1::IngressClassSpec& spec = ingress_class.spec();
  const Path path = Path("spec") / "controller";
  if (spec.controller().empty()) {
    errors->Required(path);
  } else {
    if (spec.controller().size() > 250) errors->TooLong(path, 250);
    CheckDomainPath(spec.controller(), path, errors);
  }
  if (spec.has_parameters()) CheckParameters(spec.parameters(), Path("spec.parameters"), errors);
}

void CheckIngressClassUpdate(const networkingv1::IngressClass& now,
                             const networkingv1::IngressClass& old, ErrorList* errors) {
  errors->Immutable(Path("spec.controller"), now.spec().controller(),
                    now.spec().controller() == old.spec().controller());
  CheckIngressClass(now, errors);
}

}  // namespace skiff::api
