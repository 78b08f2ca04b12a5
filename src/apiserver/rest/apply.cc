#include "apiserver/rest/apply.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/json_value.h"
#include "api/managed_fields.h"
#include "api/scale.h"
#include "apiserver/rest/ownership.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

using api::JsonValue;

// "/v1, Kind=Pod", as Go prints a GroupVersionKind.
std::string TypeText(absl::string_view api_version, absl::string_view kind) {
  const bool core = api_version.find('/') == absl::string_view::npos;
  return absl::StrCat(core ? "/" : "", api_version, ", Kind=", kind);
}

std::string TextOf(const JsonValue& object, absl::string_view name) {
  const JsonValue* member = object.Find(name);
  return member != nullptr && member->is_string() ? member->text() : "";
}

// `json`: what the configuration is read from.
absl::StatusOr<JsonValue> ReadConfig(const PatchRequest& request, std::string* json) {
  auto documents = api::YamlToJson(request.body);
  if (!documents.ok()) {
    return api::BadRequest(absl::StrCat("error decoding YAML: ", documents.status().message()));
  }
  if (documents->size() != 1) {
    return api::BadRequest("error decoding YAML: the body must hold exactly one document");
  }
  *json = std::move(documents->front());
  auto config = JsonValue::Parse(*json);
  if (!config.ok() || !config->is_object()) {
    return api::BadRequest("error decoding YAML: the body must be an object");
  }
  const bool scale = request.subresource == "scale";
  const std::string version = scale ? "autoscaling/v1" : request.resource->api_version();
  const std::string kind = scale ? "Scale" : std::string(request.resource->kind);
  if (TextOf(*config, "apiVersion") != version || TextOf(*config, "kind") != kind) {
    return api::BadRequest(absl::StrCat(
        "invalid object type: ", TypeText(TextOf(*config, "apiVersion"), TextOf(*config, "kind"))));
  }
  if (const JsonValue* meta = config->Find("metadata"); meta != nullptr) {
    const JsonValue* entries = meta->Find("managedFields");
    if (entries != nullptr && !entries->items().empty()) {
      return api::BadRequest("metadata.managedFields must be nil");
    }
  }
  return config;
}

// What a Scale says, said of the object that is scaled.
absl::StatusOr<JsonValue> OfScaled(const PatchRequest& request, const JsonValue& scale) {
  autoscalingv1::Scale decoded;
  const absl::Status status = api::DecodeJson(scale.ToString(), &decoded);
  if (!status.ok()) return api::BadRequest(status.message());
  JsonValue out = JsonValue::Object();
  out.Member("apiVersion") = JsonValue::String(request.resource->api_version());
  out.Member("kind") = JsonValue::String(request.resource->kind);
  if (const JsonValue* meta = scale.Find("metadata"); meta != nullptr && meta->is_object()) {
    JsonValue& into = out.Member("metadata");
    into = JsonValue::Object();
    for (const char* name : {"name", "namespace", "uid", "resourceVersion"}) {
      if (const JsonValue* part = meta->Find(name); part != nullptr) into.Member(name) = *part;
    }
  }
  const JsonValue* spec = scale.Find("spec");
  if (spec != nullptr && spec->Find("replicas") != nullptr) {
    JsonValue& into = out.Member("spec");
    into = JsonValue::Object();
    into.Member("replicas") = *spec->Find("replicas");
  }
  return out;
}

// The object as documents are merged, without its owners.
absl::StatusOr<JsonValue> DocumentOf(const api::ResourceInfo& resource,
                                     const google::protobuf::Message& message) {
  std::string json;
  const std::string version = resource.api_version();
  api::JsonOptions options;
  options.kind = resource.kind;
  options.api_version = version;
  api::EncodeJson(message, options, &json);
  SKIFF_ASSIGN_OR_RETURN(JsonValue document, JsonValue::Parse(json));
  if (JsonValue* meta = document.Find("metadata"); meta != nullptr) meta->Erase("managedFields");
  return document;
}

// Members that the configuration says twice, as far as the client wants to hear of them.
absl::Status CheckTwice(const PatchRequest& request, absl::string_view json,
                        std::vector<std::string>* warnings) {
  if (request.validation == FieldValidation::kIgnore) return absl::OkStatus();
  const bool scale = request.subresource == "scale";
  api::MessagePtr message(scale ? autoscalingv1::Scale::default_instance().New()
                                : request.resource->prototype->New());
  api::DecodeNotes notes;
  const absl::Status decoded = api::DecodeJson(json, message.get(), &notes);
  if (!decoded.ok()) return api::BadRequest(decoded.message());
  if (request.validation == FieldValidation::kStrict && !notes.unknown_or_duplicate.empty()) {
    return api::BadRequest(absl::StrCat("error strict decoding YAML: ",
                                        absl::StrJoin(notes.unknown_or_duplicate, ", ")));
  }
  *warnings = std::move(notes.unknown_or_duplicate);
  return absl::OkStatus();
}

