#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/errors.h"
#include "api/field_lookup.h"
#include "api/json_value.h"
#include "api/patch.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Items = std::vector<JsonValue>;

constexpr absl::string_view kDirective = "$patch";
constexpr absl::string_view kRetainKeys = "$retainKeys";
constexpr absl::string_view kOrderPrefix = "$setElementOrder/";
constexpr absl::string_view kDeletePrefix = "$deleteFromPrimitiveList/";

// What the schema says of a member: the message below it (null: unknown or opaque) and how it
// merges.
struct Rule {
  const Descriptor* message = nullptr;
  bool merge_list = false;
  bool replace = false;
  std::string merge_key;
};

// The message whose members a JSON object at `field` shows; null for forms of their own.
const Descriptor* MessageBelow(const FieldDescriptor* field) {
  const Descriptor* message = field->message_type();
  return message == nullptr || HasJsonForm(message) ? nullptr : message;
}

// The rule of `name` within `schema`: a field of a message, or a value of a map.
Rule RuleOf(const Descriptor* schema, absl::string_view name) {
  Rule rule;
  if (schema == nullptr) return rule;
  if (schema->options().map_entry()) {
    rule.message = MessageBelow(schema->map_value());
    return rule;
  }
  const FieldDescriptor* field = FindJsonField(schema, name);
  if (field == nullptr) return rule;
  rule.message = field->is_map() ? field->message_type() : MessageBelow(field);
  const FieldFacts& facts = FactsOf(field);
  for (absl::string_view strategy : absl::StrSplit(facts.patch_strategy(), ',')) {
    if (strategy == "merge") rule.merge_list = true;
    if (strategy == "replace") rule.replace = true;
  }
  rule.merge_key = facts.patch_merge_key();
  return rule;
}

bool IsDirective(absl::string_view name) {
  return name == kDirective || name == kRetainKeys || absl::StartsWith(name, kOrderPrefix) ||
         absl::StartsWith(name, kDeletePrefix);
}

// A value that enters the document where nothing stood: directives and deletions have done their
// work.
JsonValue WithoutDirectives(const JsonValue& value) {
  if (value.is_object()) {
    JsonValue plain = JsonValue::Object();
    for (const JsonValue::Entry& entry : value.entries()) {
      if (IsDirective(entry.first) || entry.second.is_null()) continue;
      plain.entries().emplace_back(entry.first, WithoutDirectives(entry.second));
    }
    return plain;
  }
  if (value.is_array()) {
    JsonValue plain = JsonValue::Array();
    for (const JsonValue& item : value.items()) {
      const JsonValue* directive = item.is_object() ? item.Find(kDirective) : nullptr;
      if (directive != nullptr && (directive->text() == "delete" || item.entries().size() == 1)) {
        continue;
      }
      plain.items().push_back(WithoutDirectives(item));
    }
    return plain;
  }
  return value;
}

// Two elements are the same one: by merge key, or by value.
bool SameElement(const JsonValue& a, const JsonValue& b, const std::string& key) {
  if (!a.is_object() || !b.is_object() || key.empty()) return a == b;
  const JsonValue* key_a = a.Find(key);
  const JsonValue* key_b = b.Find(key);
  return key_a != nullptr && key_b != nullptr && *key_a == *key_b;
}

int IndexOf(const Items& items, const JsonValue& element, const std::string& key) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (SameElement(items[i], element, key)) return static_cast<int>(i);
  }
  return -1;
}

// Puts the elements that `order` names into its order, and leaves the others where they stood
// relative to their neighbours in `before`.
void Reorder(Items* items, const Items& order, const Items& before, const std::string& key) {
  Items named, others;
  for (const JsonValue& wanted : order) {
    const int at = IndexOf(*items, wanted, key);
    if (at >= 0) named.push_back((*items)[static_cast<size_t>(at)]);
  }
  for (const JsonValue& item : *items) {
    if (IndexOf(order, item, key) < 0) others.push_back(item);
  }
  Items result;
  size_t i = 0, j = 0;
  while (i < named.size() && j < others.size()) {
    const int place_named = IndexOf(before, named[i], key);
    const int place_other = IndexOf(before, others[j], key);
    const bool named_first = place_named >= 0 && place_other >= 0 && place_named < place_other;
    result.push_back(named_first ? named[i++] : others[j++]);
  }
  result.insert(result.end(), named.begin() + static_cast<ptrdiff_t>(i), named.end());
  result.insert(result.end(), others.begin() + static_cast<ptrdiff_t>(j), others.end());
  *items = std::move(result);
}

