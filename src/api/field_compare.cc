#include "api/field_compare.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/map_field.h"
#include "api/same.h"
#include "api/types.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

enum class Shape { kAbsent, kNull, kScalar, kList, kMap };

constexpr size_t kManyMembers = 16;  // From here on an index is worth its making.

absl::Status NoKeys(const MergeType& list) {
  return absl::InvalidArgumentError(
      absl::StrCat("associative list with keys has an element that omits all key fields [",
                   absl::StrJoin(list.keys, " ",
                                 [](std::string* out, const MergeType::Key& key) {
                                   absl::StrAppend(out, "\"", key.name, "\"");
                                 }),
                   "] (and doesn't have default values for any key fields)"));
}

void AppendKeyName(absl::string_view name, std::string* out) {
  absl::StrAppend(out, out->empty() ? "{\"" : ",\"", name, "\":");
}

const FieldSet::Node* NodeOf(const FieldSet* set, const PathStep& step) {
  return set == nullptr || set->empty() ? nullptr : set->Find(step);
}

// A value of a document.
struct JsonNode {
  const JsonValue* value = nullptr;

  Shape shape() const {
    if (value == nullptr) return Shape::kAbsent;
    switch (value->type()) {
      case JsonValue::Type::kNull:
        return Shape::kNull;
      case JsonValue::Type::kArray:
        return Shape::kList;
      case JsonValue::Type::kObject:
        return Shape::kMap;
      default:
        return Shape::kScalar;
    }
  }
  bool empty(const MergeType& /*type*/) const {
    return value == nullptr || (value->items().empty() && value->entries().empty());
  }
  size_t size() const { return shape() == Shape::kList ? value->items().size() : 0; }
  JsonNode item(size_t i) const { return {&value->items()[i]}; }
  absl::Status Text(const MergeType& list, std::string* out) const {
    SKIFF_ASSIGN_OR_RETURN(*out, ItemText(list, *value));
    return absl::OkStatus();
  }
  static bool Same(const JsonNode& a, const JsonNode& b) { return *a.value == *b.value; }

  using Entries = absl::flat_hash_map<absl::string_view, const JsonValue*>;
  static Entries IndexOf(const JsonNode& map) {
    Entries out;
    if (map.shape() != Shape::kMap || map.value->entries().size() < kManyMembers) return out;
    for (const auto& [name, member] : map.value->entries()) out.emplace(name, &member);
    return out;
  }
  static const JsonValue* Find(const JsonNode& map, const Entries& index, absl::string_view name) {
    if (map.shape() != Shape::kMap) return nullptr;
    if (index.empty()) return map.value->Find(name);
    const auto it = index.find(name);
    return it == index.end() ? nullptr : it->second;
  }

  // `visit(step, type, a's, b's)` for each member of the one or the other.
  template <typename Visit>
  static absl::Status Zip(const MergeType& type, const JsonNode& a, const JsonNode& b,
                          const FieldSet* /*ignored*/, FieldChanges* out, const Visit& visit) {
    const auto member = [&](const std::string& name, const JsonValue* left,
                            const JsonValue* right) {
      const MergeType* below = type.shape == MergeType::Shape::kDeduced ? &type : type.Member(name);
      if (below == nullptr) return absl::OkStatus();
      return visit(PathStep::Field(out->Keep(name)), *below, JsonNode{left}, JsonNode{right});
    };
    if (a.shape() == Shape::kMap) {
      const Entries others = IndexOf(b);
      for (const auto& [name, left] : a.value->entries()) {
        SKIFF_RETURN_IF_ERROR(member(name, &left, Find(b, others, name)));
      }
    }
    if (b.shape() == Shape::kMap) {
      const Entries others = IndexOf(a);
      for (const auto& [name, right] : b.value->entries()) {
        if (Find(a, others, name) == nullptr) {
          SKIFF_RETURN_IF_ERROR(member(name, nullptr, &right));
        }
      }
    }
    return absl::OkStatus();
  }
};

