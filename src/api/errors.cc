#include "api/errors.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace skiff::api {
namespace {

constexpr absl::string_view kPayloadUrl = "skiff/status";

struct ReasonRow {
  absl::string_view reason;
  int http;
  absl::StatusCode code;
};

// The first row of a canonical code is what a status without payload becomes.
constexpr ReasonRow kReasons[] = {
    {"BadRequest", 400, absl::StatusCode::kInvalidArgument},
    {"Unauthorized", 401, absl::StatusCode::kUnauthenticated},
    {"Forbidden", 403, absl::StatusCode::kPermissionDenied},
    {"NotFound", 404, absl::StatusCode::kNotFound},
    {"MethodNotAllowed", 405, absl::StatusCode::kUnimplemented},
    {"NotAcceptable", 406, absl::StatusCode::kInvalidArgument},
    {"AlreadyExists", 409, absl::StatusCode::kAlreadyExists},
    {"Conflict", 409, absl::StatusCode::kAborted},
    {"Expired", 410, absl::StatusCode::kOutOfRange},
    {"Gone", 410, absl::StatusCode::kOutOfRange},
    {"RequestEntityTooLarge", 413, absl::StatusCode::kInvalidArgument},
    {"UnsupportedMediaType", 415, absl::StatusCode::kInvalidArgument},
    {"Invalid", 422, absl::StatusCode::kInvalidArgument},
    {"TooManyRequests", 429, absl::StatusCode::kResourceExhausted},
    {"InternalError", 500, absl::StatusCode::kInternal},
    {"ServerTimeout", 500, absl::StatusCode::kDeadlineExceeded},
    {"ServiceUnavailable", 503, absl::StatusCode::kUnavailable},
    {"Timeout", 504, absl::StatusCode::kDeadlineExceeded},
};

const ReasonRow* FindReason(absl::string_view reason) {
  for (const ReasonRow& row : kReasons) {
    if (row.reason == reason) return &row;
  }
  return nullptr;
}

absl::StatusCode CodeOf(const metav1::Status& status) {
  if (const ReasonRow* row = FindReason(status.reason())) return row->code;
  for (const ReasonRow& row : kReasons) {
    if (row.http == status.code()) return row.code;
  }
  return absl::StatusCode::kUnknown;
}

absl::Status Pack(const metav1::Status& status) {
  absl::Status result(CodeOf(status), status.message());
  result.SetPayload(kPayloadUrl, absl::Cord(status.SerializeAsString()));
  return result;
}

metav1::Status Failure(absl::string_view reason, std::string message) {
  const ReasonRow* row = FindReason(reason);
  metav1::Status status;
  status.set_status("Failure");
  status.set_message(std::move(message));
  status.set_reason(std::string(reason));
  status.set_code(row->http);
  return status;
}

absl::Status Plain(absl::string_view reason, std::string message) {
  return Pack(Failure(reason, std::move(message)));
}

void SetDetails(absl::string_view group, absl::string_view kind, absl::string_view name,
                metav1::Status* status) {
  metav1::StatusDetails* details = status->mutable_details();
  if (!name.empty()) details->set_name(std::string(name));
  if (!group.empty()) details->set_group(std::string(group));
  if (!kind.empty()) details->set_kind(std::string(kind));
}

absl::Status OfResource(absl::string_view reason, const ResourceInfo& resource,
                        absl::string_view name, std::string message) {
  metav1::Status status = Failure(reason, std::move(message));
  SetDetails(resource.group, resource.resource, name, &status);
  return Pack(status);
}

absl::string_view KindText(FieldError::Kind kind) {
  switch (kind) {
    case FieldError::Kind::kRequired:
      return "Required value";
    case FieldError::Kind::kInvalid:
      return "Invalid value";
    case FieldError::Kind::kNotSupported:
      return "Unsupported value";
    case FieldError::Kind::kDuplicate:
      return "Duplicate value";
    case FieldError::Kind::kForbidden:
      return "Forbidden";
    case FieldError::Kind::kTooLong:
      return "Too long";
    case FieldError::Kind::kTooMany:
      return "Too many";
    case FieldError::Kind::kTypeInvalid:
      return "Invalid value";
    case FieldError::Kind::kNotFound:
      return "Not found";
  }
  return "Invalid value";
}

absl::string_view CauseReason(FieldError::Kind kind) {
  switch (kind) {
    case FieldError::Kind::kRequired:
      return "FieldValueRequired";
    case FieldError::Kind::kInvalid:
      return "FieldValueInvalid";
    case FieldError::Kind::kNotSupported:
      return "FieldValueNotSupported";
    case FieldError::Kind::kDuplicate:
      return "FieldValueDuplicate";
    case FieldError::Kind::kForbidden:
      return "FieldValueForbidden";
    case FieldError::Kind::kTooLong:
      return "FieldValueTooLong";
    case FieldError::Kind::kTooMany:
      return "FieldValueTooMany";
    case FieldError::Kind::kTypeInvalid:
      return "FieldValueTypeInvalid";
    case FieldError::Kind::kNotFound:
      return "FieldValueNotFound";
  }
  return "FieldValueInvalid";
}

}  // namespace

std::string FieldError::Body() const {
  std::string text(KindText(kind));
  const bool quotes_value =
      kind != Kind::kRequired && kind != Kind::kForbidden && kind != Kind::kTooLong;
  if (quotes_value && !value.empty()) absl::StrAppend(&text, ": ", value);
  if (!detail.empty()) absl::StrAppend(&text, ": ", detail);
  return text;
}

