#include "apiserver/auth/reviews.h"

#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "api/object.h"
#include "api/types.h"
#include "base/status.h"
#include "k8s.io/api/authentication/v1/generated.pb.h"
#include "k8s.io/api/authorization/v1/generated.pb.h"

namespace skiff::apiserver {
namespace {

void CopyUser(const User& user, authenticationv1::UserInfo* out) {
  out->set_username(user.name);
  if (!user.uid.empty()) out->set_uid(user.uid);
  for (const std::string& group : user.groups) out->add_groups(group);
  for (const auto& [key, values] : user.extra) {
    for (const std::string& value : values) (*out->mutable_extra())[key].add_items(value);
  }
}

absl::Status Wrong(const google::protobuf::Message& review, api::FieldError::Kind kind,
                   const char* field, const char* value, const char* detail) {
  return api::Invalid(api::ResourceOfDescriptor(review.GetDescriptor()),
                      api::MetaOf(review)->name(), {{kind, field, value, detail}});
}

// Exactly one of the two must be there.
template <typename Spec>
absl::Status CheckSpec(const google::protobuf::Message& review, const Spec& spec) {
  if (spec.has_resource_attributes() == spec.has_non_resource_attributes()) {
    if (spec.has_resource_attributes()) {
      return Wrong(review, api::FieldError::Kind::kInvalid, "spec.nonResourceAttributes", "{}",
                   "cannot be specified in combination with resourceAttributes");
    }
    return Wrong(review, api::FieldError::Kind::kInvalid, "spec.resourceAttributes", "null",
                 "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  return absl::OkStatus();
}

template <typename Spec>
void Decide(const Authorizer& authorizer, const User& user, const Spec& spec,
            authorizationv1::SubjectAccessReviewStatus* status) {
  Attributes asked;
  asked.user = &user;
  if (spec.has_resource_attributes()) {
    const authorizationv1::ResourceAttributes& about = spec.resource_attributes();
    asked.verb = about.verb();
    asked.group = about.group();
    asked.version = about.version();
    asked.resource = about.resource();
    asked.subresource = about.subresource();
    asked.name_space = about.namespace_();
    asked.name = about.name();
  } else {
    asked.verb = spec.non_resource_attributes().verb();
    asked.path = spec.non_resource_attributes().path();
  }
  const Decision decision = authorizer.Authorize(asked);
  status->Clear();
  status->set_allowed(decision.allowed());
  if (decision.kind == Decision::Kind::kDeny) status->set_denied(true);
  if (!decision.reason.empty()) status->set_reason(decision.reason);
}

User SubjectOf(const authorizationv1::SubjectAccessReviewSpec& spec) {
  User out;
  out.name = spec.user();
  out.uid = spec.uid();
  out.groups = {spec.groups().begin(), spec.groups().end()};
  for (const auto& [key, values] : spec.extra()) {
    out.extra[key] = {values.items().begin(), values.items().end()};
  }
  return out;
}

template <typename Review>
absl::Status AnswerSubject(const Authorizer& authorizer, Review* review) {
  SKIFF_RETURN_IF_ERROR(CheckSpec(*review, review->spec()));
  if (review->spec().user().empty() && review->spec().groups().empty()) {
    return Wrong(*review, api::FieldError::Kind::kInvalid, "spec.user", "\"\"",
                 "at least one of user or group must be specified");
  }
  Decide(authorizer, SubjectOf(review->spec()), review->spec(), review->mutable_status());
  return absl::OkStatus();
}

absl::Status AnswerLocal(const Authorizer& authorizer, absl::string_view name_space,
                         authorizationv1::LocalSubjectAccessReview* review) {
  if (review->spec().has_non_resource_attributes()) {
    return Wrong(*review, api::FieldError::Kind::kInvalid, "spec.nonResourceAttributes", "{}",
                 "disallowed on this kind of request");
  }
  const std::string& own = review->spec().resource_attributes().namespace_();
  if (own != name_space) {
    return Wrong(*review, api::FieldError::Kind::kInvalid, "spec.resourceAttributes.namespace",
                 absl::StrCat("\"", own, "\"").c_str(), "must match metadata.namespace");
  }
  return AnswerSubject(authorizer, review);
}

void AnswerRules(const Authorizer& authorizer, const User& user, absl::string_view name_space,
                 authorizationv1::SelfSubjectRulesReview* review) {
  authorizationv1::SubjectRulesReviewStatus* status = review->mutable_status();
  status->Clear();
  status->set_incomplete(false);
  for (const Rule& rule : authorizer.RulesOf(user, name_space)) {
    if (!rule.paths.empty()) {
      authorizationv1::NonResourceRule* out = status->add_non_resource_rules();
      for (const std::string& verb : rule.verbs) out->add_verbs(verb);
      for (const std::string& path : rule.paths) out->add_non_resource_urls(path);
      continue;
    }
    authorizationv1::ResourceRule* out = status->add_resource_rules();
    for (const std::string& verb : rule.verbs) out->add_verbs(verb);
    for (const std::string& group : rule.groups) out->add_api_groups(group);
    for (const std::string& resource : rule.resources) out->add_resources(resource);
  }
}

absl::Status AnswerToken(const Authenticator& authenticator,
                         authenticationv1::TokenReview* review) {
  if (review->spec().token().empty()) {
    return api::BadRequest("token is required for TokenReview in authentication");
  }
  authenticationv1::TokenReviewStatus* status = review->mutable_status();
  status->Clear();
  if (const UserPtr found = authenticator.FindToken(review->spec().token())) {
    status->set_authenticated(true);
    CopyUser(*found, status->mutable_user());
  }
  return absl::OkStatus();
}

}  // namespace

bool IsReview(const api::ResourceInfo& resource) {
  return resource.group == "authentication.k8s.io" || resource.group == "authorization.k8s.io";
}

absl::Status AnswerReview(const Authenticator& authenticator, const Authorizer& authorizer,
                          const User& user, absl::string_view name_space,
                          google::protobuf::Message* review) {
  if (auto* token =
          google::protobuf::DynamicCastToGenerated<authenticationv1::TokenReview>(review)) {
    return AnswerToken(authenticator, token);
  }
  if (auto* self =
          google::protobuf::DynamicCastToGenerated<authenticationv1::SelfSubjectReview>(review)) {
    CopyUser(user, self->mutable_status()->mutable_user_info());
    return absl::OkStatus();
  }
  if (auto* self =
          google::protobuf::DynamicCastToGenerated<authorizationv1::SelfSubjectAccessReview>(
              review)) {
    SKIFF_RETURN_IF_ERROR(CheckSpec(*self, self->spec()));
    Decide(authorizer, user, self->spec(), self->mutable_status());
    return absl::OkStatus();
  }
  if (auto* rules =
          google::protobuf::DynamicCastToGenerated<authorizationv1::SelfSubjectRulesReview>(
              review)) {
    if (rules->spec().namespace_().empty()) return api::BadRequest("no namespace on request");
    AnswerRules(authorizer, user, rules->spec().namespace_(), rules);
    return absl::OkStatus();
  }
  if (auto* local =
          google::protobuf::DynamicCastToGenerated<authorizationv1::LocalSubjectAccessReview>(
              review)) {
    return AnswerLocal(authorizer, name_space, local);
  }
  return AnswerSubject(
      authorizer,
      google::protobuf::DynamicCastToGenerated<authorizationv1::SubjectAccessReview>(review));
}

}  // namespace skiff::apiserver
