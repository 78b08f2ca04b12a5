#include "api/field_merge.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "api/field_compare.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using Shape = MergeType::Shape;

// The type of a member of a value of that type; null: there is no such member.
const MergeType* Below(const MergeType& type, absl::string_view name) {
  return type.shape == Shape::kDeduced ? &type : type.Member(name);
}

// Whether a value of the type is looked into, and how.
bool IsMap(const MergeType& type, const JsonValue& value) {
  if (type.shape == Shape::kDeduced) return value.is_object();
  return type.shape == Shape::kMap && !type.atomic;
}

bool IsGranularList(const MergeType& type) { return type.shape == Shape::kList && !type.atomic; }

// A value as Go's %v prints it, which is how Kubernetes quotes what is of the wrong type.
std::string GoText(const JsonValue& value) {
  switch (value.type()) {
    case JsonValue::Type::kNull:
      return "<nil>";
    case JsonValue::Type::kString:
      return value.text();
    case JsonValue::Type::kArray:
      return absl::StrCat("[",
                          absl::StrJoin(value.items(), " ",
                                        [](std::string* out, const JsonValue& item) {
                                          absl::StrAppend(out, GoText(item));
                                        }),
                          "]");
    case JsonValue::Type::kObject: {
      std::vector<std::string> parts;
      for (const auto& [name, part] : value.entries()) {
        parts.push_back(absl::StrCat(name, ":", GoText(part)));
      }
      std::sort(parts.begin(), parts.end());
      return absl::StrCat("map[", absl::StrJoin(parts, " "), "]");
    }
    default:
      return value.ToString();
  }
}

// The same by %T.
absl::string_view GoType(const JsonValue& value) {
  switch (value.type()) {
    case JsonValue::Type::kNull:
      return "<nil>";
    case JsonValue::Type::kBool:
      return "bool";
    case JsonValue::Type::kString:
      return "string";
    case JsonValue::Type::kArray:
      return "[]interface {}";
    case JsonValue::Type::kObject:
      return "map[string]interface {}";
    case JsonValue::Type::kNumber:
      return value.text().find_first_of(".eE") == std::string::npos ? "int64" : "float64";
  }
  return "";
}

// And by %#v, of scalars as they are and of the others by their type.
std::string GoLiteral(const JsonValue& value) {
  const bool deep = value.is_array() || value.is_object();
  return absl::StrCat("&value.valueUnstructured{Value:",
                      deep ? absl::StrCat(GoType(value), value.ToString()) : value.ToString(), "}");
}

class Checker {
 public:
  explicit Checker(bool duplicates) : duplicates_(duplicates) {}

  void Check(const MergeType& type, const JsonValue& value) {
    switch (type.shape) {
      case Shape::kScalar:
        return Scalar(type.scalar, value);
      case Shape::kList:
        return List(type, value);
      case Shape::kMap:
        return Map(type, value);
      case Shape::kDeduced:
      case Shape::kOpaque:
        return;
    }
  }

  absl::Status Verdict() const {
    if (faults_.empty()) return absl::OkStatus();
    if (faults_.size() == 1) return absl::InvalidArgumentError(faults_[0]);
    return absl::InvalidArgumentError(absl::StrCat("errors:\n  ", absl::StrJoin(faults_, "\n  ")));
  }

 private:
  void Fault(absl::string_view what) {
    const std::string path = PathToString(path_);
    faults_.push_back(path.empty() ? std::string(what) : absl::StrCat(path, ": ", what));
  }

  void Scalar(MergeType::Scalar kind, const JsonValue& value) {
    if (value.is_null()) return;
    switch (kind) {
      case MergeType::Scalar::kNumeric:
        if (value.type() == JsonValue::Type::kNumber) return;
        return Fault(absl::StrCat("expected numeric (int or float), got ", GoType(value)));
      case MergeType::Scalar::kString:
        if (value.is_string()) return;
        return Fault(absl::StrCat("expected string, got ", GoLiteral(value)));
      case MergeType::Scalar::kBoolean:
        if (value.type() == JsonValue::Type::kBool) return;
        return Fault(absl::StrCat("expected boolean, got &{", GoText(value), "}"));
      case MergeType::Scalar::kAny:
        if (!value.is_object() && !value.is_array()) return;
        return Fault(absl::StrCat("expected any scalar, got &{", GoText(value), "}"));
    }
  }

