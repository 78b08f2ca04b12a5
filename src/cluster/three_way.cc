#include "cluster/three_way.h"

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
  for (const auto& [name, value] : applied.entries()) {
    const JsonValue* before = last.Find(name);
    const auto* field = type == nullptr ? nullptr : api::FindJsonField(type, name);
    const auto* inner = MessageIn(field);
    const std::string key = field == nullptr ? "" : api::FactsOf(field).patch_merge_key();
    if (before != nullptr && before->is_object() && value.is_object()) {
      out.Member(name) = ThreeWayPatch(*before, value, inner);
    } else if (before != nullptr && before->is_array() && value.is_array() && !key.empty()) {
      out.Member(name) = MergeList(*before, value, key, inner);
    } else {
      out.Member(name) = value;
    }
  }
  for (const auto& [name, value] : last.entries()) {
    if (applied.Find(name) == nullptr) out.Member(name) = JsonValue();
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