// A value as JSON would show it, in the message that holds it.
class MessageNode {
 public:
  MessageNode() = default;  // Absent.
  static MessageNode Of(const Plan& plan, const Message& message) {
    MessageNode out;
    out.kind_ = Kind::kMessage;
    out.plan_ = &plan;
    out.message_ = &message;
    return out;
  }

  Shape shape() const {
    switch (kind_) {
      case Kind::kAbsent:
        return Shape::kAbsent;
      case Kind::kNull:
        return Shape::kNull;
      case Kind::kMessage:
        return plan_->form == JsonForm::kObject ? Shape::kMap : Shape::kScalar;
      case Kind::kList:
        return Shape::kList;
      case Kind::kMap:
        return Shape::kMap;
      default:
        return Shape::kScalar;
    }
  }

  // As a map of that type.
  bool empty(const MergeType& type) const {
    if (kind_ != Kind::kMessage) return kind_ == Kind::kAbsent || kind_ == Kind::kNull;
    return IsEmpty(type, *message_);
  }

  size_t size() const {
    return kind_ == Kind::kList
               ? static_cast<size_t>(message_->GetReflection()->FieldSize(*message_, field_->field))
               : 0;
  }

  MessageNode item(size_t i) const {
    const int index = static_cast<int>(i);
    if (field_->message != nullptr) {
      return Of(*field_->message,
                message_->GetReflection()->GetRepeatedMessage(*message_, field_->field, index));
    }
    MessageNode out = *this;
    out.kind_ = Kind::kItem;
    out.index_ = index;
    return out;
  }

  absl::Status Text(const MergeType& list, std::string* out) const {
    out->clear();
    if (list.keys.empty()) {
      AppendScalar(out);
      return absl::OkStatus();
    }
    for (const MergeType::Key& key : list.keys) {
      const Message* holder = message_;
      for (size_t i = 0; i + 1 < key.path.size(); ++i) {
        holder = &holder->GetReflection()->GetMessage(*holder, key.path[i]->field);
      }
      const MessageNode part = OfField(*key.path.back(), *holder, *holder->GetReflection());
      if (part.kind_ == Kind::kScalar) {
        AppendKeyName(key.name, out);
        part.AppendScalar(out);
      } else if (!key.default_value.empty()) {
        AppendKeyName(key.name, out);
        *out += key.default_value;
      }
    }
    if (out->empty()) return NoKeys(list);
    out->push_back('}');
    return absl::OkStatus();
  }

  // Of two that are there.
  static bool Same(const MessageNode& a, const MessageNode& b) {
    if (a.kind_ != b.kind_) return false;
    switch (a.kind_) {
      case Kind::kAbsent:
      case Kind::kNull:
        return true;
      case Kind::kMessage:
        return LooksSame(*a.message_, *b.message_);
      case Kind::kText:
        return *a.text_ == *b.text_;
      case Kind::kItem:
        return a.ScalarText() == b.ScalarText();
      default:
        return FieldLooksSame(*a.field_, *a.message_, *b.message_);
    }
  }

  // Any JSON that the message holds as text; nullopt: nothing of that kind.
  std::optional<JsonValue> Raw() const {
    if (kind_ != Kind::kMessage || plan_->form != JsonForm::kRaw) return std::nullopt;
    std::string json;
    EncodeJson(*message_, {}, &json);
    auto value = JsonValue::Parse(json);
    return value.ok() ? *std::move(value) : JsonValue();
  }

  template <typename Visit>
  static absl::Status Zip(const MergeType& type, const MessageNode& a, const MessageNode& b,
                          const FieldSet* ignored, FieldChanges* out, const Visit& visit) {
    if (type.plan == nullptr) return ZipMap(*type.element, a, b, out, visit);
    return ZipFields(type, a.kind_ == Kind::kMessage ? a.message_ : nullptr,
                     b.kind_ == Kind::kMessage ? b.message_ : nullptr, ignored, visit);
  }

