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
#include "api/types.h"
#include "google/protobuf/message.h"

// Types of groups whose generated headers are included where they are used.
namespace k8s::io::api::certificates::v1 {
class CertificateSigningRequest;
}  // namespace k8s::io::api::certificates::v1

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

// The same for a certificate request's approval path, the only one that may approve or deny it.
std::vector<FieldError> ValidateApproval(const certificatesv1::CertificateSigningRequest& now,
                                         const certificatesv1::CertificateSigningRequest& old);

}  // namespace skiff::api