  void List(const MergeType& type, const JsonValue& value) {
    if (value.is_null()) return;
    if (!value.is_array()) {
      return Fault(absl::StrCat("expected list, got &{", GoText(value), "}"));
    }
    absl::flat_hash_set<std::string> seen;
    for (size_t i = 0; i < value.items().size(); ++i) {
      std::string text = absl::StrCat(i);
      PathStep step{PathStep::Kind::kIndex, text};
      if (!type.atomic) {
        auto key = ItemText(type, value.items()[i]);
        if (!key.ok()) {
          return Fault(absl::StrCat("element ", i, ": ", key.status().message()));
        }
        text = *std::move(key);
        step = ItemStep(type, text);
        if (!seen.insert(text).second && !duplicates_) {
          Fault(absl::StrCat("duplicate entries for key ", step.ToString()));
        }
      }
      path_.push_back(step);
      Check(*type.element, value.items()[i]);
      path_.pop_back();
    }
  }

  void Map(const MergeType& type, const JsonValue& value) {
    if (value.is_null()) return;
    if (!value.is_object()) {
      return Fault(absl::StrCat("expected map, got &{", GoText(value), "}"));
    }
    for (const auto& [name, member] : value.entries()) {
      path_.push_back(PathStep::Field(name));
      if (const MergeType* below = type.Member(name); below != nullptr) {
        Check(*below, member);
      } else {
        Fault("field not declared in schema");
      }
      path_.pop_back();
    }
  }

  const bool duplicates_;
  FieldPath path_;
  std::vector<std::string> faults_;
};

// The texts of a list's items, which are known to have them.
std::vector<std::string> TextsOf(const MergeType& list, const JsonValue& value) {
  std::vector<std::string> out;
  for (const JsonValue& item : value.items()) {
    auto text = ItemText(list, item);
    out.push_back(text.ok() ? *std::move(text) : std::string());
  }
  return out;
}

class Gatherer {
 public:
  void Gather(const MergeType& type, const JsonValue& value) {
    if (IsMap(type, value)) return Members(type, value);
    if (IsGranularList(type)) return Items(type, value);
    if (type.shape != Shape::kDeduced || !value.is_null()) out_.Insert(path_);
  }

  FieldSet Take() { return std::move(out_); }

 private:
  void Members(const MergeType& type, const JsonValue& value) {
    for (const auto& [name, member] : value.entries()) {
      const MergeType* below = Below(type, name);
      if (below == nullptr) continue;
      path_.push_back(PathStep::Field(name));
      Gather(*below, member);
      const bool empty = member.is_null() || (member.is_object() && member.entries().empty());
      if (empty || !type.declares(name)) out_.Insert(path_);
      path_.pop_back();
    }
  }

  void Items(const MergeType& type, const JsonValue& value) {
    const std::vector<std::string> texts = TextsOf(type, value);
    absl::flat_hash_map<absl::string_view, int> counts;
    for (const std::string& text : texts) ++counts[text];
    for (size_t i = 0; i < texts.size(); ++i) {
      path_.push_back(ItemStep(type, texts[i]));
      // Of several that go by one name, only that there are such.
      if (counts[texts[i]] == 1) Gather(*type.element, value.items()[i]);
      out_.Insert(path_);
      path_.pop_back();
    }
  }

  FieldPath path_;
  FieldSet out_;
};

// Nothing: the member goes.
using Merged = std::optional<JsonValue>;

Merged Merge(const MergeType& type, const JsonValue* live, const JsonValue* config);

Merged MergeMembers(const MergeType& type, const JsonValue* live, const JsonValue* config) {
  JsonValue out = JsonValue::Object();
  absl::flat_hash_map<absl::string_view, const JsonValue*> wanted;
  if (config != nullptr) {
    for (const auto& [name, member] : config->entries()) wanted.emplace(name, &member);
  }
  const auto add = [&](const std::string& name, const JsonValue* left, const JsonValue* right) {
    const MergeType* below = Below(type, name);
    if (below == nullptr) below = &DeducedMergeType();
    if (Merged value = Merge(*below, left, right); value.has_value()) {
      out.entries().emplace_back(name, *std::move(value));
    }
  };
  if (live != nullptr) {
    for (const auto& [name, member] : live->entries()) {
      const auto it = wanted.find(name);
      const JsonValue* other = it == wanted.end() ? nullptr : it->second;
      if (it != wanted.end()) wanted.erase(it);
      add(name, &member, other);
    }
  }
  if (config != nullptr) {
    for (const auto& [name, member] : config->entries()) {
      if (wanted.contains(name)) add(name, nullptr, &member);
    }
  }
  if (out.entries().empty()) return std::nullopt;
  return out;
}

