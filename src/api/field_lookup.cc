#include "api/field_lookup.h"

namespace skiff::api {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

const FieldFacts& FactsOf(const FieldDescriptor* field) {
  return field->options().GetExtension(::skiff::field);
}

bool HasJsonForm(const Descriptor* message) {
  return !message->options().GetExtension(::skiff::message).json_form().empty();
}

const FieldDescriptor* FindJsonField(const Descriptor* message, absl::string_view json_name) {
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    const FieldFacts& facts = FactsOf(field);
    if (facts.proto_only()) continue;
    if (facts.inline_() && field->message_type() != nullptr) {
      if (const FieldDescriptor* found = FindJsonField(field->message_type(), json_name)) {
        return found;
      }
    } else if (field->json_name() == std::string(json_name)) {
      return field;
    }
  }
  return nullptr;
}

}  // namespace skiff::api