class Merger {
 public:
  absl::Status MergeObject(JsonValue* original, const JsonValue& patch, const Descriptor* schema) {
    if (const JsonValue* directive = patch.Find(kDirective)) {
      if (directive->text() == "replace") {
        *original = WithoutDirectives(patch);
        return absl::OkStatus();
      }
      if (directive->text() == "delete") {
        *original = JsonValue::Object();
        return absl::OkStatus();
      }
      if (directive->text() != "merge") return UnknownDirective(*directive);
    }
    SKIFF_RETURN_IF_ERROR(RetainKeys(original, patch));
    const JsonValue before = *original;
    for (const JsonValue::Entry& entry : patch.entries()) {
      if (IsDirective(entry.first)) continue;
      SKIFF_RETURN_IF_ERROR(MergeMember(original, entry, RuleOf(schema, entry.first)));
    }
    for (const JsonValue::Entry& entry : patch.entries()) {
      SKIFF_RETURN_IF_ERROR(ListDirective(original, before, entry, schema));
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status UnknownDirective(const JsonValue& directive) {
    return BadRequest(absl::StrCat("unrecognized $patch directive ", directive.ToString(),
                                   ": must be \"replace\", \"delete\" or \"merge\""));
  }

  static absl::Status RetainKeys(JsonValue* original, const JsonValue& patch) {
    const JsonValue* keep = patch.Find(kRetainKeys);
    if (keep == nullptr) return absl::OkStatus();
    if (!keep->is_array()) return BadRequest("$retainKeys must be a list of member names");
    for (const JsonValue::Entry& entry : patch.entries()) {
      if (!IsDirective(entry.first) && !entry.second.is_null() &&
          IndexOf(keep->items(), JsonValue::String(entry.first), "") < 0) {
        return BadRequest(absl::StrCat("$retainKeys must name every member of the patch: \"",
                                       entry.first, "\" is missing"));
      }
    }
    auto& entries = original->entries();
    entries.erase(std::remove_if(entries.begin(), entries.end(),
                                 [&](const JsonValue::Entry& entry) {
                                   return IndexOf(keep->items(), JsonValue::String(entry.first),
                                                  "") < 0;
                                 }),
                  entries.end());
    return absl::OkStatus();
  }

  absl::Status MergeMember(JsonValue* original, const JsonValue::Entry& entry, const Rule& rule) {
    const JsonValue& patch = entry.second;
    if (patch.is_null()) {
      original->Erase(entry.first);
      return absl::OkStatus();
    }
    JsonValue* current = original->Find(entry.first);
    if (current == nullptr || current->type() != patch.type()) {
      original->Member(entry.first) = WithoutDirectives(patch);
      return absl::OkStatus();
    }
    if (patch.is_object() && !rule.replace) return MergeObject(current, patch, rule.message);
    if (patch.is_array() && rule.merge_list) return MergeList(current, patch.items(), rule);
    *current = WithoutDirectives(patch);
    return absl::OkStatus();
  }

  absl::Status MergeList(JsonValue* original, const Items& patch, const Rule& rule) {
    if (rule.merge_key.empty()) {
      for (const JsonValue& item : patch) {
        if (IndexOf(original->items(), item, "") < 0) original->items().push_back(item);
      }
      return absl::OkStatus();
    }
    const bool replace = std::any_of(patch.begin(), patch.end(), [](const JsonValue& item) {
      const JsonValue* directive = item.is_object() ? item.Find(kDirective) : nullptr;
      return directive != nullptr && directive->text() == "replace";
    });
    if (replace) {
      JsonValue list = JsonValue::Array();
      list.items() = patch;
      *original = WithoutDirectives(list);
      return absl::OkStatus();
    }
    for (const JsonValue& item : patch) {
      SKIFF_RETURN_IF_ERROR(MergeElement(&original->items(), item, rule));
    }
    return absl::OkStatus();
  }

  absl::Status MergeElement(Items* items, const JsonValue& patch, const Rule& rule) {
    if (!patch.is_object() || patch.Find(rule.merge_key) == nullptr) {
      return BadRequest(absl::StrCat("map: ", patch.ToString(),
                                     " does not contain declared merge key: ", rule.merge_key));
    }
    const int at = IndexOf(*items, patch, rule.merge_key);
    const JsonValue* directive = patch.Find(kDirective);
    if (directive != nullptr && directive->text() == "delete") {
      // Several may carry the key where the list was written without one.
      items->erase(std::remove_if(items->begin(), items->end(),
                                  [&](const JsonValue& item) {
                                    return SameElement(item, patch, rule.merge_key);
                                  }),
                   items->end());
      return absl::OkStatus();
    }
    if (directive != nullptr && directive->text() != "merge") return UnknownDirective(*directive);
    if (at < 0) {
      items->push_back(WithoutDirectives(patch));
      return absl::OkStatus();
    }
    return MergeObject(&(*items)[static_cast<size_t>(at)], patch, rule.message);
  }

  absl::Status ListDirective(JsonValue* original, const JsonValue& before,
                             const JsonValue::Entry& entry, const Descriptor* schema) {
    absl::string_view list = entry.first;
    const bool order = absl::ConsumePrefix(&list, kOrderPrefix);
    if (!order && !absl::ConsumePrefix(&list, kDeletePrefix)) return absl::OkStatus();
    if (!entry.second.is_array()) {
      return BadRequest(absl::StrCat("\"", entry.first, "\" must be a list"));
    }
    JsonValue* target = original->Find(list);
    if (target == nullptr || !target->is_array()) return absl::OkStatus();
    const Items& named = entry.second.items();
    if (order) {
      const JsonValue* old = before.Find(list);
      Reorder(&target->items(), named, old != nullptr ? old->items() : Items(),
              RuleOf(schema, list).merge_key);
      return absl::OkStatus();
    }
    Items& items = target->items();
    items.erase(
        std::remove_if(items.begin(), items.end(),
                       [&](const JsonValue& item) { return IndexOf(named, item, "") >= 0; }),
        items.end());
    return absl::OkStatus();
  }
};

absl::StatusOr<JsonValue> ParseObject(absl::string_view text, absl::string_view what) {
  absl::StatusOr<JsonValue> value = JsonValue::Parse(text);
  if (!value.ok()) return BadRequest(absl::StrCat(what, ": ", value.status().message()));
  if (!value->is_object()) return BadRequest(absl::StrCat(what, " must be a JSON object"));
  return value;
}

}  // namespace

absl::StatusOr<std::string> StrategicMergePatch(absl::string_view document, absl::string_view patch,
                                                const Descriptor* schema) {
  SKIFF_ASSIGN_OR_RETURN(JsonValue original, ParseObject(document, "the object"));
  SKIFF_ASSIGN_OR_RETURN(const JsonValue changes, ParseObject(patch, "the strategic merge patch"));
  SKIFF_RETURN_IF_ERROR(Merger().MergeObject(&original, changes, schema));
  return original.ToString();
}

}  // namespace skiff::api
