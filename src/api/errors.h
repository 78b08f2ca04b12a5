// Kubernetes' Status errors as absl::Status: the canonical code for code that decides, and the
// whole metav1.Status (reason, details, causes) as a payload for the client that reads. One error
// currency from store to wire.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/resource.h"
#include "api/types.h"

namespace skiff::api {

// One thing that is wrong with an object: where and why, in Kubernetes' words.
struct FieldError {
  enum class Kind {
    kRequired,
    kInvalid,
    kNotSupported,
    kDuplicate,
    kForbidden,
    kTooLong,
    kTooMany,
    kTypeInvalid,
    kNotFound
  };
  Kind kind;
  std::string field;   // "spec.containers[0].name"
  std::string value;   // JSON of the value, for the messages that quote it.
  std::string detail;  // "must be no more than 63 characters"
  // `spec.replicas: Invalid value: -1: must be greater than or equal to 0`
  std::string ToString() const;
  // The same without the field: `Invalid value: -1: must be greater than or equal to 0`.
  std::string Body() const;
};

absl::Status NotFound(const ResourceInfo& resource, absl::string_view name);  // 404 NotFound
absl::Status AlreadyExists(const ResourceInfo& resource,
                           absl::string_view name);  // 409 AlreadyExists
absl::Status Conflict(const ResourceInfo& resource, absl::string_view name,
                      absl::string_view why);  // 409 Conflict
// 422 Invalid: `Pod "x" is invalid: [a, b]` with one cause an error.
absl::Status Invalid(const ResourceInfo& resource, absl::string_view name,
                     const std::vector<FieldError>& errors);
absl::Status BadRequest(absl::string_view message);  // 400 BadRequest
absl::Status MethodNotSupported(const ResourceInfo& resource, absl::string_view verb);  // 405
absl::Status NotAcceptable(absl::string_view message);                                  // 406
absl::Status Expired(absl::string_view message);                // 410 Expired
absl::Status RequestEntityTooLarge(absl::string_view message);  // 413
absl::Status UnsupportedMediaType(absl::string_view message);   // 415
absl::Status Forbidden(const ResourceInfo& resource, absl::string_view name,
                       absl::string_view why);                                     // 403
absl::Status Unauthorized(absl::string_view message);                              // 401
absl::Status TooManyRequests(absl::string_view message, int retry_after_seconds);  // 429
absl::Status InternalError(absl::string_view message);                             // 500
absl::Status ServerTimeout(absl::string_view message);                             // 504
absl::Status ServiceUnavailable(absl::string_view message);                        // 503

// The metav1.Status to send: the payload, or one made from code and message.
metav1::Status ToMetaStatus(const absl::Status& status);
// The inverse, for clients over the wire.
absl::Status FromMetaStatus(const metav1::Status& status);

}  // namespace skiff::api