 private:
  enum class Kind : uint8_t { kAbsent, kNull, kMessage, kList, kMap, kScalar, kItem, kText };

  static bool IsZero(const FieldDescriptor* field, const Message& message,
                     const Reflection& reflection) {
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        return reflection.GetStringReference(message, field, &scratch).empty();
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection.GetInt32(message, field) == 0;
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection.GetInt64(message, field) == 0;
      case FieldDescriptor::CPPTYPE_BOOL:
        return !reflection.GetBool(message, field);
      default:
        return reflection.GetDouble(message, field) == 0;
    }
  }

  static bool IsUnsetTime(const Plan& plan, const Message& message) {
    return (plan.form == JsonForm::kTime || plan.form == JsonForm::kMicroTime) &&
           !message.GetReflection()->HasField(message, plan.descriptor->FindFieldByNumber(1));
  }

  // What is left out and what is null is the encoder's rule (json_encode.cc).
  static MessageNode OfField(const FieldPlan& field, const Message& message,
                             const Reflection& reflection) {
    const FieldFacts& facts = *field.facts;
    MessageNode out;
    out.field_ = &field;
    out.message_ = &message;
    if (field.is_map || field.is_list) {
      const int size = field.is_map ? MapAccess::Size(reflection, message, field.field)
                                    : reflection.FieldSize(message, field.field);
      out.kind_ = size > 0             ? field.is_map ? Kind::kMap : Kind::kList
                  : facts.omit_empty() ? Kind::kAbsent
                                       : Kind::kNull;
      return out;
    }
    const bool has = reflection.HasField(message, field.field);
    if (!has && facts.pointer()) {
      out.kind_ = facts.omit_empty() ? Kind::kAbsent : Kind::kNull;
    } else if (field.message != nullptr) {
      if (!has && facts.omit_zero()) return MessageNode();
      const Message& below = reflection.GetMessage(message, field.field);
      if (!IsUnsetTime(*field.message, below)) return Of(*field.message, below);
      out.kind_ = Kind::kNull;
    } else {
      const bool left_out = !facts.pointer() && facts.omit_empty() &&
                            (!has || IsZero(field.field, message, reflection));
      out.kind_ = left_out ? Kind::kAbsent : Kind::kScalar;
    }
    return out;
  }

  static bool IsInlined(const FieldPlan& field) {
    return field.inlined && field.message != nullptr && field.message->form == JsonForm::kObject;
  }

  static bool IsSet(const FieldPlan& field, const Message& message, const Reflection& reflection) {
    if (field.is_map) return MapAccess::Size(reflection, message, field.field) > 0;
    if (field.is_list) return reflection.FieldSize(message, field.field) > 0;
    return reflection.HasField(message, field.field);
  }

  static bool IsEmpty(const MergeType& type, const Message& message) {
    const Reflection& reflection = *type.reflection;
    for (const auto& [field, below, silent] : type.fields) {
      if (IsInlined(*field)) {
        if (!IsEmpty(*below, reflection.GetMessage(message, field->field))) return false;
      } else if ((!silent || IsSet(*field, message, reflection)) &&
                 OfField(*field, message, reflection).kind_ != Kind::kAbsent) {
        return false;
      }
    }
    return true;
  }

  template <typename Visit>
  static absl::Status ZipFields(const MergeType& type, const Message* a, const Message* b,
                                const FieldSet* ignored, const Visit& visit) {
    const std::vector<FieldSet::Node>* skip = ignored == nullptr ? nullptr : &ignored->nodes();
    size_t at = 0;  // In them: both are in order.
    const Reflection& reflection = *type.reflection;
    for (const auto& [plan, below, silent] : type.fields) {
      const FieldPlan& field = *plan;
      while (skip != nullptr && at < skip->size() &&
             Compare((*skip)[at].step(), PathStep::Field(field.json_name)) < 0) {
        ++at;
      }
      if (skip != nullptr && at < skip->size() && (*skip)[at].member &&
          (*skip)[at].text == field.json_name) {
        continue;
      }
      const bool in_a = a != nullptr && IsSet(field, *a, reflection);
      const bool in_b = b != nullptr && IsSet(field, *b, reflection);
      if (!in_a && !in_b && (silent || (a != nullptr && b != nullptr))) continue;
      // What is looked into anyway is not compared as a whole first.
      const bool whole = below->plan == nullptr || below->atomic;
      if (in_a && in_b && whole && FieldLooksSame(field, *a, *b)) continue;
      if (IsInlined(field)) {
        const Message* left = in_a ? &reflection.GetMessage(*a, field.field) : nullptr;
        const Message* right = in_b ? &reflection.GetMessage(*b, field.field) : nullptr;
        SKIFF_RETURN_IF_ERROR(ZipFields(*below, left, right, ignored, visit));
        continue;
      }
      const MessageNode left = a == nullptr ? MessageNode() : OfField(field, *a, reflection);
      const MessageNode right = b == nullptr ? MessageNode() : OfField(field, *b, reflection);
      if (left.kind_ == Kind::kAbsent && right.kind_ == Kind::kAbsent) continue;
      SKIFF_RETURN_IF_ERROR(visit(PathStep::Field(field.json_name), *below, left, right));
    }
    return absl::OkStatus();
  }

  MessageNode ValueOf(const google::protobuf::MapValueConstRef& value) const {
    if (field_->message != nullptr) return Of(*field_->message, value.GetMessageValue());
    MessageNode out;
    out.kind_ = Kind::kText;
    out.text_ = &value.GetStringValue();
    return out;
  }

  bool Find(const google::protobuf::MapKey& key, MessageNode* out) const {
    if (kind_ != Kind::kMap) return false;
    google::protobuf::MapValueConstRef value;
    if (!MapAccess::Find(*message_->GetReflection(), *message_, field_->field, key, &value)) {
      return false;
    }
    *out = ValueOf(value);
    return true;
  }

  template <typename Visit>
  static absl::Status ZipMap(const MergeType& element, const MessageNode& a, const MessageNode& b,
                             FieldChanges* out, const Visit& visit) {
    const auto each = [&](const MessageNode& of, const MessageNode& other, bool left) {
      if (of.kind_ != Kind::kMap) return absl::OkStatus();
      const Reflection& reflection = *of.message_->GetReflection();
      const int size = MapAccess::Size(reflection, *of.message_, of.field_->field);
      auto it = MapAccess::Begin(reflection, *of.message_, of.field_->field);
      for (int i = 0; i < size; ++i, ++it) {
        MessageNode opposite;
        const bool both = other.Find(it.GetKey(), &opposite);
        const MessageNode own = of.ValueOf(it.GetValueRef());
        if (both && (!left || Same(own, opposite))) continue;
        const PathStep step = PathStep::Field(out->Keep(it.GetKey().GetStringValue()));
        SKIFF_RETURN_IF_ERROR(visit(step, element, left ? own : opposite, left ? opposite : own));
      }
      return absl::OkStatus();
    };
    SKIFF_RETURN_IF_ERROR(each(a, b, true));
    return each(b, a, false);
  }

  std::string ScalarText() const {
    std::string out;
    AppendScalar(&out);
    return out;
  }

  void AppendScalar(std::string* out) const {
    const Reflection& reflection = *message_->GetReflection();
    const bool list = kind_ == Kind::kItem;
    const FieldDescriptor* field = field_->field;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& text =
            list ? reflection.GetRepeatedStringReference(*message_, field, index_, &scratch)
                 : reflection.GetStringReference(*message_, field, &scratch);
        if (field->type() == FieldDescriptor::TYPE_BYTES) {
          return absl::StrAppend(out, "\"", absl::Base64Escape(text), "\"");
        }
        return AppendJsonString(text, out);
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return absl::StrAppend(out, list ? reflection.GetRepeatedInt32(*message_, field, index_)
                                         : reflection.GetInt32(*message_, field));
      case FieldDescriptor::CPPTYPE_INT64:
        return absl::StrAppend(out, list ? reflection.GetRepeatedInt64(*message_, field, index_)
                                         : reflection.GetInt64(*message_, field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return absl::StrAppend(out, reflection.GetBool(*message_, field) ? "true" : "false");
      default:
        return absl::StrAppend(out, reflection.GetDouble(*message_, field));
    }
  }

  Kind kind_ = Kind::kAbsent;
  int index_ = -1;
  const Plan* plan_ = nullptr;        // kMessage
  const Message* message_ = nullptr;  // kMessage: itself; else what holds the field.
  const FieldPlan* field_ = nullptr;
  const std::string* text_ = nullptr;  // kText: a value of a map.
};

