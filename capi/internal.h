// What the C entry points share: handles, arguments, error conversion, and the guard that lets no
// exception out.
#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "capi/skiff.h"
#include "skiff/cluster.h"

struct skiff_error {
  skiff_code code;
  std::string message;
  std::string status_json;
};

struct skiff_options {
  skiff::ClusterOptions options;
  std::string runtime = "linux";
  std::string wrong;  // What no setter could say of its value.
  std::string clock = "real";
  std::string controllers_off;
  bool out_of_memory = false;  // A setter could not keep its value.
};

struct skiff_cluster {
  std::unique_ptr<skiff::Cluster> cluster;
  std::string url;
  std::string kubeconfig;
  bool in_memory = false;
};

namespace skiff::capi {

skiff_code CodeOf(const absl::Status& status);
// The status that has the code; INTERNAL for a number that is none.
absl::Status StatusOf(skiff_code code, absl::string_view message);

// What skiff_apply tells.
std::string AppliedJson(const std::vector<skiff::Applied>& applied);

// Fills `error` (which may be null) and returns the code. Without memory for it, `*error` stays.
skiff_code Fail(const absl::Status& status, skiff_error** error) noexcept;

// What the options say of clocks and controllers, into those of the cluster. kInvalidArgument.
absl::Status ReadHarness(const skiff_options& options, skiff::ClusterOptions* out);

// kInvalidArgument: what the options say of a member is not UTF-8.
absl::Status CheckMember(const skiff::ClusterOptions& options);

// A setter returns nothing: skiff_cluster_open says that one could not keep its value.
void Set(skiff_options* options, std::string* field, const char* value,
         const char* default_value) noexcept;

// A malloc'ed copy; throws std::bad_alloc.
char* CopyOut(absl::string_view text);

// One argument of an entry point.
struct Argument {
  const char* name;
  const void* value;
  enum class Form { kPointer, kText, kOptionalText } form;
};
inline Argument Pointer(const char* name, const void* value) {
  return {name, value, Argument::Form::kPointer};
}
inline Argument Text(const char* name, const char* value) {
  return {name, value, Argument::Form::kText};
}
inline Argument OptionalText(const char* name, const char* value) {
  return {name, value, Argument::Form::kOptionalText};
}

// kInvalidArgument, naming the first that is NULL and must not be, or is text but not UTF-8.
absl::Status Check(std::initializer_list<Argument> arguments);

inline std::string OrEmpty(const char* text) { return text == nullptr ? "" : text; }
inline std::string OrDefault(const char* name_space) {
  return name_space == nullptr || *name_space == '\0' ? "default" : name_space;
}
inline absl::Duration Limit(int64_t timeout_ms) {
  return timeout_ms < 0 ? absl::InfiniteDuration() : absl::Milliseconds(timeout_ms);
}

// Whole seconds, rounded up; none for negative ones.
inline std::optional<int64_t> GraceSeconds(int64_t grace_period_ms) {
  if (grace_period_ms < 0) return std::nullopt;
  return grace_period_ms / 1000 + (grace_period_ms % 1000 != 0);
}

absl::Status OpenEventFd(UniqueFd* fd);
void RaiseEventFd(int fd);
void LowerEventFd(int fd);

// Runs `body` (which returns a Status) so that nothing is thrown across the C boundary.
template <typename Body>
skiff_code Guard(skiff_error** error, Body body) noexcept {
  absl::Status status;
  try {
    status = body();
  } catch (const std::bad_alloc&) {
    return Fail(absl::ResourceExhaustedError("out of memory"), error);
  } catch (const std::exception& e) {
    return Fail(absl::InternalError(e.what()), error);
  } catch (...) {
    return Fail(absl::InternalError("an exception of unknown type"), error);
  }
  return status.ok() ? SKIFF_OK : Fail(status, error);
}

}  // namespace skiff::capi
