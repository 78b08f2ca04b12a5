// How validation collects what it finds: a Path that grows as it descends, and the list of errors.
//
//   Path spec = Path("spec");
//   errors.Invalid(spec / "replicas", JsonOf(replicas), "must be greater than or equal to 0");
//
// Threads: an ErrorList belongs to one call.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "api/errors.h"
#include "api/json_value.h"
#include "api/quantity.h"
#include "google/protobuf/map.h"
#include "google/protobuf/message.h"

namespace skiff::api {

class Path {
 public:
  Path() = default;
  explicit Path(absl::string_view text) : text_(text) {}

  Path operator/(absl::string_view member) const {
    return text_.empty() ? Path(member) : Path(absl::StrCat(text_, ".", member));
  }
  Path operator[](int index) const { return Path(absl::StrCat(text_, "[", index, "]")); }
  Path Key(absl::string_view key) const { return Path(absl::StrCat(text_, "[", key, "]")); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Values as errors quote them.
inline std::string JsonOf(absl::string_view text) { return JsonString(text); }
inline std::string JsonOf(const std::string& text) { return JsonString(text); }
inline std::string JsonOf(const char* text) { return JsonString(text); }
inline std::string JsonOf(int64_t number) { return absl::StrCat(number); }
inline std::string JsonOf(int32_t number) { return absl::StrCat(number); }
inline std::string JsonOf(bool value) { return value ? "true" : "false"; }
inline std::string JsonOf(std::nullptr_t) { return "null"; }
// Nothing is null, as an empty list or map is to Go.
std::string JsonOf(const google::protobuf::RepeatedPtrField<std::string>& list);
std::string JsonOf(const google::protobuf::Map<std::string, QuantityProto>& list);
std::string JsonOf(const google::protobuf::Message& message);
std::string JsonOf(const google::protobuf::Map<std::string, std::string>& map);
// JSON as it stands, for values that errors quote in another form than the message's.
struct RawJson {
  std::string text;
};
inline std::string JsonOf(const RawJson& raw) { return raw.text; }
template <typename T>
std::string JsonOf(const google::protobuf::RepeatedPtrField<T>& list) {
  if (list.empty()) return "null";
  std::string json;
  for (const T& message : list) absl::StrAppend(&json, json.empty() ? "[" : ",", JsonOf(message));
  return absl::StrCat(json, "]");
}

class ErrorList {
 public:
  using Kind = FieldError::Kind;

  void Required(const Path& path, absl::string_view detail = "") {
    Add(Kind::kRequired, path, "", detail);
  }
  template <typename T>
  void Invalid(const Path& path, const T& value, absl::string_view detail) {
    Add(Kind::kInvalid, path, JsonOf(value), detail);
  }
  // One error for each sentence of a check in names.h.
  template <typename T>
  void InvalidEach(const Path& path, const T& value, const std::vector<std::string>& details) {
    for (const std::string& detail : details) Invalid(path, value, detail);
  }
  template <typename T>
  void Duplicate(const Path& path, const T& value) {
    Add(Kind::kDuplicate, path, JsonOf(value), "");
  }
  template <typename T>
  void NotFound(const Path& path, const T& value) {
    Add(Kind::kNotFound, path, JsonOf(value), "");
  }
  void Forbidden(const Path& path, absl::string_view detail) {
    Add(Kind::kForbidden, path, "", detail);
  }
  void TooLong(const Path& path, int64_t max_bytes) {
    Add(Kind::kTooLong, path, "", absl::StrCat("may not be more than ", max_bytes, " bytes"));
  }

  void TooMany(const Path& path, int64_t count, int64_t most) {
    Add(Kind::kTooMany, path, JsonOf(count), absl::StrCat("must have at most ", most, " items"));
  }
  // `value` is none of `supported`.
  template <typename T>
  void NotSupported(const Path& path, const T& value,
                    std::initializer_list<absl::string_view> supported) {
    Add(Kind::kNotSupported, path, JsonOf(value), SupportedValues(supported));
  }
  // A field that stays as it was made: null where it was taken away.
  template <typename T>
  void Immutable(const Path& path, const T& value, bool same) {
    if (!same) Invalid(path, value, "field is immutable");
  }

  // The text must be one of `supported`; `required` if it may not be empty either.
  void OneOf(const Path& path, const std::string& value,
             std::initializer_list<absl::string_view> supported);
  void OneOfRequired(const Path& path, const std::string& value,
                     std::initializer_list<absl::string_view> supported);
  void NotNegative(const Path& path, int64_t value);

  std::vector<FieldError> Take() && { return std::move(errors_); }
  bool empty() const { return errors_.empty(); }

 private:
  static std::string SupportedValues(std::initializer_list<absl::string_view> supported);
  void Add(Kind kind, const Path& path, std::string value, absl::string_view detail) {
    errors_.push_back({kind, path.text(), std::move(value), std::string(detail)});
  }

  std::vector<FieldError> errors_;
};

constexpr absl::string_view kImmutable = "field is immutable";

}  // namespace skiff::api
