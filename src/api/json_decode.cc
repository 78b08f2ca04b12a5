// JSON to messages, strict about types and forgiving about unknown names, as Kubernetes' decoder
// is.
#include <simdjson.h>

#include <bit>
#include <limits>

#include "absl/container/inlined_vector.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/json_value.h"
#include "api/map_field.h"
#include "api/quantity.h"
#include "api/schema.h"
#include "api/time.h"
#include "base/status.h"

namespace skiff::api {
namespace {

namespace dom = simdjson::dom;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMaxDepth = 200;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

const char* TypeName(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "array";
    case dom::element_type::OBJECT:
      return "object";
    case dom::element_type::STRING:
      return "string";
    case dom::element_type::BOOL:
      return "bool";
    case dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "number";
  }
}

class Decoder {
 public:
  explicit Decoder(DecodeNotes* notes) : notes_(notes) {}

  absl::Status Value(const Plan& plan, dom::element value, Message* message, bool top) {
    if (plan.form != JsonForm::kObject) return Special(plan, value, message);
    dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Mismatch(value, plan.descriptor->name());
    absl::InlinedVector<const FieldPlan*, 16> seen;
    for (const dom::key_value_pair member : object) {
      const absl::string_view name = View(member.key);
      const auto it = plan.members.find(name);
      if (it == plan.members.end()) {
        const bool type_meta = name == "kind" || name == "apiVersion";
        if (!type_meta || (!top && !plan.facts->has_type_meta())) Note("unknown", name);
        if (type_meta && top) NoteType(name, member.value);
        continue;
      }
      const FieldPlan* field = it->second.back();
      if (std::find(seen.begin(), seen.end(), field) != seen.end()) {
        Note("duplicate", name);
        Descend(it->second, message)
            ->GetReflection()
            ->ClearField(Descend(it->second, message), field->field);
      }
      seen.push_back(field);
      if (member.value.is_null()) continue;
      path_.push_back({field->json_name});
      owner_ = plan.descriptor;
      SKIFF_RETURN_IF_ERROR(Field(*field, member.value, Descend(it->second, message)));
      path_.pop_back();
    }
    return absl::OkStatus();
  }

 private:
  // The message that holds the last field of a path through inlined messages.
  static Message* Descend(const std::vector<const FieldPlan*>& path, Message* message) {
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      message = message->GetReflection()->MutableMessage(message, path[i]->field);
    }
    return message;
  }

  void Note(absl::string_view what, absl::string_view name) {
    if (notes_ == nullptr) return;
    std::string path = JoinedPath();
    if (!path.empty()) path += '.';
    notes_->unknown_or_duplicate.push_back(absl::StrCat(what, " field \"", path, name, "\""));
  }

  void NoteType(absl::string_view name, dom::element value) {
    std::string_view text;
    if (notes_ == nullptr || value.get(text) != simdjson::SUCCESS) return;
    std::string& into = name == "kind" ? notes_->type.kind : notes_->type.api_version;
    if (into.empty()) into = text;
  }

  // Of the path to where the decoder is: a member, or an item.
  struct Step {
    absl::string_view name;
    int index = -1;
  };

  // "spec.containers[0].name"
  std::string JoinedPath() const {
    std::string out;
    for (const Step& step : path_) {
      if (step.index >= 0) {
        absl::StrAppend(&out, "[", step.index, "]");
      } else {
        const bool joined = out.empty() || absl::StartsWith(step.name, "[");
        absl::StrAppend(&out, joined ? "" : ".", step.name);
      }
    }
    return out;
  }

