#include "apiserver/http/table.h"

#include "absl/strings/str_cat.h"
#include "api/codec.h"
#include "api/json_value.h"
#include "api/printing/printing.h"

namespace skiff::apiserver::http {

std::string ListMetaJson(absl::string_view resource_version, absl::string_view continue_token,
                         int64_t remaining) {
  std::string out = "{";
  absl::StrAppend(&out, "\"resourceVersion\":", api::JsonString(resource_version));
  if (!continue_token.empty()) {
    absl::StrAppend(&out, ",\"continue\":", api::JsonString(continue_token));
  }
  if (remaining > 0) absl::StrAppend(&out, ",\"remainingItemCount\":", remaining);
  return out + "}";
}

std::string PartialJson(const api::Object& object) {
  metav1::PartialObjectMetadata partial;
  *partial.mutable_metadata() = object.meta();
  std::string out;
  api::JsonOptions options;
  options.kind = "PartialObjectMetadata";
  options.api_version = "meta.k8s.io/v1";
  api::EncodeJson(partial, options, &out);
  return out;
}

std::string TableJson(const api::ResourceInfo& resource, const std::vector<api::ObjectPtr>& objects,
                      const TableOptions& options, absl::Time now) {
  std::string out = absl::StrCat(
      R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":)",
      ListMetaJson(options.resource_version, options.continue_token, options.remaining),
      R"(,"columnDefinitions":)");
  if (options.columns) {
    absl::string_view separator = "[";
    for (const api::Column& column : api::Columns(resource)) {
      absl::StrAppend(&out, separator, "{\"name\":", api::JsonString(column.name),
                      ",\"type\":", api::JsonString(column.type),
                      ",\"format\":", api::JsonString(column.format),
                      ",\"description\":", api::JsonString(column.description),
                      ",\"priority\":", column.priority, "}");
      separator = ",";
    }
    out += "]";
  } else {
    out += "null";
  }
  out += ",\"rows\":[";
  absl::string_view row_separator = "";
  for (const api::ObjectPtr& object : objects) {
    absl::StrAppend(&out, row_separator, "{\"cells\":");
    absl::string_view separator = "[";
    for (const api::Cell& cell : api::Row(*object, now)) {
      absl::StrAppend(&out, separator, api::CellJson(cell));
      separator = ",";
    }
    out += "]";
    if (options.include == IncludeObject::kObject) {
      absl::StrAppend(&out, ",\"object\":", *object->Json());
    } else if (options.include == IncludeObject::kMetadata) {
      absl::StrAppend(&out, ",\"object\":", PartialJson(*object));
    }
    out += "}";
    row_separator = ",";
  }
  return out + "]}";
}

}  // namespace skiff::apiserver::http
