#include "api/errors.h"

#include <catch2/catch.hpp>

#include "base/status.h"

namespace skiff::api {
namespace {

const ResourceInfo& Pods() { return ResourceOf<corev1::Pod>(); }
const ResourceInfo& Deployments() { return ResourceOf<appsv1::Deployment>(); }

TEST_CASE("NotFoundNamesTheResourceAndCarriesDetails") {
  const absl::Status status = NotFound(Deployments(), "web");
  CHECK(status.code() == absl::StatusCode::kNotFound);
  CHECK(status.message() == "deployments.apps \"web\" not found");
  const metav1::Status meta = ToMetaStatus(status);
  CHECK(meta.code() == 404);
  CHECK(meta.reason() == "NotFound");
  CHECK(meta.status() == "Failure");
  CHECK(meta.details().kind() == "deployments");
  CHECK(meta.details().group() == "apps");
  CHECK(meta.details().name() == "web");
}

TEST_CASE("ConflictAndAlreadyExistsAreBoth409WithReasonsOfTheirOwn") {
  const absl::Status conflict = Conflict(Deployments(), "x",
                                         "the object has been modified; please "
                                         "apply your changes to the latest version and try again");
  CHECK(conflict.code() == absl::StatusCode::kAborted);
  CHECK(conflict.message() ==
        "Operation cannot be fulfilled on deployments.apps \"x\": the object has been modified; "
        "please apply your changes to the latest version and try again");
  CHECK(ToMetaStatus(conflict).reason() == "Conflict");
  const metav1::Status exists = ToMetaStatus(AlreadyExists(Pods(), "x"));
  CHECK(exists.code() == 409);
  CHECK(exists.reason() == "AlreadyExists");
  CHECK(exists.message() == "pods \"x\" already exists");
}

TEST_CASE("InvalidListsEveryErrorAndOneCauseEach") {
  const FieldError required{FieldError::Kind::kRequired, "spec.containers[0].name", "", ""};
  const FieldError negative{FieldError::Kind::kInvalid, "spec.replicas", "-1",
                            "must be greater than or equal to 0"};
  CHECK(Invalid(Pods(), "x", {required}).message() ==
        "Pod \"x\" is invalid: spec.containers[0].name: Required value");
  const metav1::Status meta = ToMetaStatus(Invalid(Deployments(), "x", {required, negative}));
  CHECK(meta.message() ==
        "Deployment.apps \"x\" is invalid: [spec.containers[0].name: Required value, "
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0]");
  CHECK(meta.code() == 422);
  CHECK(meta.details().kind() == "Deployment");
  REQUIRE(meta.details().causes_size() == 2);
  CHECK(meta.details().causes(1).reason() == "FieldValueInvalid");
  CHECK(meta.details().causes(1).field() == "spec.replicas");
  CHECK(meta.details().causes(1).message() ==
        "Invalid value: -1: must be greater than or equal to 0");
}

TEST_CASE("ARepeatedErrorIsSaidOnce") {
  const FieldError required{FieldError::Kind::kRequired, "a", "", ""};
  CHECK(Invalid(Pods(), "x", {required, required}).message() ==
        "Pod \"x\" is invalid: a: Required value");
}

TEST_CASE("EachErrorHasItsHttpCode") {
  const std::pair<absl::Status, int> rows[] = {
      {BadRequest("m"), 400},
      {Unauthorized("m"), 401},
      {Forbidden(Pods(), "x", "no"), 403},
      {MethodNotSupported(Pods(), "patch"), 405},
      {NotAcceptable("m"), 406},
      {Expired("m"), 410},
      {RequestEntityTooLarge("m"), 413},
      {UnsupportedMediaType("m"), 415},
      {TooManyRequests("m", 3), 429},
      {InternalError("m"), 500},
      {ServiceUnavailable("m"), 503},
      {ServerTimeout("m"), 504},
      {absl::NotFoundError("bare"), 404},
      {absl::UnavailableError("bare"), 503},
      {absl::UnknownError("bare"), 500},
  };
  for (const auto& [status, code] : rows) {
    INFO(status.ToString());
    CHECK(ToMetaStatus(status).code() == code);
  }
  CHECK(ToMetaStatus(TooManyRequests("m", 3)).details().retry_after_seconds() == 3);
  CHECK(MethodNotSupported(Deployments(), "patch").message() ==
        "patch is not supported on resources of kind \"deployments.apps\"");
  CHECK(Forbidden(Pods(), "x", "no").message() == "pods \"x\" is forbidden: no");
}

TEST_CASE("AStatusSurvivesTheWireAndAnnotation") {
  const absl::Status sent = NotFound(Pods(), "x");
  const absl::Status received = FromMetaStatus(ToMetaStatus(sent));
  CHECK(received == sent);
  const absl::Status annotated = Annotate(received, "while looking");
  CHECK(ToMetaStatus(annotated).message() == "while looking: pods \"x\" not found");
  CHECK(ToMetaStatus(annotated).reason() == "NotFound");
  CHECK(ToMetaStatus(absl::OkStatus()).status() == "Success");
  CHECK(FromMetaStatus(ToMetaStatus(absl::OkStatus())).ok());
}

}  // namespace
}  // namespace skiff::api
