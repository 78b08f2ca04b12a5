#include "absl/strings/str_cat.h"
#include "api/codec.h"
#include "api/errors.h"
#include "capi/internal.h"
#include "simdjson.h"

namespace skiff::capi {

skiff_code CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return SKIFF_OK;
    case absl::StatusCode::kInvalidArgument:
      return SKIFF_INVALID;
    case absl::StatusCode::kNotFound:
      return SKIFF_NOT_FOUND;
    case absl::StatusCode::kAlreadyExists:
      return SKIFF_ALREADY_EXISTS;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return SKIFF_CONFLICT;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return SKIFF_FORBIDDEN;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
      return SKIFF_UNAVAILABLE;
    case absl::StatusCode::kDeadlineExceeded:
      return SKIFF_TIMEOUT;
    case absl::StatusCode::kResourceExhausted:
      return SKIFF_EXHAUSTED;
    case absl::StatusCode::kOutOfRange:
      return SKIFF_EXPIRED;
    case absl::StatusCode::kDataLoss:
      return SKIFF_DATA_LOSS;
    case absl::StatusCode::kUnimplemented:
      return SKIFF_UNSUPPORTED;
    default:
      return SKIFF_INTERNAL;
  }
}

absl::Status StatusOf(skiff_code code, absl::string_view message) {
  switch (code) {
    case SKIFF_OK:
      return absl::OkStatus();
    case SKIFF_INVALID:
      return absl::InvalidArgumentError(message);
    case SKIFF_NOT_FOUND:
      return absl::NotFoundError(message);
    case SKIFF_ALREADY_EXISTS:
      return absl::AlreadyExistsError(message);
    case SKIFF_CONFLICT:
      return absl::AbortedError(message);
    case SKIFF_FORBIDDEN:
      return absl::PermissionDeniedError(message);
    case SKIFF_UNAVAILABLE:
      return absl::UnavailableError(message);
    case SKIFF_TIMEOUT:
      return absl::DeadlineExceededError(message);
    case SKIFF_EXHAUSTED:
      return absl::ResourceExhaustedError(message);
    case SKIFF_EXPIRED:
      return absl::OutOfRangeError(message);
    case SKIFF_DATA_LOSS:
      return absl::DataLossError(message);
    case SKIFF_UNSUPPORTED:
      return absl::UnimplementedError(message);
    case SKIFF_INTERNAL:
      break;
  }
  return absl::InternalError(message);
}

namespace {

// Whatever a message quotes (a path, bytes of a manifest), it goes out as UTF-8.
std::string Printable(absl::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return std::string(text);
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return out;
}

}  // namespace

skiff_code Fail(const absl::Status& status, skiff_error** error) noexcept {
  const skiff_code code = CodeOf(status);
  if (error == nullptr) return code;
  try {
    auto made = std::make_unique<skiff_error>();
    made->code = code;
    made->message = Printable(status.message());
    const metav1::Status meta = api::ToMetaStatus(status);
    api::JsonOptions options;
    options.kind = "Status";
    options.api_version = "v1";
    api::EncodeJson(meta, options, &made->status_json);
    made->status_json = Printable(made->status_json);
    *error = made.release();
  } catch (const std::bad_alloc&) {
  }
  return code;
}

char* CopyOut(absl::string_view text) {
  char* out = static_cast<char*>(std::malloc(text.size() + 1));
  if (out == nullptr) throw std::bad_alloc();
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return out;
}

absl::Status Check(std::initializer_list<Argument> arguments) {
  for (const Argument& argument : arguments) {
    if (argument.value == nullptr) {
      if (argument.form == Argument::Form::kOptionalText) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("the argument `", argument.name, "` must not be NULL"));
    }
    if (argument.form == Argument::Form::kPointer) continue;
    const auto* text = static_cast<const char*>(argument.value);
    if (!simdjson::validate_utf8(text, std::strlen(text))) {
      return absl::InvalidArgumentError(
          absl::StrCat("the argument `", argument.name, "` is not UTF-8"));
    }
  }
  return absl::OkStatus();
}

}  // namespace skiff::capi

extern "C" {

const char* skiff_version(void) { return SKIFF_VERSION; }

const char* skiff_code_name(skiff_code code) {
  switch (code) {
#define SKIFF_CODE_NAME(name, number, text) \
  case SKIFF_##name:                        \
    return #name;
    SKIFF_CODES(SKIFF_CODE_NAME)
#undef SKIFF_CODE_NAME
  }
  return nullptr;
}

void skiff_string_free(char* string) { std::free(string); }

skiff_code skiff_error_code(const skiff_error* error) {
  return error == nullptr ? SKIFF_OK : error->code;
}
const char* skiff_error_message(const skiff_error* error) {
  return error == nullptr ? "" : error->message.c_str();
}
const char* skiff_error_status_json(const skiff_error* error) {
  return error == nullptr ? "" : error->status_json.c_str();
}

void skiff_error_free(skiff_error** error) {
  if (error == nullptr) return;
  delete *error;
  *error = nullptr;
}

}  // extern "C"
