#include "apiserver/http/discovery.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "api/resource.h"

namespace skiff::apiserver::http {
namespace {

using api::JsonString;

std::string List(std::span<const absl::string_view> values) {
  std::string out = "[";
  for (const absl::string_view value : values) {
    absl::StrAppend(&out, out.size() > 1 ? "," : "", JsonString(value));
  }
  return out + "]";
}

// The groups, each with its one version, in the order of the table.
std::vector<std::pair<absl::string_view, absl::string_view>> Groups() {
  std::vector<std::pair<absl::string_view, absl::string_view>> out;
  for (const api::ResourceInfo& resource : api::Resources()) {
    if (out.empty() || out.back().first != resource.group) {
      out.emplace_back(resource.group, resource.version);
    }
  }
  return out;
}

std::string GroupBody(absl::string_view group, absl::string_view version) {
  const std::string one =
      absl::StrCat("{\"groupVersion\":", JsonString(absl::StrCat(group, "/", version)),
                   ",\"version\":", JsonString(version), "}");
  return absl::StrCat("\"name\":", JsonString(group), ",\"versions\":[", one,
                      "],\"preferredVersion\":", one, "}");
}

void AppendLegacy(const api::ResourceInfo& resource, std::string* out) {
  absl::StrAppend(out, out->back() == '[' ? "" : ",", "{\"name\":", JsonString(resource.resource),
                  ",\"singularName\":", JsonString(resource.singular),
                  ",\"namespaced\":", resource.namespaced ? "true" : "false",
                  ",\"kind\":", JsonString(resource.kind), ",\"verbs\":", List(resource.verbs));
  if (!resource.short_names.empty()) {
    absl::StrAppend(out, ",\"shortNames\":", List(resource.short_names));
  }
  if (!resource.categories.empty()) {
    absl::StrAppend(out, ",\"categories\":", List(resource.categories));
  }
  *out += "}";
  for (const auto& sub : resource.subresources) {
    absl::StrAppend(
        out, ",{\"name\":", JsonString(absl::StrCat(resource.resource, "/", sub.name)),
        ",\"singularName\":\"\",\"namespaced\":", resource.namespaced ? "true" : "false");
    if (sub.group != resource.group) {
      absl::StrAppend(out, ",\"group\":", JsonString(sub.group),
                      ",\"version\":", JsonString(sub.version));
    }
    absl::StrAppend(out, ",\"kind\":", JsonString(sub.kind), ",\"verbs\":", List(sub.verbs), "}");
  }
}

std::string ResponseKind(absl::string_view group, absl::string_view version,
                         absl::string_view kind) {
  return absl::StrCat("{\"group\":", JsonString(group), ",\"version\":", JsonString(version),
                      ",\"kind\":", JsonString(kind), "}");
}

void AppendAggregated(const api::ResourceInfo& resource, std::string* out) {
  const char* scope = resource.namespaced ? "Namespaced" : "Cluster";
  absl::StrAppend(
      out, out->back() == '[' ? "" : ",", "{\"resource\":", JsonString(resource.resource),
      ",\"responseKind\":", ResponseKind(resource.group, resource.version, resource.kind),
      ",\"scope\":\"", scope, "\",\"singularResource\":", JsonString(resource.singular),
      ",\"verbs\":", List(resource.verbs));
  if (!resource.short_names.empty()) {
    absl::StrAppend(out, ",\"shortNames\":", List(resource.short_names));
  }
  if (!resource.categories.empty()) {
    absl::StrAppend(out, ",\"categories\":", List(resource.categories));
  }
  if (!resource.subresources.empty()) {
    *out += ",\"subresources\":[";
    for (const auto& sub : resource.subresources) {
      absl::StrAppend(out, out->back() == '[' ? "" : ",", "{\"subresource\":", JsonString(sub.name),
                      ",\"responseKind\":", ResponseKind(sub.group, sub.version, sub.kind),
                      ",\"verbs\":", List(sub.verbs), "}");
    }
    *out += "]";
  }
  *out += "}";
}

}  // namespace

std::string ApiVersionsJson(absl::string_view server_address) {
  return absl::StrCat(R"({"kind":"APIVersions","versions":["v1"],)"
                      R"("serverAddressByClientCIDRs":[{"clientCIDR":"0.0.0.0/0","serverAddress":)",
                      JsonString(server_address), "}]}");
}

std::string ApiGroupListJson() {
  std::string out = R"({"kind":"APIGroupList","apiVersion":"v1","groups":[)";
  for (const auto& [group, version] : Groups()) {
    if (group.empty()) continue;
    absl::StrAppend(&out, out.back() == '[' ? "" : ",", "{", GroupBody(group, version));
  }
  return out + "]}";
}

std::string ApiGroupJson(absl::string_view wanted) {
  for (const auto& [group, version] : Groups()) {
    if (group == wanted && !group.empty()) {
      return absl::StrCat(R"({"kind":"APIGroup","apiVersion":"v1",)", GroupBody(group, version));
    }
  }
  return "";
}

std::string ApiResourceListJson(absl::string_view group, absl::string_view version) {
  const std::string group_version =
      group.empty() ? std::string(version) : absl::StrCat(group, "/", version);
  std::string out = absl::StrCat(R"({"kind":"APIResourceList","apiVersion":"v1","groupVersion":)",
                                 JsonString(group_version), ",\"resources\":[");
  bool any = false;
  for (const api::ResourceInfo& resource : api::Resources()) {
    if (resource.group != group || resource.version != version) continue;
    any = true;
    AppendLegacy(resource, &out);
  }
  return any ? out + "]}" : "";
}

std::string AggregatedJson(bool core, absl::string_view version) {
  std::string out =
      absl::StrCat(R"({"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/)", version,
                   R"(","metadata":{},"items":[)");
  for (const auto& [group, group_version] : Groups()) {
    if (group.empty() != core) continue;
    absl::StrAppend(&out, out.back() == '[' ? "" : ",", "{\"metadata\":{");
    if (!core) absl::StrAppend(&out, "\"name\":", JsonString(group));
    absl::StrAppend(&out, "},\"versions\":[{\"version\":", JsonString(group_version),
                    ",\"freshness\":\"Current\",\"resources\":[");
    for (const api::ResourceInfo& resource : api::Resources()) {
      if (resource.group == group) AppendAggregated(resource, &out);
    }
    out += "]}]}";
  }
  return out + "]}";
}

std::string VersionJson() {
  return R"({"major":"1","minor":"35","gitVersion":"v1.35.0","gitCommit":"skiff",)"
         R"("gitTreeState":"clean","buildDate":"2026-01-01T00:00:00Z","goVersion":"none",)"
         R"("compiler":"gcc","platform":"linux/amd64"})";
}

}  // namespace skiff::apiserver::http