std::string FieldError::ToString() const { return absl::StrCat(field, ": ", Body()); }

absl::Status NotFound(const ResourceInfo& resource, absl::string_view name) {
  return OfResource("NotFound", resource, name,
                    absl::StrCat(resource.qualified(), " \"", name, "\" not found"));
}

absl::Status AlreadyExists(const ResourceInfo& resource, absl::string_view name) {
  return OfResource("AlreadyExists", resource, name,
                    absl::StrCat(resource.qualified(), " \"", name, "\" already exists"));
}

absl::Status Conflict(const ResourceInfo& resource, absl::string_view name, absl::string_view why) {
  return OfResource("Conflict", resource, name,
                    absl::StrCat("Operation cannot be fulfilled on ", resource.qualified(), " \"",
                                 name, "\": ", why));
}

absl::Status Invalid(const ResourceInfo& resource, absl::string_view name,
                     const std::vector<FieldError>& errors) {
  std::string kind(resource.kind);
  if (!resource.group.empty()) absl::StrAppend(&kind, ".", resource.group);
  std::string message = absl::StrCat(kind, " \"", name, "\" is invalid");

  // Each sentence is said once, however many checks arrived at it.
  std::vector<std::string> sentences;
  absl::flat_hash_set<std::string> seen;
  for (const FieldError& error : errors) {
    std::string sentence = error.ToString();
    if (seen.insert(sentence).second) sentences.push_back(std::move(sentence));
  }
  if (sentences.size() == 1) {
    absl::StrAppend(&message, ": ", sentences[0]);
  } else if (!sentences.empty()) {
    absl::StrAppend(&message, ": [", absl::StrJoin(sentences, ", "), "]");
  }

  metav1::Status status = Failure("Invalid", std::move(message));
  SetDetails(resource.group, resource.kind, name, &status);
  for (const FieldError& error : errors) {
    metav1::StatusCause* cause = status.mutable_details()->add_causes();
    cause->set_reason(std::string(CauseReason(error.kind)));
    cause->set_message(error.Body());
    cause->set_field(error.field);
  }
  return Pack(status);
}

absl::Status BadRequest(absl::string_view message) {
  return Plain("BadRequest", std::string(message));
}

absl::Status MethodNotSupported(const ResourceInfo& resource, absl::string_view verb) {
  return OfResource(
      "MethodNotAllowed", resource, "",
      absl::StrCat(verb, " is not supported on resources of kind \"", resource.qualified(), "\""));
}

absl::Status NotAcceptable(absl::string_view message) {
  return Plain("NotAcceptable", std::string(message));
}

absl::Status Expired(absl::string_view message) { return Plain("Expired", std::string(message)); }

absl::Status RequestEntityTooLarge(absl::string_view message) {
  return Plain("RequestEntityTooLarge", absl::StrCat("Request entity too large: ", message));
}

absl::Status UnsupportedMediaType(absl::string_view message) {
  return Plain("UnsupportedMediaType", std::string(message));
}

absl::Status Forbidden(const ResourceInfo& resource, absl::string_view name,
                       absl::string_view why) {
  std::string message = resource.qualified();
  if (!name.empty()) absl::StrAppend(&message, " \"", name, "\"");
  absl::StrAppend(&message, " is forbidden: ", why);
  return OfResource("Forbidden", resource, name, std::move(message));
}

absl::Status Unauthorized(absl::string_view message) {
  return Plain("Unauthorized", std::string(message));
}

absl::Status TooManyRequests(absl::string_view message, int retry_after_seconds) {
  metav1::Status status = Failure("TooManyRequests", std::string(message));
  if (retry_after_seconds > 0) {
    status.mutable_details()->set_retry_after_seconds(retry_after_seconds);
  }
  return Pack(status);
}

absl::Status InternalError(absl::string_view message) {
  metav1::Status status =
      Failure("InternalError", absl::StrCat("Internal error occurred: ", message));
  status.mutable_details()->add_causes()->set_message(std::string(message));
  return Pack(status);
}

absl::Status ServerTimeout(absl::string_view message) {
  return Plain("Timeout", absl::StrCat("Timeout: ", message));
}

absl::Status ServiceUnavailable(absl::string_view message) {
  return Plain("ServiceUnavailable", std::string(message));
}

metav1::Status ToMetaStatus(const absl::Status& status) {
  metav1::Status result;
  if (status.ok()) {
    result.set_status("Success");
    return result;
  }
  if (absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl)) {
    if (result.ParseFromString(std::string(*payload))) {
      // What was added to the sentence on the way (see Annotate) is for the reader as well.
      result.set_message(std::string(status.message()));
      return result;
    }
    result.Clear();
  }
  for (const ReasonRow& row : kReasons) {
    if (row.code == status.code()) return Failure(row.reason, std::string(status.message()));
  }
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return Failure("Conflict", std::string(status.message()));
    case absl::StatusCode::kCancelled:
      return Failure("Timeout", std::string(status.message()));
    default:
      return Failure("InternalError", absl::StrCat("Internal error occurred: ", status.message()));
  }
}

absl::Status FromMetaStatus(const metav1::Status& status) {
  if (status.status() == "Success") return absl::OkStatus();
  return Pack(status);
}

}  // namespace skiff::api
