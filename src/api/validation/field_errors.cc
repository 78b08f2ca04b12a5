#include "api/validation/field_errors.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_join.h"
#include "api/codec.h"

namespace skiff::api {

std::string JsonOf(const google::protobuf::Message& message) {
  std::string json;
  EncodeJson(message, JsonOptions{}, &json);
  return json;
}

std::string JsonOf(const google::protobuf::Map<std::string, std::string>& map) {
  JsonValue object = JsonValue::Object();
  for (const auto& [key, value] : std::map<std::string, std::string>(map.begin(), map.end())) {
    object.Member(key) = JsonValue::String(value);
  }
  return object.ToString();
}

std::string JsonOf(const google::protobuf::RepeatedPtrField<std::string>& list) {
  if (list.empty()) return "null";
  return absl::StrCat("[",
                      absl::StrJoin(list, ",",
                                    [](std::string* out, const std::string& text) {
                                      absl::StrAppend(out, JsonString(text));
                                    }),
                      "]");
}

std::string JsonOf(const google::protobuf::Map<std::string, QuantityProto>& list) {
  if (list.empty()) return "null";
  JsonValue object = JsonValue::Object();
  for (const auto& [name, amount] :
       std::map<std::string, QuantityProto>(list.begin(), list.end())) {
    object.Member(name) = JsonValue::String(amount.string());
  }
  return object.ToString();
}

std::string ErrorList::SupportedValues(std::initializer_list<absl::string_view> supported) {
  return absl::StrCat("supported values: ",
                      absl::StrJoin(supported, ", ", [](std::string* out, absl::string_view text) {
                        absl::StrAppend(out, "\"", text, "\"");
                      }));
}

void ErrorList::OneOf(const Path& path, const std::string& value,
                      std::initializer_list<absl::string_view> supported) {
  if (std::find(supported.begin(), supported.end(), value) != supported.end()) return;
  NotSupported(path, value, supported);
}

void ErrorList::OneOfRequired(const Path& path, const std::string& value,
                              std::initializer_list<absl::string_view> supported) {
  if (value.empty()) {
    Required(path);
  } else {
    OneOf(path, value, supported);
  }
}

void ErrorList::NotNegative(const Path& path, int64_t value) {
  if (value < 0) Invalid(path, value, "must be greater than or equal to 0");
}

}  // namespace skiff::api