  absl::Status Mismatch(dom::element value, absl::string_view type) const {
    std::string what = TypeName(value);
    if (what == "number") absl::StrAppend(&what, " ", View(simdjson::minify(value)));
    if (path_.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("json: cannot unmarshal ", what, " into Go value of type ", type));
    }
    return absl::InvalidArgumentError(absl::StrCat("json: cannot unmarshal ", what,
                                                   " into Go struct field ", owner_->name(), ".",
                                                   JoinedPath(), " of type ", type));
  }

  absl::Status Bad(absl::string_view why) const {
    return absl::InvalidArgumentError(absl::StrCat(JoinedPath(), ": ", why));
  }

  absl::Status Field(const FieldPlan& field, dom::element value, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    if (field.is_map) return MapField(field, value, message, reflection);
    if (field.is_list) return ListField(field, value, message, reflection);
    if (field.message != nullptr) {
      return Value(*field.message, value, reflection.MutableMessage(message, field.field), false);
    }
    return Scalar(field.field, value, message, reflection, /*add=*/false);
  }

  absl::Status ListField(const FieldPlan& field, dom::element value, Message* message,
                         const Reflection& reflection) {
    dom::array items;
    if (value.get(items) != simdjson::SUCCESS) {
      return Mismatch(value, absl::StrCat("[]", ItemType(field)));
    }
    // A list of owners that is empty, and not absent, says that there are to be none: what a
    // message can only say by one that is empty.
    if (items.size() == 0 && field.message != nullptr &&
        field.message->descriptor == metav1::ManagedFieldsEntry::descriptor()) {
      reflection.AddMessage(message, field.field);
    }
    int index = 0;
    for (const dom::element item : items) {
      path_.push_back({"", index++});
      if (field.message != nullptr) {
        Message* added = reflection.AddMessage(message, field.field);
        if (!item.is_null()) SKIFF_RETURN_IF_ERROR(Value(*field.message, item, added, false));
      } else {
        SKIFF_RETURN_IF_ERROR(Scalar(field.field, item, message, reflection, /*add=*/true));
      }
      path_.pop_back();
    }
    return absl::OkStatus();
  }

  absl::Status MapField(const FieldPlan& field, dom::element value, Message* message,
                        const Reflection& reflection) {
    dom::object members;
    if (value.get(members) != simdjson::SUCCESS) {
      return Mismatch(value, absl::StrCat("map[string]", ItemType(field)));
    }
    for (const dom::key_value_pair member : members) {
      const std::string key(member.key);
      google::protobuf::MapValueRef entry;
      const bool fresh = MapAccess::Insert(reflection, message, field.field, MapKeyOf(key), &entry);
      if (!fresh) Note("duplicate", key);
      path_.push_back({key});
      if (field.message != nullptr) {
        Message* target = entry.MutableMessageValue();
        if (!fresh) target->Clear();
        if (!member.value.is_null()) {
          SKIFF_RETURN_IF_ERROR(Value(*field.message, member.value, target, false));
        }
      } else {
        SKIFF_RETURN_IF_ERROR(Text(field.map_value, member.value, MutableStringOf(entry)));
      }
      path_.pop_back();
    }
    return absl::OkStatus();
  }

  // A string, or bytes in base64; null is empty.
  absl::Status Text(const FieldDescriptor* field, dom::element value, std::string* out) {
    std::string_view text;
    if (!value.is_null() && value.get(text) != simdjson::SUCCESS) {
      return Mismatch(value, GoType(field));
    }
    if (field->type() != FieldDescriptor::TYPE_BYTES) {
      out->assign(text);
    } else if (!absl::Base64Unescape(View(text), out)) {
      return Bad("illegal base64 data");
    }
    return absl::OkStatus();
  }

  static std::string ItemType(const FieldPlan& field) {
    if (field.message != nullptr) return field.message->descriptor->name();
    return GoType(field.is_map ? field.map_value : field.field);
  }

  static std::string GoType(const FieldDescriptor* field) {
    switch (field->type()) {
      case FieldDescriptor::TYPE_BYTES:
        return "[]uint8";
      case FieldDescriptor::TYPE_DOUBLE:
        return "float64";
      default:
        return field->cpp_type_name();
    }
  }

  absl::Status Scalar(const FieldDescriptor* field, dom::element value, Message* message,
                      const Reflection& reflection, bool add) {
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string text;
        SKIFF_RETURN_IF_ERROR(Text(field, value, &text));
        add ? reflection.AddString(message, field, std::move(text))
            : reflection.SetString(message, field, std::move(text));
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_INT32: {
        int64_t number = 0;
        if (value.get(number) != simdjson::SUCCESS ||
            number < std::numeric_limits<int32_t>::min() ||
            number > std::numeric_limits<int32_t>::max()) {
          break;
        }
        const int32_t narrow = static_cast<int32_t>(number);
        add ? reflection.AddInt32(message, field, narrow)
            : reflection.SetInt32(message, field, narrow);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        int64_t number = 0;
        if (value.get(number) != simdjson::SUCCESS) break;
        add ? reflection.AddInt64(message, field, number)
            : reflection.SetInt64(message, field, number);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_BOOL: {
        bool flag = false;
        if (value.get(flag) != simdjson::SUCCESS) break;
        add ? reflection.AddBool(message, field, flag) : reflection.SetBool(message, field, flag);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        double number = 0;
        if (value.get(number) != simdjson::SUCCESS) break;
        add ? reflection.AddDouble(message, field, number)
            : reflection.SetDouble(message, field, number);
        return absl::OkStatus();
      }
      default:
        break;
    }
    return Mismatch(value, GoType(field));
  }

  absl::Status Special(const Plan& plan, dom::element value, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    const auto field = [&](int number) { return plan.descriptor->FindFieldByNumber(number); };
    std::string_view text;
    const bool is_text = value.get(text) == simdjson::SUCCESS;
    switch (plan.form) {
      case JsonForm::kObject:
        break;
      case JsonForm::kTime:
      case JsonForm::kMicroTime: {
        if (!is_text) break;
        const auto time = ParseTime(View(text));
        if (!time.ok()) return Bad(time.status().message());
        const int64_t seconds = absl::ToUnixSeconds(*time);
        const int64_t nanos =
            plan.form == JsonForm::kTime
                ? 0
                : absl::ToInt64Microseconds(*time - absl::FromUnixSeconds(seconds)) * 1000;
        reflection.SetInt64(message, field(1), seconds);
        reflection.SetInt32(message, field(2), static_cast<int32_t>(nanos));
        return absl::OkStatus();
      }
      case JsonForm::kDuration: {
        absl::Duration duration;
        if (!is_text) break;
        if (!absl::ParseDuration(View(text), &duration)) {
          return Bad(absl::StrCat("time: invalid duration \"", View(text), "\""));
        }
        reflection.SetInt64(message, field(1), absl::ToInt64Nanoseconds(duration));
        return absl::OkStatus();
      }
      case JsonForm::kQuantity: {
        const std::string written =
            is_text ? std::string(text) : std::string(simdjson::minify(value));
        if (!is_text && !value.is_number()) break;
        const auto quantity = Quantity::Parse(written);
        if (!quantity.ok()) return Bad(quantity.status().message());
        reflection.SetString(message, field(1), quantity->ToString());
        return absl::OkStatus();
      }
      case JsonForm::kIntOrString: {
        int64_t number = 0;
        if (!is_text &&
            (value.get(number) != simdjson::SUCCESS || number != static_cast<int32_t>(number))) {
          break;
        }
        reflection.SetInt64(message, field(1), is_text ? 1 : 0);
        reflection.SetInt32(message, field(2), static_cast<int32_t>(number));
        reflection.SetString(message, field(3), std::string(text));
        return absl::OkStatus();
      }
      case JsonForm::kRaw:
        reflection.SetString(message, plan.descriptor->field(0), simdjson::minify(value));
        return absl::OkStatus();
      case JsonForm::kStringList: {
        dom::array items;
        if (value.get(items) != simdjson::SUCCESS) break;
        for (const dom::element item : items) {
          SKIFF_RETURN_IF_ERROR(Scalar(field(1), item, message, reflection, /*add=*/true));
        }
        return absl::OkStatus();
      }
      case JsonForm::kSchemaOrArray:
      case JsonForm::kSchemaOrBool:
      case JsonForm::kSchemaOrStringArray:
        return Union(plan, value, message);
    }
    return Mismatch(value, plan.descriptor->name());
  }

  absl::Status Union(const Plan& plan, dom::element value, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    const FieldDescriptor* schema = plan.descriptor->FindFieldByName("schema");
    const Plan& schema_plan = PlanOf(schema->message_type());
    if (value.is_object()) {
      if (plan.form == JsonForm::kSchemaOrBool) {
        reflection.SetBool(message, plan.descriptor->FindFieldByName("allows"), true);
      }
      return Value(schema_plan, value, reflection.MutableMessage(message, schema), false);
    }
    if (plan.form == JsonForm::kSchemaOrBool) {
      return Scalar(plan.descriptor->FindFieldByName("allows"), value, message, reflection, false);
    }
    dom::array items;
    if (value.get(items) != simdjson::SUCCESS) return Mismatch(value, plan.descriptor->name());
    const FieldDescriptor* list = plan.descriptor->FindFieldByNumber(2);
    for (const dom::element item : items) {
      SKIFF_RETURN_IF_ERROR(
          list->message_type() != nullptr
              ? Value(schema_plan, item, reflection.AddMessage(message, list), false)
              : Scalar(list, item, message, reflection, /*add=*/true));
    }
    return absl::OkStatus();
  }

  DecodeNotes* const notes_;
  absl::InlinedVector<Step, 8> path_;
  const google::protobuf::Descriptor* owner_ = nullptr;
};

