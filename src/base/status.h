// Error flow: absl::Status and StatusOr everywhere; no exception crosses a room. An error that a
// user will read names the object, the field path, the value and what would be right.
//
//   SKIFF_RETURN_IF_ERROR(Mount(source, target));
//   SKIFF_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace skiff {

// "WHAT: No such file or directory", with the canonical code that fits `error_number` (an errno).
absl::Status ErrnoStatus(int error_number, absl::string_view what);

// The same code and payloads, with "CONTEXT: " before the message. OK stays OK.
absl::Status Annotate(absl::Status status, absl::string_view context);

// Reports a broken invariant on standard error and aborts. Use SKIFF_CHECK.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace skiff

// An assertion that stays on in release: for broken invariants, never for input.
#define SKIFF_CHECK(condition) \
  ((condition) ? (void)0 : ::skiff::CheckFailed(__FILE__, __LINE__, #condition))

#define SKIFF_RETURN_IF_ERROR(expression)                                                  \
  do {                                                                                     \
    if (absl::Status skiff_status = (expression); !skiff_status.ok()) return skiff_status; \
  } while (false)

#define SKIFF_STATUS_CONCAT_(a, b) a##b
#define SKIFF_STATUS_CONCAT(a, b) SKIFF_STATUS_CONCAT_(a, b)
#define SKIFF_ASSIGN_OR_RETURN(declaration, expression) \
  SKIFF_ASSIGN_OR_RETURN_(SKIFF_STATUS_CONCAT(skiff_or_, __LINE__), declaration, expression)
#define SKIFF_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                    \
  if (!result.ok()) return std::move(result).status();           \
  declaration = *std::move(result)
