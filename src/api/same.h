// Whether two messages look the same to a client, without making the JSON that it would see.
//
// Threads: any.
#pragma once

#include "absl/types/span.h"
#include "api/schema.h"
#include "google/protobuf/message.h"

namespace skiff::api {

// Whether `a` and `b`, of one type, have the same JSON (EncodeJson). `but`: fields that do not
// count, wherever they stand.
bool LooksSame(const google::protobuf::Message& a, const google::protobuf::Message& b,
               absl::Span<const google::protobuf::FieldDescriptor* const> but = {});

// The same of one field of theirs.
bool FieldLooksSame(const FieldPlan& field, const google::protobuf::Message& a,
                    const google::protobuf::Message& b);

}  // namespace skiff::api
