#include "cluster/three_way.h"

#include "absl/container/flat_hash_map.h"
#include "api/field_lookup.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;

const JsonValue* FindByKey(const JsonValue& list, const std::string& key, const JsonValue& value) {
  for (const JsonValue& item : list.items()) {
    const JsonValue* own = item.Find(key);
    if (own != nullptr && *own == value) return &item;
  }
  return nullptr;
}

// The members of an object by name; by an index where there are many.
class Members {
 public:
  explicit Members(const JsonValue& object) : object_(object) {
    if (object.entries().size() < 32) return;
    for (const auto& [name, value] : object.entries()) index_.emplace(name, &value);
  }
  const JsonValue* Find(absl::string_view name) const {
    if (index_.empty()) return object_.Find(name);
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : found->second;
  }

 private:
  const JsonValue& object_;
  absl::flat_hash_map<absl::string_view, const JsonValue*> index_;
};

// The message that the members of the field's JSON objects belong to; null where JSON shows
// something else (a map, a Quantity, a scalar).
const google::protobuf::Descriptor* MessageIn(const google::protobuf::FieldDescriptor* field) {
  if (field == nullptr || field->message_type() == nullptr || field->is_map() ||
      api::HasJsonForm(field->message_type())) {
    return nullptr;
  }
  return field->message_type();
}

// Items that `last` had and `applied` has not are deleted by their key; the others merge.
JsonValue MergeList(const JsonValue& last, const JsonValue& applied, const std::string& key,
                    const google::protobuf::Descriptor* item_type) {
  JsonValue out = JsonValue::Array();
  for (const JsonValue& item : applied.items()) {
    const JsonValue* own = item.Find(key);
    const JsonValue* before = own == nullptr ? nullptr : FindByKey(last, key, *own);
    out.items().push_back(before == nullptr ? item : ThreeWayPatch(*before, item, item_type));
  }
  for (const JsonValue& item : last.items()) {
    const JsonValue* own = item.Find(key);
    if (own == nullptr || FindByKey(applied, key, *own) != nullptr) continue;
    JsonValue& gone = out.items().emplace_back(JsonValue::Object());
    gone.Member(key) = *own;
    gone.Member("$patch") = JsonValue::String("delete");
  }
  return out;
}

}  // namespace

JsonValue ThreeWayPatch(const JsonValue& last, const JsonValue& applied,
                        const google::protobuf::Descriptor* type) {
  JsonValue out = JsonValue::Object();
  const Members had(last);
  const Members wants(applied);
  // Each name comes once, so all may be appended.
  for (const auto& [name, value] : applied.entries()) {
    const JsonValue* before = had.Find(name);
    const auto* field = type == nullptr ? nullptr : api::FindJsonField(type, name);
    const auto* inner = MessageIn(field);
    const std::string key = field == nullptr ? "" : api::FactsOf(field).patch_merge_key();
    JsonValue& member = out.entries().emplace_back(name, JsonValue()).second;
    if (before != nullptr && before->is_object() && value.is_object()) {
      member = ThreeWayPatch(*before, value, inner);
    } else if (before != nullptr && before->is_array() && value.is_array() && !key.empty()) {
      member = MergeList(*before, value, key, inner);
    } else {
      member = value;
    }
  }
  for (const auto& [name, value] : last.entries()) {
    if (wants.Find(name) == nullptr) out.entries().emplace_back(name, JsonValue());
  }
  return out;
}

JsonValue WithLastApplied(const JsonValue& applied) {
  JsonValue out = applied;
  JsonValue& meta = out.Member("metadata");
  if (!meta.is_object()) meta = JsonValue::Object();
  JsonValue& annotations = meta.Member("annotations");
  if (!annotations.is_object()) annotations = JsonValue::Object();
  annotations.Erase(kLastApplied);
  const std::string remembered = out.ToString() + "\n";
  out.Member("metadata").Member("annotations").Member(kLastApplied) = JsonValue::String(remembered);
  return out;
}

JsonValue LastAppliedOf(const JsonValue& live) {
  const JsonValue* meta = live.Find("metadata");
  const JsonValue* annotations = meta == nullptr ? nullptr : meta->Find("annotations");
  const JsonValue* text = annotations == nullptr ? nullptr : annotations->Find(kLastApplied);
  // Whatever is there that does not parse was not written by an apply.
  absl::StatusOr<JsonValue> parsed = JsonValue::Object();
  if (text != nullptr) parsed = JsonValue::Parse(text->text());
  return parsed.ok() && parsed->is_object() ? *std::move(parsed) : JsonValue::Object();
}

}  // namespace skiff::cluster