// Walks two values of one type side by side.
template <typename Node>
class Comparer {
 public:
  explicit Comparer(FieldChanges* out) : out_(*out) {}

  // `ignored`: what of the paths below here does not count; null: all counts.
  absl::Status Compare(const MergeType& type, const Node& a, const Node& b,
                       const FieldSet* ignored) {
    if constexpr (std::is_same_v<Node, MessageNode>) {
      if (type.shape == MergeType::Shape::kMap) {
        const std::optional<JsonValue> left = a.Raw();
        const std::optional<JsonValue> right = b.Raw();
        if (left.has_value() || right.has_value()) {
          return Comparer<JsonNode>(&out_).Compare(type, {left ? &*left : nullptr},
                                                   {right ? &*right : nullptr}, ignored);
        }
      }
    }
    switch (type.shape) {
      case MergeType::Shape::kScalar:
      case MergeType::Shape::kOpaque:
        Leaf(a, b);
        return absl::OkStatus();
      case MergeType::Shape::kDeduced:
        return Deduced(type, a, b, ignored);
      case MergeType::Shape::kList:
        if (type.atomic || (a.size() == 0 && b.size() == 0)) {
          Leaf(a, b);
          return absl::OkStatus();
        }
        SKIFF_RETURN_IF_ERROR(Items(type, a, b, ignored));
        break;
      case MergeType::Shape::kMap:
        if (type.atomic || AreEmpty(type, a, b)) {
          Leaf(a, b);
          return absl::OkStatus();
        }
        SKIFF_RETURN_IF_ERROR(Members(type, a, b, ignored));
        break;
    }
    if (a.shape() == Shape::kAbsent) out_.Insert(FieldChanges::kAdded);
    if (b.shape() == Shape::kAbsent) out_.Insert(FieldChanges::kRemoved);
    return absl::OkStatus();
  }

