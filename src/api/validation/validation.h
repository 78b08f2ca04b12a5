// Whether an object may be stored: the rules of Kubernetes v1.35 for each kind, in its words, with
// the path of the field that is wrong. Structure (types, enums of the schema) is checked before;
// here stands what needs knowledge of the kind.
//
//   std::vector<FieldError> errors = ValidateCreate(*pod);
//   if (!errors.empty()) return Invalid(resource, name, errors);
//
// Objects must have been defaulted (see defaulting.h). Threads: any.
#pragma once

#include <vector>

#include "api/errors.h"
#include "google/protobuf/message.h"

namespace skiff::api {

// A new object of a served kind, its name given or generated already. Nothing if it is valid.
std::vector<FieldError> ValidateCreate(const google::protobuf::Message& object);

// `now` in place of `old`, which is of the same kind. Only for writes by clients to the object
// itself or its status: a binding sets spec.nodeName without asking this.
std::vector<FieldError> ValidateUpdate(const google::protobuf::Message& now,
                                       const google::protobuf::Message& old);

// The same for a write on the status path, which changes nothing but the status.
std::vector<FieldError> ValidateStatusUpdate(const google::protobuf::Message& now,
                                             const google::protobuf::Message& old);

}  // namespace skiff::api
