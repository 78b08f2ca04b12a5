#include "base/status.h"

#include <catch2/catch.hpp>
#include <cerrno>

namespace skiff {
namespace {

TEST_CASE("AnErrnoBecomesItsCodeAndNamesWhatFailed") {
  const absl::Status status = ErrnoStatus(ENOENT, "/data/CURRENT");
  CHECK(absl::IsNotFound(status));
  CHECK(status.message() == "/data/CURRENT: No such file or directory");
}

TEST_CASE("AnnotationKeepsCodeAndPayload") {
  absl::Status status = absl::AbortedError("torn");
  status.SetPayload("skiff/test", absl::Cord("x"));
  const absl::Status annotated = Annotate(status, "log");
  CHECK(annotated.code() == absl::StatusCode::kAborted);
  CHECK(annotated.message() == "log: torn");
  CHECK(annotated.GetPayload("skiff/test").has_value());
  CHECK(Annotate(absl::OkStatus(), "log").ok());
}

TEST_CASE("TheMacrosPassErrorsOn") {
  const auto half = [](int n) -> absl::StatusOr<int> {
    if (n % 2 != 0) return absl::InvalidArgumentError("odd");
    return n / 2;
  };
  const auto quarter = [&](int n) -> absl::StatusOr<int> {
    SKIFF_ASSIGN_OR_RETURN(const int once, half(n));
    SKIFF_ASSIGN_OR_RETURN(const int twice, half(once));
    return twice;
  };
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).status().message() == "odd");
}

}  // namespace
}  // namespace skiff
