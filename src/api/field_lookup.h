// From a name in JSON to the field of the message, members of inline messages included.
//
// Threads: any.
#pragma once

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "skiff/facts.pb.h"

namespace skiff::api {

// What a message's member in JSON is: null if it has no such member.
const google::protobuf::FieldDescriptor* FindJsonField(const google::protobuf::Descriptor* message,
                                                       absl::string_view json_name);

// The field's facts (an empty set where none are given).
const FieldFacts& FactsOf(const google::protobuf::FieldDescriptor* field);

// Whether JSON shows the message as something other than an object of its fields: a Quantity, a
// Time.
bool HasJsonForm(const google::protobuf::Descriptor* message);

}  // namespace skiff::api