 private:
  void Leaf(const Node& a, const Node& b) {
    if (a.shape() == Shape::kAbsent) {
      out_.Insert(FieldChanges::kAdded);
    } else if (b.shape() == Shape::kAbsent) {
      out_.Insert(FieldChanges::kRemoved);
    } else if (!Node::Same(a, b)) {
      out_.Insert(FieldChanges::kModified);
    }
  }

  // Of two that are there, and not both maps: of such nothing would be found anyway.
  static bool AreEmpty(const MergeType& type, const Node& a, const Node& b) {
    return a.shape() != Shape::kAbsent && b.shape() != Shape::kAbsent &&
           (a.shape() != Shape::kMap || b.shape() != Shape::kMap) && a.empty(type) && b.empty(type);
  }

  static bool IsNothing(const Node& node) {
    return node.shape() == Shape::kAbsent || node.shape() == Shape::kNull;
  }

  // Null is of whatever type the other is; what changes its type does so from top to bottom.
  absl::Status Deduced(const MergeType& type, const Node& a, const Node& b,
                       const FieldSet* ignored) {
    const bool left = a.shape() == Shape::kMap && !a.empty(type);
    const bool right = b.shape() == Shape::kMap && !b.empty(type);
    const bool a_fits = left || IsNothing(a) || a.shape() == Shape::kMap;
    const bool b_fits = right || IsNothing(b) || b.shape() == Shape::kMap;
    if ((!left && !right) || !a_fits || !b_fits) Leaf(a, b);
    if (!left && !right) return absl::OkStatus();
    SKIFF_RETURN_IF_ERROR(Members(type, a, b, ignored));
    if (a.shape() == Shape::kAbsent) out_.Insert(FieldChanges::kAdded);
    if (b.shape() == Shape::kAbsent) out_.Insert(FieldChanges::kRemoved);
    return absl::OkStatus();
  }