// Items in the order of the configuration; those that only the object has stay before the shared
// item that they stood before.
class ItemMerger {
 public:
  ItemMerger(const MergeType& type, const JsonValue* live, const JsonValue* config)
      : type_(type), live_(live), config_(config) {
    if (live != nullptr) left_ = TextsOf(type, *live);
    if (config != nullptr) right_ = TextsOf(type, *config);
    for (size_t i = 0; i < left_.size(); ++i) {
      // Which of several is meant cannot be told: such are not merged with.
      const auto [it, fresh] = at_left_.try_emplace(left_[i], i);
      if (!fresh) it->second = kMany;
    }
    for (size_t i = 0; i < right_.size(); ++i) at_right_.try_emplace(right_[i], i);
    for (const std::string& text : right_) {
      if (at_left_.contains(text)) shared_.push_back(text);
    }
  }

  Merged Run() {
    size_t l = 0, r = 0;
    while (l < left_.size() || r < right_.size()) {
      if (l < left_.size() && r < right_.size()) {
        if (left_[l] == right_[r]) {
          TakeRight(r++);
          ++l;
          continue;
        }
        // Shared, but not the one whose turn it is.
        if (at_right_.contains(left_[l]) && !shared_.empty() && shared_[next_] != left_[l]) {
          ++l;
          continue;
        }
      }
      if (l < left_.size()) {
        if (!at_right_.contains(left_[l])) {
          Add(&live_->items()[l++], nullptr);
          continue;
        }
        if (taken_.contains(left_[l])) ++l;
      }
      if (r < right_.size()) TakeRight(r++);
    }
    if (out_.items().empty()) return std::nullopt;
    return std::move(out_);
  }

 private:
  static constexpr size_t kMany = static_cast<size_t>(-1);

  void TakeRight(size_t r) {
    const std::string& text = right_[r];
    taken_.insert(text);
    const auto it = at_left_.find(text);
    const bool one = it != at_left_.end() && it->second != kMany;
    Add(one ? &live_->items()[it->second] : nullptr, &config_->items()[r]);
    if (!shared_.empty() && shared_[next_] == text) {
      if (++next_ == shared_.size()) shared_.clear(), next_ = 0;
    }
  }

  void Add(const JsonValue* left, const JsonValue* right) {
    if (Merged value = Merge(*type_.element, left, right); value.has_value()) {
      out_.items().push_back(*std::move(value));
    }
  }

  const MergeType& type_;
  const JsonValue* const live_;
  const JsonValue* const config_;
  std::vector<std::string> left_, right_;
  absl::flat_hash_map<absl::string_view, size_t> at_left_, at_right_;
  std::vector<absl::string_view> shared_;  // In the configuration's order.
  size_t next_ = 0;                        // Of them.
  absl::flat_hash_set<absl::string_view> taken_;
  JsonValue out_ = JsonValue::Array();
};

bool IsEmptyOrNull(const JsonValue* value) {
  return value == nullptr || (value->items().empty() && value->entries().empty());
}

// A side's value where it is of the wanted kind; null and what is of another count as nothing.
const JsonValue* Only(const JsonValue* value, JsonValue::Type kind) {
  return value != nullptr && value->type() == kind ? value : nullptr;
}

Merged Merge(const MergeType& type, const JsonValue* live, const JsonValue* config) {
  if (config == nullptr) return *live;
  if (live == nullptr) return *config;
  const bool map = type.shape == Shape::kDeduced
                       ? config->is_object() || (config->is_null() && live->is_object())
                       : type.shape == Shape::kMap && !type.atomic;
  if (map) {
    const JsonValue* left = Only(live, JsonValue::Type::kObject);
    const JsonValue* right = Only(config, JsonValue::Type::kObject);
    if (IsEmptyOrNull(left) && IsEmptyOrNull(right)) return *config;
    return MergeMembers(type, left, right);
  }
  if (IsGranularList(type)) {
    const JsonValue* left = Only(live, JsonValue::Type::kArray);
    const JsonValue* right = Only(config, JsonValue::Type::kArray);
    if (IsEmptyOrNull(left) && IsEmptyOrNull(right)) return *config;
    return ItemMerger(type, left, right).Run();
  }
  return *config;
}

