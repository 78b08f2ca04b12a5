// What the C entry points share: handles, error conversion, and the guard that lets no exception
// out.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
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
};

struct skiff_cluster {
  std::unique_ptr<skiff::Cluster> cluster;
  std::string url;
  std::string kubeconfig;
  bool in_memory = false;
};

namespace skiff::capi {

skiff_code CodeOf(const absl::Status& status);

// Fills `error` (which may be null) and returns the code.
skiff_code Fail(const absl::Status& status, skiff_error** error);

// A malloc'ed copy; throws std::bad_alloc.
char* CopyOut(absl::string_view text);

inline std::string OrEmpty(const char* text) { return text == nullptr ? "" : text; }
inline std::string OrDefault(const char* name_space) {
  return name_space == nullptr || *name_space == '\0' ? "default" : name_space;
}
inline absl::Duration Limit(int64_t timeout_ms) {
  return timeout_ms < 0 ? absl::InfiniteDuration() : absl::Milliseconds(timeout_ms);
}

absl::Status NullArgument(absl::string_view name);

// Runs `body` (which returns a Status) so that nothing is thrown across the C boundary.
template <typename Body>
skiff_code Guard(skiff_error** error, Body body) noexcept {
  try {
    const absl::Status status = body();
    return status.ok() ? SKIFF_OK : Fail(status, error);
  } catch (const std::bad_alloc&) {
    return SKIFF_EXHAUSTED;
  } catch (const std::exception& e) {
    return Fail(absl::InternalError(e.what()), error);
  }
}

}  // namespace skiff::capi
