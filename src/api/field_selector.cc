#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/selector.h"
#include "base/status.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::api {
namespace {

using google::protobuf::Descriptor;

// One selectable field of one kind: its name in selectors and how to read it.
template <typename T>
struct Selectable {
  absl::string_view field;
  std::string (*read)(const T&);
};

std::string Text(bool value) { return value ? "true" : "false"; }

const Selectable<corev1::Pod> kPodFields[] = {
    {"spec.nodeName", [](const corev1::Pod& pod) { return pod.spec().node_name(); }},
    {"spec.restartPolicy", [](const corev1::Pod& pod) { return pod.spec().restart_policy(); }},
    {"spec.schedulerName", [](const corev1::Pod& pod) { return pod.spec().scheduler_name(); }},
    {"spec.serviceAccountName",
     [](const corev1::Pod& pod) { return pod.spec().service_account_name(); }},
    {"spec.hostNetwork", [](const corev1::Pod& pod) { return Text(pod.spec().host_network()); }},
    {"status.phase", [](const corev1::Pod& pod) { return pod.status().phase(); }},
    {"status.podIP",
     [](const corev1::Pod& pod) {
       return pod.status().pod_ips_size() > 0 ? pod.status().pod_ips(0).ip()
                                              : pod.status().pod_ip();
     }},
    {"status.podIPs",
     [](const corev1::Pod& pod) {
       return pod.status().pod_ips_size() > 0 ? pod.status().pod_ips(0).ip()
                                              : pod.status().pod_ip();
     }},
    {"status.nominatedNodeName",
     [](const corev1::Pod& pod) { return pod.status().nominated_node_name(); }},
};

const Selectable<corev1::Event> kEventFields[] = {
    {"involvedObject.kind", [](const corev1::Event& e) { return e.involved_object().kind(); }},
    {"involvedObject.namespace",
     [](const corev1::Event& e) { return e.involved_object().namespace_(); }},
    {"involvedObject.name", [](const corev1::Event& e) { return e.involved_object().name(); }},
    {"involvedObject.uid", [](const corev1::Event& e) { return e.involved_object().uid(); }},
    {"involvedObject.apiVersion",
     [](const corev1::Event& e) { return e.involved_object().api_version(); }},
    {"involvedObject.resourceVersion",
     [](const corev1::Event& e) { return e.involved_object().resource_version(); }},
    {"involvedObject.fieldPath",
     [](const corev1::Event& e) { return e.involved_object().field_path(); }},
    {"reason", [](const corev1::Event& e) { return e.reason(); }},
    {"reportingComponent", [](const corev1::Event& e) { return e.reporting_component(); }},
    {"source",
     [](const corev1::Event& e) {
       return e.source().component().empty() ? e.reporting_component() : e.source().component();
     }},
    {"type", [](const corev1::Event& e) { return e.type(); }},
};

const Selectable<corev1::Node> kNodeFields[] = {
    {"spec.unschedulable",
     [](const corev1::Node& node) { return Text(node.spec().unschedulable()); }},
};
const Selectable<corev1::Secret> kSecretFields[] = {
    {"type", [](const corev1::Secret& secret) { return secret.type(); }},
};
const Selectable<batchv1::Job> kJobFields[] = {
    {"status.successful",
     [](const batchv1::Job& job) { return absl::StrCat(job.status().succeeded()); }},
};
const Selectable<corev1::Namespace> kNamespaceFields[] = {
    {"name", [](const corev1::Namespace& space) { return space.metadata().name(); }},
    {"status.phase", [](const corev1::Namespace& space) { return space.status().phase(); }},
};
const Selectable<appsv1::ReplicaSet> kReplicaSetFields[] = {
    {"status.replicas",
     [](const appsv1::ReplicaSet& set) { return absl::StrCat(set.status().replicas()); }},
};
const Selectable<resourcev1::ResourceSlice> kResourceSliceFields[] = {
    {"spec.nodeName", [](const resourcev1::ResourceSlice& s) { return s.spec().node_name(); }},
    {"spec.driver", [](const resourcev1::ResourceSlice& s) { return s.spec().driver(); }},
};
const Selectable<corev1::ReplicationController> kReplicationControllerFields[] = {
    {"status.replicas",
     [](const corev1::ReplicationController& controller) {
       return absl::StrCat(controller.status().replicas());
     }},
};
const Selectable<certificatesv1::CertificateSigningRequest> kCertificateRequestFields[] = {
    {"spec.signerName",
     [](const certificatesv1::CertificateSigningRequest& request) {
       return request.spec().signer_name();
     }},
};
const Selectable<corev1::Service> kServiceFields[] = {
    {"spec.clusterIP", [](const corev1::Service& service) { return service.spec().cluster_ip(); }},
    {"spec.type", [](const corev1::Service& service) { return service.spec().type(); }},
};

template <typename T>
const Selectable<T>* Find(std::span<const Selectable<T>> rows, absl::string_view field) {
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const Selectable<T>& r) { return r.field == field; });
  return row == rows.end() ? nullptr : &*row;
}