  absl::Status Below(const PathStep& step, const MergeType& type, const Node& a, const Node& b,
                     const FieldSet* ignored) {
    const FieldSet* next = nullptr;
    if (const FieldSet::Node* node = NodeOf(ignored, step); node != nullptr) {
      if (node->member) return absl::OkStatus();
      next = &node->below;
    }
    out_.Push(step);
    const absl::Status status = Compare(type, a, b, next);
    out_.Pop();
    return status;
  }

  absl::Status Members(const MergeType& type, const Node& a, const Node& b,
                       const FieldSet* ignored) {
    return Node::Zip(type, a, b, ignored, &out_,
                     [&](const PathStep& step, const MergeType& below, const Node& left,
                         const Node& right) { return Below(step, below, left, right, ignored); });
  }

  using Texts = absl::InlinedVector<absl::string_view, 8>;

  absl::Status Gather(const MergeType& type, const Node& list, Texts* texts) {
    for (size_t i = 0; i < list.size(); ++i) {
      const absl::Status read = list.item(i).Text(type, &scratch_);
      if (!read.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(out_.Path(), ": element ", i, ": ", read.message()));
      }
      texts->push_back(out_.Keep(scratch_));
    }
    return absl::OkStatus();
  }

  static bool AllDiffer(const Texts& texts) {
    if (texts.size() >= kManyMembers) {
      return absl::flat_hash_set<absl::string_view>(texts.begin(), texts.end()).size() ==
             texts.size();
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      if (std::find(texts.begin(), texts.begin() + i, texts[i]) != texts.begin() + i) return false;
    }
    return true;
  }

  absl::Status Items(const MergeType& type, const Node& a, const Node& b, const FieldSet* ignored) {
    Texts left, right;
    SKIFF_RETURN_IF_ERROR(Gather(type, a, &left));
    SKIFF_RETURN_IF_ERROR(Gather(type, b, &right));
    // Most lists keep their items where they are, or are new.
    const bool fresh = left.empty();
    if ((fresh || left == right) && AllDiffer(right)) {
      for (size_t i = 0; i < right.size(); ++i) {
        SKIFF_RETURN_IF_ERROR(Below(ItemStep(type, right[i]), *type.element,
                                    fresh ? Node() : a.item(i), b.item(i), ignored));
      }
      return absl::OkStatus();
    }
    return Groups(type, a, left, b, right, ignored);
  }

  // The places of the items of one name.
  struct Group {
    absl::string_view text;
    std::vector<size_t> a;
    std::vector<size_t> b;
  };

  absl::Status Groups(const MergeType& type, const Node& a, const Texts& left, const Node& b,
                      const Texts& right, const FieldSet* ignored) {
    absl::flat_hash_map<absl::string_view, size_t> index;
    std::vector<Group> groups;
    const auto gather = [&](const Texts& texts, std::vector<size_t> Group::*side) {
      for (size_t i = 0; i < texts.size(); ++i) {
        const auto [it, fresh] = index.try_emplace(texts[i], groups.size());
        if (fresh) groups.push_back({texts[i], {}, {}});
        (groups[it->second].*side).push_back(i);
      }
    };
    gather(left, &Group::a);
    gather(right, &Group::b);
    for (const Group& group : groups) {
      SKIFF_RETURN_IF_ERROR(CompareGroup(type, a, b, group, ignored));
    }
    return absl::OkStatus();
  }

  // Items of one name are one field, whatever is in them: which is which cannot be told.
  absl::Status CompareGroup(const MergeType& type, const Node& a, const Node& b, const Group& group,
                            const FieldSet* ignored) {
    const PathStep step = ItemStep(type, group.text);
    const Node left = group.a.empty() ? Node() : a.item(group.a[0]);
    const Node right = group.b.empty() ? Node() : b.item(group.b[0]);
    const bool many_a = group.a.size() > 1;
    const bool many_b = group.b.size() > 1;
    if (!many_a && !many_b) return Below(step, *type.element, left, right, ignored);
    if (many_a && many_b) {
      bool same = group.a.size() == group.b.size();
      for (size_t i = 0; same && i < group.a.size(); ++i) {
        same = Node::Same(a.item(group.a[i]), b.item(group.b[i]));
      }
      if (!same) InsertBelow(step, FieldChanges::kModified);
      return absl::OkStatus();
    }
    if (many_a) {
      if (!group.b.empty()) {
        SKIFF_RETURN_IF_ERROR(Below(step, *type.element, Node(), right, ignored));
      }
      InsertBelow(step, FieldChanges::kRemoved);
      return absl::OkStatus();
    }
    if (!group.a.empty()) {
      SKIFF_RETURN_IF_ERROR(Below(step, *type.element, left, Node(), ignored));
    }
    InsertBelow(step, FieldChanges::kAdded);
    return absl::OkStatus();
  }

  void InsertBelow(const PathStep& step, FieldChanges::Kind kind) {
    out_.Push(step);
    out_.Insert(kind);
    out_.Pop();
  }

  FieldChanges& out_;
  std::string scratch_;
};

}  // namespace

