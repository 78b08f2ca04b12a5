#include "node/pod_fields.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace skiff::node {
namespace {

// As Go's %q writes it, for what labels and annotations hold.
std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Lines(const google::protobuf::Map<std::string, std::string>& map) {
  const std::map<std::string, std::string> sorted(map.begin(), map.end());
  std::string out;
  for (const auto& [key, value] : sorted) {
    absl::StrAppend(&out, out.empty() ? "" : "\n", key, "=", Quoted(value));
  }
  return out;
}

absl::StatusOr<api::Quantity> AskedFor(const corev1::Container& container,
                                       const std::string& resource, const PodPlaces& places) {
  absl::string_view name = resource;
  const bool limit = absl::ConsumePrefix(&name, "limits.");
  if (!limit && !absl::ConsumePrefix(&name, "requests.")) {
    return absl::InvalidArgumentError(absl::StrCat("unsupported container resource: ", resource,
                                                   ": use limits.NAME or requests.NAME"));
  }
  const auto& resources = container.resources();
  const auto& list = limit ? resources.limits() : resources.requests();
  if (const auto it = list.find(std::string(name)); it != list.end()) {
    return api::Quantity::FromProto(it->second);
  }
  if (limit && name == "cpu") return api::Quantity::FromMilli(places.node_cpu_millis);
  if (limit && name == "memory") return api::Quantity::FromInt(places.node_memory_bytes);
  return api::Quantity();
}

}  // namespace

std::string Expand(const std::string& text, const Variables& variables) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 >= text.size()) {
      out += text[i];
    } else if (text[i + 1] == '$') {
      out += '$';
      ++i;
    } else if (const size_t end = text.find(')', i);
               text[i + 1] == '(' && end != std::string::npos) {
      const std::string name = text.substr(i + 2, end - i - 2);
      const auto it = std::find_if(variables.rbegin(), variables.rend(),
                                   [&](const auto& variable) { return variable.first == name; });
      out += it == variables.rend() ? text.substr(i, end - i + 1) : it->second;
      i = end;
    } else {
      out += '$';
    }
  }
  return out;
}

absl::StatusOr<std::string> FieldValue(const corev1::Pod& pod, const std::string& path,
                                       const PodPlaces& places) {
  const metav1::ObjectMeta& meta = pod.metadata();
  if (path == "metadata.name") return meta.name();
  if (path == "metadata.namespace") return meta.namespace_();
  if (path == "metadata.uid") return meta.uid();
  if (path == "spec.nodeName") return places.node_name;
  if (path == "spec.serviceAccountName") return pod.spec().service_account_name();
  if (path == "status.podIP" || path == "status.podIPs") return places.pod_ip;
  if (path == "status.hostIP" || path == "status.hostIPs") return places.host_ip;
  for (const auto& [prefix, map] : {std::pair("metadata.labels", &meta.labels()),
                                    std::pair("metadata.annotations", &meta.annotations())}) {
    if (path == prefix) return Lines(*map);
    if (absl::StartsWith(path, absl::StrCat(prefix, "['")) && absl::EndsWith(path, "']")) {
      const size_t start = std::string(prefix).size() + 2;
      const auto it = map->find(path.substr(start, path.size() - start - 2));
      return it == map->end() ? std::string() : it->second;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("unsupported fieldPath: ", path));
}

absl::StatusOr<std::string> ResourceValue(const corev1::Pod& pod,
                                          const corev1::Container* container,
                                          const corev1::ResourceFieldSelector& selector,
                                          const PodPlaces& places) {
  if (!selector.container_name().empty()) {
    container = nullptr;
    for (const auto* list : {&pod.spec().init_containers(), &pod.spec().containers()}) {
      for (const corev1::Container& each : *list) {
        if (each.name() == selector.container_name()) container = &each;
      }
    }
  }
  if (container == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("container \"", selector.container_name(),
                                                   "\" of resourceFieldRef ", selector.resource(),
                                                   " is not in the pod"));
  }
  SKIFF_ASSIGN_OR_RETURN(const api::Quantity amount,
                         AskedFor(*container, selector.resource(), places));
  SKIFF_ASSIGN_OR_RETURN(const api::Quantity divisor, api::Quantity::FromProto(selector.divisor()));
  // Divisors are 1, 1m, or a size in bytes: thousandths hold them all.
  const auto milli = [](const api::Quantity& quantity) {
    return static_cast<__int128>(quantity.Value()) < (INT64_MAX / 1000)
               ? static_cast<__int128>(quantity.MilliValue())
               : static_cast<__int128>(quantity.Value()) * 1000;
  };
  const __int128 unit = divisor.IsZero() ? 1000 : milli(divisor);
  return absl::StrCat(static_cast<int64_t>((milli(amount) + unit - 1) / unit));
}

int64_t AmountOf(const google::protobuf::Map<std::string, api::QuantityProto>& list,
                 const std::string& name, bool milli) {
  const auto it = list.find(name);
  if (it == list.end()) return 0;
  const auto quantity = api::Quantity::FromProto(it->second);
  if (!quantity.ok()) return 0;
  return milli ? quantity->MilliValue() : quantity->Value();
}

absl::StatusOr<std::optional<std::map<std::string, std::string>>> EntriesOf(
    const References& references, const std::string& kind, const std::string& name, bool optional) {
  using Entries = std::map<std::string, std::string>;
  const auto it = references.find(absl::StrCat(kind, "/", name));
  if (it == references.end() || it->second == nullptr) {
    if (optional) return std::optional<Entries>();
    return absl::NotFoundError(
        absl::StrCat(kind == "secrets" ? "secret" : "configmap", " \"", name, "\" not found"));
  }
  Entries out;
  if (kind == "configmaps") {
    const auto& map = it->second->As<corev1::ConfigMap>();
    out.insert(map.data().begin(), map.data().end());
    out.insert(map.binary_data().begin(), map.binary_data().end());
  } else {
    const auto& data = it->second->As<corev1::Secret>().data();
    out.insert(data.begin(), data.end());
  }
  return std::optional(std::move(out));
}

}  // namespace skiff::node
