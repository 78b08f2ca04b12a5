// The kinds that are questions about users: created, answered in their status, never stored
// (TokenReview, SubjectAccessReview and its sisters, SelfSubjectReview).
//
// Threads: any.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/resource.h"
#include "apiserver/auth/authenticator.h"
#include "apiserver/auth/authorizer.h"
#include "google/protobuf/message.h"

namespace skiff::apiserver {

bool IsReview(const api::ResourceInfo& resource);

// Answers `review`, of a kind for which IsReview, for `user`, who asks. 400 BadRequest, 422
// Invalid: what is wrong with the question.
absl::Status AnswerReview(const Authenticator& authenticator, const Authorizer& authorizer,
                          const User& user, absl::string_view name_space,
                          google::protobuf::Message* review);

}  // namespace skiff::apiserver