absl::StatusOr<std::string> ItemText(const MergeType& list, const JsonValue& item) {
  if (list.keys.empty()) {
    if (item.is_object()) {
      return absl::InvalidArgumentError(
          "associative list without keys has an element that's a map type");
    }
    if (item.is_array()) {
      return absl::InvalidArgumentError("not supported: associative list with lists as elements");
    }
    if (item.is_null()) {
      return absl::InvalidArgumentError(
          "associative list without keys has an element that's an explicit null");
    }
    return ScalarText(item);
  }
  if (item.is_null()) {
    return absl::InvalidArgumentError("associative list with keys may not have a null element");
  }
  if (!item.is_object()) {
    return absl::InvalidArgumentError("associative list with keys may not have non-map elements");
  }
  std::string out;
  for (const MergeType::Key& key : list.keys) {
    if (const JsonValue* part = item.Find(key.name); part != nullptr) {
      AppendKeyName(key.name, &out);
      out += ScalarText(*part);
    } else if (!key.default_value.empty()) {
      AppendKeyName(key.name, &out);
      out += key.default_value;
    }
  }
  if (out.empty()) return NoKeys(list);
  return absl::StrCat(out, "}");
}

absl::Status CompareFields(const Message& old, const Message& now, const FieldSet& ignored,
                           FieldChanges* out) {
  const MergeType& type = MergeTypeOf(old.GetDescriptor());
  SKIFF_RETURN_IF_ERROR(Comparer<MessageNode>(out).Compare(
      type, MessageNode::Of(*type.plan, old), MessageNode::Of(*type.plan, now), &ignored));
  out->Finish();
  return absl::OkStatus();
}

absl::Status CompareFields(const MergeType& type, const JsonValue& old, const JsonValue& now,
                           const FieldSet& ignored, FieldChanges* out) {
  SKIFF_RETURN_IF_ERROR(Comparer<JsonNode>(out).Compare(type, {&old}, {&now}, &ignored));
  out->Finish();
  return absl::OkStatus();
}

}  // namespace skiff::api
