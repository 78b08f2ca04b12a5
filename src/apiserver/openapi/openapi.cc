#include "apiserver/openapi/openapi.h"

#include <set>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/json_value.h"
#include "api/resource.h"
#include "api/schema.h"
#include "api/types.h"

namespace skiff::apiserver {
namespace {

using api::FieldPlan;
using api::JsonForm;
using api::JsonString;
using api::Plan;
using google::protobuf::FieldDescriptor;

std::string NameOf(const Plan& plan) { return plan.facts->openapi_name(); }

// The schemas that documents need, in Swagger 2.0's or OpenAPI 3's way of referring.
class Schemas {
 public:
  explicit Schemas(absl::string_view prefix) : prefix_(prefix) {}

  void Add(const Plan& plan, const api::ResourceInfo* resource) {
    const std::string name = NameOf(plan);
    if (!written_.insert(name).second) return;
    all_[name] = Object(plan, resource);
  }

  void AddList(const api::ResourceInfo& resource) {
    const Plan& item = api::PlanOf(resource.prototype->GetDescriptor());
    const Plan& meta = api::PlanOf(metav1::ListMeta::descriptor());
    Add(meta, nullptr);
    all_[absl::StrCat(NameOf(item), "List")] = absl::StrCat(
        "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{", kTypeMeta,
        ",\"metadata\":", Ref(meta), ",\"items\":{\"type\":\"array\",\"items\":", Ref(item), "}},",
        Gvk(resource, "List"), "}");
  }

  std::string Json() const {
    std::string out = "{";
    for (const auto& [name, schema] : all_) {
      absl::StrAppend(&out, out.size() > 1 ? "," : "", JsonString(name), ":", schema);
    }
    return out + "}";
  }

  std::string Ref(const Plan& plan) const {
    return absl::StrCat("{\"$ref\":\"", prefix_, NameOf(plan), "\"}");
  }

 private:
  static constexpr char kTypeMeta[] =
      R"("apiVersion":{"type":"string","description":"The versioned schema of this object."},)"
      R"("kind":{"type":"string","description":"The kind of object this is."})";

  static std::string Gvk(const api::ResourceInfo& resource, absl::string_view suffix) {
    return absl::StrCat("\"x-kubernetes-group-version-kind\":[{\"group\":\"", resource.group,
                        "\",\"kind\":\"", resource.kind, suffix, "\",\"version\":\"",
                        resource.version, "\"}]");
  }

  std::string Object(const Plan& plan, const api::ResourceInfo* resource) {
    std::string properties = plan.facts->has_type_meta() ? kTypeMeta : "";
    std::vector<std::string> required;
    Properties(plan, &properties, &required);
    std::string out = absl::StrCat(
        "{\"type\":\"object\",\"description\":", JsonString(Words(plan.descriptor->name())),
        ",\"properties\":{", properties, "}");
    if (!required.empty()) {
      absl::StrAppend(&out, ",\"required\":[", absl::StrJoin(required, ","), "]");
    }
    if (resource != nullptr) absl::StrAppend(&out, ",", Gvk(*resource, ""));
    return out + "}";
  }

  void Properties(const Plan& plan, std::string* out, std::vector<std::string>* required) {
    for (const FieldPlan& field : plan.fields) {
      if (field.inlined && field.message != nullptr && field.message->form == JsonForm::kObject) {
        Properties(*field.message, out, required);
        continue;
      }
      absl::StrAppend(out, out->empty() ? "" : ",", JsonString(field.json_name), ":",
                      Property(field));
      if (field.facts->required()) required->push_back(JsonString(field.json_name));
    }
  }