// Parses, or says where the text is malformed. `root` is good until the thread's next text, and as
// long as `large` is.
absl::Status ParseDom(absl::string_view json, dom::parser* large, dom::element* root) {
  // A parser has several buffers. Those for texts of a usual size are kept.
  constexpr size_t kUsual = 16 << 10;
  thread_local dom::parser usual;
  dom::parser& parser = json.size() <= kUsual ? usual : *large;
  if ((parser.capacity() >= json.size() && parser.capacity() != 0) ||
      parser.allocate(std::bit_ceil(std::max<size_t>(json.size(), 1 << 10)), kMaxDepth) ==
          simdjson::SUCCESS) {
    if (parser.parse(json.data(), json.size()).get(*root) == simdjson::SUCCESS) {
      return absl::OkStatus();
    }
  }
  // The slower reader tells line and column.
  SKIFF_RETURN_IF_ERROR(JsonValue::Parse(json).status());
  return absl::InvalidArgumentError("malformed JSON: a number is out of range");
}

}  // namespace

absl::Status DecodeJson(absl::string_view json, Message* message, DecodeNotes* notes) {
  dom::parser parser;
  dom::element root;
  SKIFF_RETURN_IF_ERROR(ParseDom(json, &parser, &root));
  message->Clear();
  return Decoder(notes).Value(PlanOf(message->GetDescriptor()), root, message, /*top=*/true);
}

