#include "api/json_value.h"
#include "base/status.h"
#include "capi/internal.h"

using skiff::ObjectRef;
using skiff::api::JsonValue;
using skiff::capi::Check;
using skiff::capi::CopyOut;
using skiff::capi::Guard;
using skiff::capi::OptionalText;
using skiff::capi::OrDefault;
using skiff::capi::OrEmpty;
using skiff::capi::Pointer;
using skiff::capi::Text;

namespace {

absl::StatusOr<ObjectRef> Ref(const skiff_cluster* cluster, const char* kind,
                              const char* name_space, const char* name) {
  SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Text("kind", kind),
                               OptionalText("name_space", name_space), Text("name", name)}));
  return ObjectRef{kind, OrDefault(name_space), name};
}

std::string ToJson(const skiff::JobResult& result) {
  JsonValue out = JsonValue::Object();
  out.Member("succeeded") = JsonValue::Bool(result.succeeded);
  out.Member("reason") = JsonValue::String(result.reason);
  out.Member("message") = JsonValue::String(result.message);
  JsonValue& containers = out.Member("containers") = JsonValue::Array();
  for (const skiff::ContainerResult& container : result.containers) {
    JsonValue& row = containers.items().emplace_back(JsonValue::Object());
    row.Member("pod") = JsonValue::String(container.pod);
    row.Member("container") = JsonValue::String(container.container);
    row.Member("exitCode") = JsonValue::Number(container.exit_code);
    row.Member("reason") = JsonValue::String(container.reason);
    row.Member("message") = JsonValue::String(container.message);
  }
  return out.ToString();
}

const char* OutcomeName(skiff::Applied::Outcome outcome) {
  switch (outcome) {
    case skiff::Applied::Outcome::kCreated:
      return "created";
    case skiff::Applied::Outcome::kConfigured:
      return "configured";
    case skiff::Applied::Outcome::kUnchanged:
      return "unchanged";
  }
  return "";
}

}  // namespace

namespace skiff::capi {

std::string AppliedJson(const std::vector<skiff::Applied>& applied) {
  JsonValue out = JsonValue::Array();
  for (const skiff::Applied& one : applied) {
    JsonValue& row = out.items().emplace_back(JsonValue::Object());
    row.Member("kind") = JsonValue::String(one.object.kind);
    row.Member("namespace") = JsonValue::String(one.object.name_space);
    row.Member("name") = JsonValue::String(one.object.name);
    row.Member("outcome") = JsonValue::String(OutcomeName(one.outcome));
  }
  return out.ToString();
}

}  // namespace skiff::capi

extern "C" {

skiff_code skiff_apply(skiff_cluster* cluster, const char* manifest, const char* name_space,
                       char** applied, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Text("manifest", manifest),
                                 OptionalText("name_space", name_space)}));
    SKIFF_ASSIGN_OR_RETURN(const std::vector<skiff::Applied> done,
                           cluster->cluster->Apply(manifest, OrDefault(name_space)));
    if (applied == nullptr) return absl::OkStatus();
    *applied = CopyOut(skiff::capi::AppliedJson(done));
    return absl::OkStatus();
  });
}

skiff_code skiff_create(skiff_cluster* cluster, const char* manifest, const char* name_space,
                        char** created, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Text("manifest", manifest),
                                 OptionalText("name_space", name_space)}));
    SKIFF_ASSIGN_OR_RETURN(const std::string object,
                           cluster->cluster->Create(manifest, OrDefault(name_space)));
    if (created != nullptr) *created = CopyOut(object);
    return absl::OkStatus();
  });
}

skiff_code skiff_get(skiff_cluster* cluster, const char* kind, const char* name_space,
                     const char* name, char** object, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("object", object)}));
    SKIFF_ASSIGN_OR_RETURN(const ObjectRef ref, Ref(cluster, kind, name_space, name));
    SKIFF_ASSIGN_OR_RETURN(const std::string json, cluster->cluster->Get(ref));
    *object = CopyOut(json);
    return absl::OkStatus();
  });
}

skiff_code skiff_list(skiff_cluster* cluster, const char* kind, const char* name_space,
                      const char* label_selector, const char* field_selector, char** list,
                      skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check(
        {Pointer("cluster", cluster), Text("kind", kind), OptionalText("name_space", name_space),
         OptionalText("label_selector", label_selector),
         OptionalText("field_selector", field_selector), Pointer("list", list)}));
    SKIFF_ASSIGN_OR_RETURN(
        const std::string json,
        cluster->cluster->List(
            {kind, OrEmpty(name_space), OrEmpty(label_selector), OrEmpty(field_selector)}));
    *list = CopyOut(json);
    return absl::OkStatus();
  });
}

skiff_code skiff_delete(skiff_cluster* cluster, const char* kind, const char* name_space,
                        const char* name, int64_t grace_period_ms, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_ASSIGN_OR_RETURN(const ObjectRef ref, Ref(cluster, kind, name_space, name));
    return cluster->cluster->Delete(ref, skiff::capi::GraceSeconds(grace_period_ms));
  });
}

skiff_code skiff_wait(skiff_cluster* cluster, const char* kind, const char* name_space,
                      const char* name, const char* condition, int64_t timeout_ms,
                      skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Text("condition", condition)}));
    SKIFF_ASSIGN_OR_RETURN(const ObjectRef ref, Ref(cluster, kind, name_space, name));
    return cluster->cluster->Wait(ref, condition, skiff::capi::Limit(timeout_ms));
  });
}

skiff_code skiff_wait_job(skiff_cluster* cluster, const char* name_space, const char* name,
                          int64_t timeout_ms, char** result, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("result", result)}));
    SKIFF_ASSIGN_OR_RETURN(const ObjectRef ref, Ref(cluster, "jobs", name_space, name));
    SKIFF_ASSIGN_OR_RETURN(const skiff::JobResult job,
                           cluster->cluster->WaitJob(ref, skiff::capi::Limit(timeout_ms)));
    *result = CopyOut(ToJson(job));
    return absl::OkStatus();
  });
}

}  // extern "C"