  std::string Property(const FieldPlan& field) {
    std::string body = field.message != nullptr ? OfMessage(*field.message) : Scalar(field);
    const FieldFacts& facts = *field.facts;
    std::string extra;
    if (!facts.patch_strategy().empty()) {
      absl::StrAppend(&extra,
                      ",\"x-kubernetes-patch-strategy\":", JsonString(facts.patch_strategy()));
    }
    if (!facts.patch_merge_key().empty()) {
      absl::StrAppend(&extra,
                      ",\"x-kubernetes-patch-merge-key\":", JsonString(facts.patch_merge_key()));
    }
    if (!facts.list_type().empty()) {
      absl::StrAppend(&extra, ",\"x-kubernetes-list-type\":", JsonString(facts.list_type()));
    }
    if (!facts.list_map_key().empty()) {
      std::vector<std::string> keys;
      for (const std::string& key : facts.list_map_key()) keys.push_back(JsonString(key));
      absl::StrAppend(&extra, ",\"x-kubernetes-list-map-keys\":[", absl::StrJoin(keys, ","), "]");
    }
    std::string description = Words(field.json_name);
    if (!facts.enum_value().empty()) {
      absl::StrAppend(&description, ": ", absl::StrJoin(facts.enum_value(), ", "));
    }
    const std::string described =
        absl::StrCat("\"description\":", JsonString(description + "."), extra);
    if (field.is_list) {
      return absl::StrCat("{\"type\":\"array\",\"items\":", body, ",", described, "}");
    }
    if (field.is_map) {
      return absl::StrCat("{\"type\":\"object\",\"additionalProperties\":", body, ",", described,
                          "}");
    }
    if (body.find("$ref") != std::string::npos) {
      return absl::StrCat("{\"allOf\":[", body, "],", described, "}");
    }
    return absl::StrCat(body.substr(0, body.size() - 1), ",", described, "}");
  }

  static std::string Scalar(const FieldPlan& field) {
    const FieldDescriptor* value = field.is_map ? field.map_value : field.field;
    switch (value->type()) {
      case FieldDescriptor::TYPE_INT32:
        return R"({"type":"integer","format":"int32"})";
      case FieldDescriptor::TYPE_INT64:
        return R"({"type":"integer","format":"int64"})";
      case FieldDescriptor::TYPE_BOOL:
        return R"({"type":"boolean"})";
      case FieldDescriptor::TYPE_DOUBLE:
        return R"({"type":"number","format":"double"})";
      case FieldDescriptor::TYPE_BYTES:
        return R"({"type":"string","format":"byte"})";
      default:
        return R"({"type":"string"})";
    }
  }

  std::string OfMessage(const Plan& plan) {
    switch (plan.form) {
      case JsonForm::kObject:
        Add(plan, nullptr);
        return Ref(plan);
      case JsonForm::kTime:
      case JsonForm::kMicroTime:
        return R"({"type":"string","format":"date-time"})";
      case JsonForm::kQuantity:
      case JsonForm::kDuration:
        return R"({"type":"string"})";
      case JsonForm::kIntOrString:
        return R"({"type":"string","format":"int-or-string"})";
      case JsonForm::kStringList:
        return R"({"type":"array","items":{"type":"string"}})";
      default:
        return R"({"type":"object"})";
    }
  }

  // "terminationGracePeriodSeconds" -> "Termination grace period seconds"
  static std::string Words(absl::string_view name) {
    std::string out;
    for (size_t i = 0; i < name.size(); ++i) {
      const bool upper = absl::ascii_isupper(name[i]);
      const bool word = upper && i > 0 && !absl::ascii_isupper(name[i - 1]);
      if (word) out += ' ';
      const bool acronym = upper && i + 1 < name.size() && absl::ascii_isupper(name[i + 1]);
      out += i == 0             ? absl::ascii_toupper(name[i])
             : word && !acronym ? absl::ascii_tolower(name[i])
                                : name[i];
    }
    return out;
  }