absl::Status CheckName(const PatchRequest& request, const metav1::ObjectMeta& meta) {
  if (meta.name().empty()) {
    return api::BadRequest(
        absl::StrCat("the name of the object (", request.name,
                     " based on URL) was undeterminable: name must be provided"));
  }
  if (meta.name() != request.name) {
    return api::BadRequest(absl::StrCat("the name of the object (", meta.name(),
                                        ") does not match the name on the URL (", request.name,
                                        ")"));
  }
  if (!meta.namespace_().empty() && meta.namespace_() != request.name_space) {
    return api::BadRequest(absl::StrCat("the namespace of the object (", meta.namespace_(),
                                        ") does not match the namespace on the request (",
                                        request.name_space, ")"));
  }
  return absl::OkStatus();
}

absl::StatusOr<api::Applied> Apply(const PatchRequest& request, const JsonValue& config,
                                   const api::ObjectPtr& current, absl::Time now) {
  const api::ResourceInfo& resource = *request.resource;
  SKIFF_ASSIGN_OR_RETURN(const JsonValue blank, DocumentOf(resource, *resource.prototype));
  api::ApplyRequest apply;
  apply.type = &api::MergeTypeOf(resource.prototype->GetDescriptor());
  apply.write.manager = request.manager;
  apply.write.api_version = resource.api_version();
  apply.write.subresource = request.subresource;
  apply.write.now = now;
  apply.write.never_owned = &NeverOwnedOn(*resource.prototype, request.subresource);
  apply.config = &config;
  apply.blank = &blank;
  apply.live = &blank;
  apply.force = request.force;
  JsonValue live;
  if (current != nullptr) {
    SKIFF_ASSIGN_OR_RETURN(live, DocumentOf(resource, current->message()));
    apply.live = &live;
    SKIFF_ASSIGN_OR_RETURN(apply.managers,
                           api::DecodeManagedFields(current->meta().managed_fields()));
  }
  return api::ApplyConfiguration(std::move(apply));
}

}  // namespace

absl::StatusOr<PlannedApply> PlanApply(const PatchRequest& request, const api::ObjectPtr& current,
                                       absl::Time now) {
  const api::ResourceInfo& resource = *request.resource;
  if (current == nullptr && !request.subresource.empty()) {
    return api::NotFound(resource, request.name);
  }
  const bool scale = request.subresource == "scale";
  if (scale && !api::HasScale(resource)) return api::MethodNotSupported(resource, "patch");
  std::string json;
  SKIFF_ASSIGN_OR_RETURN(JsonValue config, ReadConfig(request, &json));
  if (scale) {
    SKIFF_ASSIGN_OR_RETURN(config, OfScaled(request, config));
  }
  SKIFF_ASSIGN_OR_RETURN(api::Applied applied, Apply(request, config, current, now));
  PlannedApply out;
  SKIFF_RETURN_IF_ERROR(CheckTwice(request, json, &out.warnings));
  client::Write& write = out.write;
  write.object.reset(resource.prototype->New());
  const absl::Status decoded = api::DecodeJson(applied.object.ToString(), write.object.get());
  if (!decoded.ok()) return api::BadRequest(decoded.message());
  metav1::ObjectMeta* meta = api::MutableMetaOf(write.object.get());
  SKIFF_RETURN_IF_ERROR(CheckName(request, *meta));
  api::EncodeManagedFields(std::move(applied.managers), meta->mutable_managed_fields());
  write.verb = current == nullptr ? client::Write::Verb::kCreate : client::Write::Verb::kUpdate;
  write.resource = &resource;
  write.name_space = request.name_space;
  write.name = request.name;
  write.subresource = scale ? "" : request.subresource;
  write.manager = request.manager;
  if (current == nullptr) {
    if (!meta->uid().empty()) {
      return api::Conflict(resource, request.name,
                           absl::StrCat("uid mismatch: the provided object specified uid ",
                                        meta->uid(), ", and no existing object was found"));
    }
    return out;
  }
  out.again = meta->resource_version().empty() ||
              meta->resource_version() == current->meta().resource_version();
  if (out.again) {
    meta->clear_resource_version();
    write.if_revision = current->revision();
  }
  return out;
}

}  // namespace skiff::apiserver
