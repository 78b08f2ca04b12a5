// A JSON text as a tree, for work on documents without their schema's message (patches): members
// keep their order and numbers their exact text.
//
//   SKIFF_ASSIGN_OR_RETURN(JsonValue doc, JsonValue::Parse(R"({"a": [1]})"));
//   doc.Member("b") = JsonValue::String("x");
//   doc.ToString();  // {"a":[1],"b":"x"}
//
// Threads: a plain value, as a std::string is.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace skiff::api {

class JsonValue {
 public:
  enum class Type { kNull, kBool, kNumber, kString, kArray, kObject };
  using Entry = std::pair<std::string, JsonValue>;

  JsonValue() = default;  // null
  static JsonValue Bool(bool value);
  static JsonValue Number(int64_t value);
  static JsonValue String(absl::string_view value);
  static JsonValue Array();
  static JsonValue Object();

  // One JSON text (RFC 8259). Of duplicate members the last wins. kInvalidArgument: malformed, with
  // line and column, or nested deeper than 200.
  static absl::StatusOr<JsonValue> Parse(absl::string_view text);

  Type type() const { return type_; }
  bool is_null() const { return type_ == Type::kNull; }
  bool is_string() const { return type_ == Type::kString; }
  bool is_array() const { return type_ == Type::kArray; }
  bool is_object() const { return type_ == Type::kObject; }
  bool boolean() const { return boolean_; }
  // A string's characters, or a number as it was written.
  const std::string& text() const { return text_; }

  std::vector<JsonValue>& items() { return items_; }
  const std::vector<JsonValue>& items() const { return items_; }
  std::vector<Entry>& entries() { return entries_; }
  const std::vector<Entry>& entries() const { return entries_; }

  // The member of an object, or null if there is none.
  const JsonValue* Find(absl::string_view name) const;
  JsonValue* Find(absl::string_view name);
  // The member of an object, made (null, at the end) if there is none.
  JsonValue& Member(absl::string_view name);
  // Whether there was one.
  bool Erase(absl::string_view name);

  // Compact.
  std::string ToString() const;
  void AppendTo(std::string* out) const;

  // Members in any order; numbers by value.
  friend bool operator==(const JsonValue& a, const JsonValue& b);
  friend bool operator!=(const JsonValue& a, const JsonValue& b) { return !(a == b); }

 private:
  friend class JsonReader;
  Type type_ = Type::kNull;
  bool boolean_ = false;
  std::string text_;
  std::vector<JsonValue> items_;
  std::vector<Entry> entries_;
};

// `text` as a JSON string, with its quotes. Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(absl::string_view text, std::string* out);
std::string JsonString(absl::string_view text);

}  // namespace skiff::api