  const std::string prefix_;
  std::set<std::string> written_;
  std::map<std::string, std::string> all_;
};

std::string GroupVersionPath(const api::ResourceInfo& resource) {
  return resource.group.empty() ? absl::StrCat("api/", resource.version)
                                : absl::StrCat("apis/", resource.group, "/", resource.version);
}

std::string Parameter(absl::string_view name, absl::string_view type, bool v3) {
  const std::string schema = absl::StrCat("\"type\":\"", type, "\"");
  return absl::StrCat("{\"name\":\"", name, "\",\"in\":\"query\",",
                      v3 ? absl::StrCat("\"schema\":{", schema, "}") : schema, "}");
}

std::string Operation(const api::ResourceInfo& resource, absl::string_view action, bool v3) {
  std::vector<std::string> parameters;
  if (action == "list") {
    for (const char* name : {"labelSelector", "fieldSelector", "continue", "resourceVersion"}) {
      parameters.push_back(Parameter(name, "string", v3));
    }
    parameters.push_back(Parameter("limit", "integer", v3));
    parameters.push_back(Parameter("watch", "boolean", v3));
  } else if (action == "delete") {
    parameters = {Parameter("dryRun", "string", v3), Parameter("gracePeriodSeconds", "integer", v3),
                  Parameter("propagationPolicy", "string", v3)};
  } else if (action != "get") {
    for (const char* name : {"dryRun", "fieldManager", "fieldValidation"}) {
      parameters.push_back(Parameter(name, "string", v3));
    }
    if (action == "patch") parameters.push_back(Parameter("force", "boolean", v3));
  }
  return absl::StrCat(
      "{\"operationId\":\"", action, resource.kind, "\",\"parameters\":[",
      absl::StrJoin(parameters, ","), "],\"responses\":{\"200\":{\"description\":\"OK\"}},",
      "\"x-kubernetes-action\":\"", action, "\",\"x-kubernetes-group-version-kind\":{\"group\":\"",
      resource.group, "\",\"kind\":\"", resource.kind, "\",\"version\":\"", resource.version,
      "\"}}");
}

void AddPaths(const api::ResourceInfo& resource, bool v3, std::vector<std::string>* out) {
  const std::string base =
      absl::StrCat("/", GroupVersionPath(resource), "/",
                   resource.namespaced ? "namespaces/{namespace}/" : "", resource.resource);
  out->push_back(absl::StrCat("\"", base, "\":{\"get\":", Operation(resource, "list", v3),
                              ",\"post\":", Operation(resource, "post", v3), "}"));
  out->push_back(absl::StrCat("\"", base, "/{name}\":{\"get\":", Operation(resource, "get", v3),
                              ",\"put\":", Operation(resource, "put", v3),
                              ",\"patch\":", Operation(resource, "patch", v3),
                              ",\"delete\":", Operation(resource, "delete", v3), "}"));
}

}  // namespace

const std::string& OpenApi::V2() {
  if (!v2_.empty()) return v2_;
  Schemas schemas("#/definitions/");
  std::vector<std::string> paths;
  for (const api::ResourceInfo& resource : api::Resources()) {
    schemas.Add(api::PlanOf(resource.prototype->GetDescriptor()), &resource);
    schemas.AddList(resource);
    AddPaths(resource, /*v3=*/false, &paths);
  }
  v2_ = absl::StrCat(
      R"({"swagger":"2.0","info":{"title":"Kubernetes","version":"v1.35.0"},"paths":{)",
      absl::StrJoin(paths, ","), "},\"definitions\":", schemas.Json(), "}");
  return v2_;
}

const std::string& OpenApi::V3(absl::string_view path) {
  if (v3_.empty()) {
    std::map<std::string, std::vector<const api::ResourceInfo*>> groups;
    for (const api::ResourceInfo& resource : api::Resources()) {
      groups[GroupVersionPath(resource)].push_back(&resource);
    }
    for (const auto& [group, resources] : groups) {
      Schemas schemas("#/components/schemas/");
      std::vector<std::string> paths;
      for (const api::ResourceInfo* resource : resources) {
        schemas.Add(api::PlanOf(resource->prototype->GetDescriptor()), resource);
        schemas.AddList(*resource);
        AddPaths(*resource, /*v3=*/true, &paths);
      }
      v3_[group] = absl::StrCat(
          R"({"openapi":"3.0.0","info":{"title":"Kubernetes","version":"v1.35.0"},"paths":{)",
          absl::StrJoin(paths, ","), "},\"components\":{\"schemas\":", schemas.Json(), "}}");
    }
  }
  static const std::string* const kNone = new std::string();
  const auto it = v3_.find(std::string(path));
  return it == v3_.end() ? *kNone : it->second;
}

const std::string& OpenApi::V3Index() {
  if (!index_.empty()) return index_;
  V3("");
  std::vector<std::string> entries;
  for (const auto& [path, document] : v3_) {
    const uint64_t hash = absl::Hash<std::string>()(document);
    entries.push_back(absl::StrCat("\"", path, "\":{\"serverRelativeURL\":\"/openapi/v3/", path,
                                   "?hash=", absl::Hex(hash, absl::kZeroPad16), "\"}"));
  }
  index_ = absl::StrCat("{\"paths\":{", absl::StrJoin(entries, ","), "}}");
  return index_;
}

}  // namespace skiff::apiserver
