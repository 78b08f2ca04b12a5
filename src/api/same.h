// Whether two messages look the same to a client, without making the JSON that it would see.
//
// Threads: any.
#pragma once

#include "google/protobuf/message.h"

namespace skiff::api {

// Whether `a` and `b`, of one type, have the same JSON (EncodeJson). `but`: a field that does not
// count, wherever it stands.
bool LooksSame(const google::protobuf::Message& a, const google::protobuf::Message& b,
               const google::protobuf::FieldDescriptor* but = nullptr);

}  // namespace skiff::api