JsonValue Prune(const MergeType& type, const JsonValue& value, const FieldSet& fields) {
  const bool map = type.shape == Shape::kDeduced ? value.is_object() : type.shape == Shape::kMap;
  const bool list = type.shape == Shape::kDeduced ? value.is_array() : type.shape == Shape::kList;
  if (!map && !list) return type.shape == Shape::kOpaque ? JsonValue() : value;
  if (type.atomic || (list && type.shape == Shape::kDeduced)) return JsonValue();
  if (map) {
    JsonValue out = JsonValue::Object();
    for (const auto& [name, member] : value.entries()) {
      const FieldSet::Node* node = fields.Find(PathStep::Field(name));
      if (node != nullptr && node->member) continue;
      const MergeType* below = Below(type, name);
      const bool deeper = node != nullptr && below != nullptr;
      out.entries().emplace_back(name, deeper ? Prune(*below, member, node->below) : member);
    }
    return out.entries().empty() ? JsonValue() : out;
  }
  JsonValue out = JsonValue::Array();
  const std::vector<std::string> texts = TextsOf(type, value);
  for (size_t i = 0; i < texts.size(); ++i) {
    const FieldSet::Node* node = fields.Find(ItemStep(type, texts[i]));
    if (node != nullptr && node->member) continue;
    const JsonValue& item = value.items()[i];
    out.items().push_back(node != nullptr ? Prune(*type.element, item, node->below) : item);
  }
  return out.items().empty() ? JsonValue() : out;
}

// The type of what a step leads to; null: the schema does not say.
const MergeType* Next(const MergeType* type, const PathStep& step) {
  if (type == nullptr) return nullptr;
  if (step.kind == PathStep::Kind::kField) {
    return type->shape == Shape::kMap ? type->Member(step.text) : nullptr;
  }
  return step.kind == PathStep::Kind::kKey && type->shape == Shape::kList ? type->element : nullptr;
}

void AddNamed(const MergeType* type, const FieldSet& fields, FieldPath* path, FieldSet* out) {
  for (const FieldSet::Node& node : fields.nodes()) {
    if (node.below.empty()) continue;
    const PathStep step = node.step();
    path->push_back(step);
    const bool named = step.kind == PathStep::Kind::kField && type != nullptr &&
                       type->shape == Shape::kMap && type->declares(step.text);
    if (named) out->Insert(*path);
    AddNamed(Next(type, step), node.below, path, out);
    path->pop_back();
  }
}

// Where the schema is atomic now, and the set goes below.
void FindAtoms(const MergeType* type, const FieldSet& fields, FieldPath* path, FieldSet* out) {
  for (const FieldSet::Node& node : fields.nodes()) {
    if (node.below.empty()) continue;
    path->push_back(node.step());
    const MergeType* below = Next(type, node.step());
    if (below != nullptr && below->atomic) {
      out->Insert(*path);
    } else {
      FindAtoms(below, node.below, path, out);
    }
    path->pop_back();
  }
}

}  // namespace

absl::Status CheckDocument(const MergeType& type, const JsonValue& document, bool duplicates) {
  Checker checker(duplicates);
  checker.Check(type, document);
  return checker.Verdict();
}

FieldSet FieldsOf(const MergeType& type, const JsonValue& document) {
  Gatherer gatherer;
  gatherer.Gather(type, document);
  return gatherer.Take();
}

JsonValue MergeDocuments(const MergeType& type, const JsonValue& live, const JsonValue& config) {
  return Merge(type, &live, &config).value_or(JsonValue());
}

JsonValue WithoutFields(const MergeType& type, const JsonValue& document, const FieldSet& fields) {
  return fields.empty() ? document : Prune(type, document, fields);
}

FieldSet WithNamedFields(const MergeType& type, const FieldSet& fields) {
  FieldSet out = fields;
  FieldPath path;
  AddNamed(&type, fields, &path, &out);
  return out;
}

FieldSet FitToSchema(const MergeType& type, const FieldSet& fields) {
  FieldSet atoms;
  FieldPath path;
  FindAtoms(&type, fields, &path, &atoms);
  if (atoms.empty()) return fields;
  return fields.RecursiveDifference(atoms).Union(atoms);
}

}  // namespace skiff::api