absl::StatusOr<TypeMeta> ReadTypeMeta(absl::string_view json) {
  dom::parser parser;
  dom::element root;
  SKIFF_RETURN_IF_ERROR(ParseDom(json, &parser, &root));
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(
        absl::StrCat("want a Kubernetes object; this is a JSON ", TypeName(root)));
  }
  TypeMeta out;
  std::string_view text;
  if (object["apiVersion"].get(text) == simdjson::SUCCESS) out.api_version = std::string(text);
  if (object["kind"].get(text) == simdjson::SUCCESS) out.kind = std::string(text);
  return out;
}

absl::StatusOr<MessagePtr> DecodeAnyJson(absl::string_view json, DecodeNotes* notes) {
  SKIFF_ASSIGN_OR_RETURN(const TypeMeta type, ReadTypeMeta(json));
  if (type.kind.empty()) return absl::InvalidArgumentError("Object 'Kind' is missing: set `kind`");
  if (type.api_version.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Object 'apiVersion' is missing in the ", type.kind, ": set `apiVersion`"));
  }
  const ResourceInfo* resource = FindKind(type.api_version, type.kind);
  if (resource == nullptr) {
    return absl::NotFoundError(absl::StrCat("no matches for kind \"", type.kind, "\" in version \"",
                                            type.api_version, "\""));
  }
  MessagePtr message(resource->prototype->New());
  SKIFF_RETURN_IF_ERROR(DecodeJson(json, message.get(), notes));
  return message;
}

}  // namespace skiff::api