// Calls `visit` with the rows of the kind, if it has any of its own.
template <typename Visit>
void VisitKind(const Descriptor* kind, Visit visit) {
  if (kind == corev1::Pod::descriptor())
    visit(std::span(kPodFields));
  else if (kind == corev1::Event::descriptor())
    visit(std::span(kEventFields));
  else if (kind == corev1::Node::descriptor())
    visit(std::span(kNodeFields));
  else if (kind == corev1::Secret::descriptor())
    visit(std::span(kSecretFields));
  else if (kind == batchv1::Job::descriptor())
    visit(std::span(kJobFields));
  else if (kind == corev1::Namespace::descriptor())
    visit(std::span(kNamespaceFields));
  else if (kind == appsv1::ReplicaSet::descriptor())
    visit(std::span(kReplicaSetFields));
  else if (kind == corev1::ReplicationController::descriptor())
    visit(std::span(kReplicationControllerFields));
  else if (kind == certificatesv1::CertificateSigningRequest::descriptor())
    visit(std::span(kCertificateRequestFields));
  else if (kind == corev1::Service::descriptor())
    visit(std::span(kServiceFields));
  else if (kind == resourcev1::ResourceSlice::descriptor())
    visit(std::span(kResourceSliceFields));
}

template <typename T, size_t N>
std::string Read(std::span<const Selectable<T>, N> rows, const Object& object,
                 absl::string_view field) {
  const Selectable<T>* row = Find<T>(rows, field);
  return row == nullptr ? std::string() : row->read(object.As<T>());
}

template <typename T, size_t N>
bool Knows(std::span<const Selectable<T>, N> rows, absl::string_view field) {
  return Find<T>(rows, field) != nullptr;
}

// Splits at commas that no backslash escapes.
std::vector<absl::string_view> SplitTerms(absl::string_view text) {
  std::vector<absl::string_view> terms;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ',') {
      terms.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  terms.push_back(text.substr(start));
  return terms;
}

absl::StatusOr<std::string> Unescape(absl::string_view value) {
  std::string plain;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == ',' || c == '=') {
      return absl::InvalidArgumentError(absl::StrCat(
          "invalid field selector: unescaped character in value: ", absl::string_view(&c, 1)));
    }
    if (c != '\\') {
      plain += c;
      continue;
    }
    const absl::string_view sequence = value.substr(i, 2);
    if (sequence != "\\\\" && sequence != "\\," && sequence != "\\=") {
      return absl::InvalidArgumentError(
          absl::StrCat("invalid field selector: invalid escape sequence: ", sequence));
    }
    plain += sequence[1];
    ++i;
  }
  return plain;
}

std::string Escape(absl::string_view value) {
  std::string escaped;
  for (char c : value) {
    if (c == '\\' || c == ',' || c == '=') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

absl::StatusOr<FieldSelector> FieldSelector::Parse(const ResourceInfo& resource,
                                                   absl::string_view text) {
  FieldSelector selector;
  for (absl::string_view part : SplitTerms(text)) {
    if (part.empty()) continue;
    const size_t at = part.find_first_of("=!");
    const bool equal = at != absl::string_view::npos && part[at] == '=';
    size_t after = at + 1;
    if (at == absl::string_view::npos || at == 0 ||
        (!equal && (after >= part.size() || part[after] != '='))) {
      return absl::InvalidArgumentError(
          absl::StrCat("invalid selector: '", text, "'; can't understand '", part, "'"));
    }
    if (after < part.size() && part[after] == '=') ++after;
    const absl::string_view field = part.substr(0, at);
    if (!IsSelectableField(resource, field)) {
      return absl::InvalidArgumentError(absl::StrCat("field label not supported: ", field));
    }
    SKIFF_ASSIGN_OR_RETURN(std::string value, Unescape(part.substr(after)));
    selector.terms_.push_back({std::string(field), equal, std::move(value)});
  }
  return selector;
}

bool FieldSelector::Matches(const Object& object) const {
  return Matches([&](absl::string_view field) { return SelectableField(object, field); });
}

bool FieldSelector::Matches(
    absl::FunctionRef<std::string(absl::string_view field)> value_of) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    return (value_of(term.field) == term.value) == term.equal;
  });
}

std::optional<absl::string_view> FieldSelector::Exact(absl::string_view field) const {
  for (const Term& term : terms_) {
    if (term.equal && term.field == field) return term.value;
  }
  return std::nullopt;
}

std::string FieldSelector::ToString() const {
  return absl::StrJoin(terms_, ",", [](std::string* out, const Term& term) {
    absl::StrAppend(out, term.field, term.equal ? "=" : "!=", Escape(term.value));
  });
}

std::string SelectableField(const Object& object, absl::string_view field) {
  if (field == "metadata.name") return object.meta().name();
  if (field == "metadata.namespace") return object.meta().namespace_();
  std::string value;
  VisitKind(object.message().GetDescriptor(),
            [&](auto rows) { value = Read(rows, object, field); });
  return value;
}

bool IsSelectableField(const ResourceInfo& resource, absl::string_view field) {
  if (field == "metadata.name" || field == "metadata.namespace") return true;
  bool known = false;
  VisitKind(resource.prototype->GetDescriptor(), [&](auto rows) { known = Knows(rows, field); });
  return known;
}

}  // namespace skiff::api
