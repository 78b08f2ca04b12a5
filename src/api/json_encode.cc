// Messages to JSON, in the way of Go's encoding/json with Kubernetes' tags.
#include <algorithm>
#include <cmath>

#include "absl/container/inlined_vector.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/codec.h"
#include "api/json_value.h"
#include "api/map_field.h"
#include "api/schema.h"
#include "api/time.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Encoder {
 public:
  Encoder(int indent, std::string* out) : indent_(indent), out_(*out) {}

  void Top(const Message& message, const JsonOptions& options) {
    const Plan& plan = PlanOf(message.GetDescriptor());
    if (plan.form != JsonForm::kObject) return Special(plan, message);
    Open('{');
    if (!options.kind.empty()) Member("\"kind\":"), AppendJsonString(options.kind, &out_);
    if (!options.api_version.empty()) {
      Member("\"apiVersion\":");
      AppendJsonString(options.api_version, &out_);
    }
    Fields(plan, message);
    Close('}');
  }

 private:
  void NewLine() {
    if (indent_ == 0) return;
    out_.push_back('\n');
    out_.append(depth_ * indent_, ' ');
  }
  void Open(char bracket) {
    out_.push_back(bracket);
    ++depth_;
    first_ = true;
  }
  void Close(char bracket) {
    --depth_;
    if (!first_) NewLine();
    out_.push_back(bracket);
    first_ = false;
  }
  void Item() {
    if (!first_) out_.push_back(',');
    first_ = false;
    NewLine();
  }
  void Member(absl::string_view key) {
    Item();
    out_.append(key.data(), key.size());
    if (indent_ != 0) out_.push_back(' ');
  }

  void Value(const Plan& plan, const Message& message) {
    if (plan.form != JsonForm::kObject) return Special(plan, message);
    Open('{');
    Fields(plan, message);
    Close('}');
  }

  void Fields(const Plan& plan, const Message& message) {
    const Reflection* reflection = message.GetReflection();
    for (const FieldPlan& field : plan.fields) {
      if (field.is_map) {
        MapField(field, message, *reflection);
      } else if (field.is_list) {
        ListField(field, message, *reflection);
      } else if (field.inlined && field.message != nullptr &&
                 field.message->form == JsonForm::kObject) {
        if (reflection->HasField(message, field.field)) {
          Fields(*field.message, reflection->GetMessage(message, field.field));
        }
      } else {
        Singular(field, message, *reflection);
      }
    }
  }

  void Singular(const FieldPlan& field, const Message& message, const Reflection& reflection) {
    const bool has = reflection.HasField(message, field.field);
    if (field.message != nullptr) {
      const bool leave_out = field.facts->pointer()     ? field.facts->omit_empty()
                             : field.facts->omit_zero() ? true
                                                        : false;
      if (!has && leave_out) return;
      Member(field.json_key);
      if (!has && field.facts->pointer()) {
        out_.append("null");
      } else {
        Value(*field.message, reflection.GetMessage(message, field.field));
      }
      return;
    }
    if (field.facts->pointer()) {
      if (!has && field.facts->omit_empty()) return;
      Member(field.json_key);
      if (!has) {
        out_.append("null");
        return;
      }
    } else {
      if (field.facts->omit_empty() && (!has || IsZero(field.field, message, reflection))) return;
      Member(field.json_key);
    }
    Scalar(field.field, message, reflection, -1);
  }

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
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection.GetDouble(message, field) == 0;
      default:
        return false;
    }
  }

  void ListField(const FieldPlan& field, const Message& message, const Reflection& reflection) {
    const int size = reflection.FieldSize(message, field.field);
    if (size == 0 && field.facts->omit_empty()) return;
    Member(field.json_key);
    if (size == 0) {
      out_.append("null");
      return;
    }
    Open('[');
    for (int i = 0; i < size; ++i) {
      Item();
      if (field.message != nullptr) {
        Value(*field.message, reflection.GetRepeatedMessage(message, field.field, i));
      } else {
        Scalar(field.field, message, reflection, i);
      }
    }
    Close(']');
  }

  void MapField(const FieldPlan& field, const Message& message, const Reflection& reflection) {
    const int size = MapAccess::Size(reflection, message, field.field);
    if (size == 0 && field.facts->omit_empty()) return;
    Member(field.json_key);
    if (size == 0) {
      out_.append("null");
      return;
    }
    absl::InlinedVector<std::pair<std::string, google::protobuf::MapValueRef>, 4> entries;
    auto it = MapAccess::Begin(reflection, message, field.field);
    for (int i = 0; i < size; ++i, ++it) {
      entries.emplace_back(it.GetKey().GetStringValue(), it.GetValueRef());
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Open('{');
    for (const auto& [key, value] : entries) {
      Item();
      AppendJsonString(key, &out_);
      out_.append(indent_ == 0 ? ":" : ": ");
      if (field.message != nullptr) {
        Value(*field.message, value.GetMessageValue());
      } else {
        Text(field.map_value, value.GetStringValue());
      }
    }
    Close('}');
  }

  void Text(const FieldDescriptor* field, const std::string& text) {
    if (field->type() == FieldDescriptor::TYPE_BYTES) {
      absl::StrAppend(&out_, "\"", absl::Base64Escape(text), "\"");
    } else {
      AppendJsonString(text, &out_);
    }
  }

  // The value itself; of a list, item `index`.
  void Scalar(const FieldDescriptor* field, const Message& message, const Reflection& reflection,
              int index) {
    const bool list = index >= 0;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        return Text(field,
                    list ? reflection.GetRepeatedStringReference(message, field, index, &scratch)
                         : reflection.GetStringReference(message, field, &scratch));
      }
      case FieldDescriptor::CPPTYPE_INT32:
        absl::StrAppend(&out_, list ? reflection.GetRepeatedInt32(message, field, index)
                                    : reflection.GetInt32(message, field));
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        absl::StrAppend(&out_, list ? reflection.GetRepeatedInt64(message, field, index)
                                    : reflection.GetInt64(message, field));
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        out_.append((list ? reflection.GetRepeatedBool(message, field, index)
                          : reflection.GetBool(message, field))
                        ? "true"
                        : "false");
        return;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        absl::StrAppendFormat(&out_, "%.17g",
                              list ? reflection.GetRepeatedDouble(message, field, index)
                                   : reflection.GetDouble(message, field));
        return;
      default:
        SKIFF_CHECK(false);  // The Kubernetes API has no other scalar types.
    }
  }

  void Raw(const Message& message) {
    std::string scratch;
    const std::string& text = message.GetReflection()->GetStringReference(
        message, message.GetDescriptor()->field(0), &scratch);
    if (text.empty()) {
      out_.append("null");
    } else if (indent_ == 0) {
      out_.append(text);
    } else if (const auto parsed = JsonValue::Parse(text); parsed.ok()) {
      parsed->AppendTo(&out_);
    } else {
      out_.append("null");
    }
  }

  void Special(const Plan& plan, const Message& message) {
    const Reflection& reflection = *message.GetReflection();
    const auto field = [&](int number) { return plan.descriptor->FindFieldByNumber(number); };
    switch (plan.form) {
      case JsonForm::kObject:
        return;
      case JsonForm::kTime:
      case JsonForm::kMicroTime: {
        const FieldDescriptor* seconds = field(1);
        if (!reflection.HasField(message, seconds)) {
          out_.append("null");
          return;
        }
        const absl::Time time = absl::FromUnixSeconds(reflection.GetInt64(message, seconds)) +
                                absl::Nanoseconds(reflection.GetInt32(message, field(2)));
        AppendJsonString(
            plan.form == JsonForm::kTime ? api::FormatTime(time) : api::FormatMicroTime(time),
            &out_);
        return;
      }
      case JsonForm::kDuration:
        AppendJsonString(GoDuration(reflection.GetInt64(message, field(1))), &out_);
        return;
      case JsonForm::kQuantity: {
        const std::string text = reflection.GetString(message, field(1));
        AppendJsonString(text.empty() ? "0" : text, &out_);
        return;
      }
      case JsonForm::kIntOrString:
        if (reflection.GetInt64(message, field(1)) == 0) {
          absl::StrAppend(&out_, reflection.GetInt32(message, field(2)));
        } else {
          AppendJsonString(reflection.GetString(message, field(3)), &out_);
        }
        return;
      case JsonForm::kRaw:
        return Raw(message);
      case JsonForm::kStringList: {
        Open('[');
        for (int i = 0; i < reflection.FieldSize(message, field(1)); ++i) {
          Item();
          AppendJsonString(reflection.GetRepeatedString(message, field(1), i), &out_);
        }
        Close(']');
        return;
      }
      case JsonForm::kSchemaOrArray:
      case JsonForm::kSchemaOrBool:
      case JsonForm::kSchemaOrStringArray:
        return Union(plan, message);
    }
  }

  // The three either-or types of a CRD's schema: one field is a JSONSchemaProps, the other a list
  // or bool.
  void Union(const Plan& plan, const Message& message) {
    const Reflection& reflection = *message.GetReflection();
    const FieldDescriptor* schema = plan.descriptor->FindFieldByName("schema");
    if (reflection.HasField(message, schema)) {
      return Value(PlanOf(schema->message_type()), reflection.GetMessage(message, schema));
    }
    const FieldDescriptor* other = plan.form == JsonForm::kSchemaOrBool
                                       ? plan.descriptor->FindFieldByName("allows")
                                       : plan.descriptor->FindFieldByNumber(2);
    if (plan.form == JsonForm::kSchemaOrBool) {
      out_.append(reflection.GetBool(message, other) ? "true" : "false");
      return;
    }
    Open('[');
    for (int i = 0; i < reflection.FieldSize(message, other); ++i) {
      Item();
      if (other->message_type() != nullptr) {
        Value(PlanOf(other->message_type()), reflection.GetRepeatedMessage(message, other, i));
      } else {
        Scalar(other, message, reflection, i);
      }
    }
    Close(']');
  }

  // Go's time.Duration.String() for whole units down to nanoseconds: "1h2m3s", "1.5s", "0s".
  static std::string GoDuration(int64_t nanoseconds) {
    return nanoseconds == 0 ? "0s" : absl::FormatDuration(absl::Nanoseconds(nanoseconds));
  }

  const int indent_;
  std::string& out_;
  int depth_ = 0;
  bool first_ = true;
};

}  // namespace

void EncodeJson(const Message& message, const JsonOptions& options, std::string* out) {
  Encoder(options.indent, out).Top(message, options);
}

}  // namespace skiff::api
