// Who a request comes from, and what they may do.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "apiserver/auth/authenticator.h"
#include "apiserver/auth/authorizer.h"

namespace skiff::apiserver {
namespace {

TEST_CASE("ATokenFileSaysWhoHasWhichToken") {
  const auto known = Authenticator::FromTokenFile(
      "# token,user,uid,groups\n"
      "\n"
      "t-1,jane,42\r\n"
      "t-2,joe,,\"dev,ops\"\n"
      "t-3,\"a \"\"quoted\"\" one\",7,dev");
  REQUIRE(known.ok());
  const UserPtr jane = known->FindToken("t-1");
  REQUIRE(jane != nullptr);
  CHECK(jane->name == "jane");
  CHECK(jane->uid == "42");
  CHECK(jane->groups == std::vector<std::string>{"system:authenticated"});
  const UserPtr joe = known->FindToken("t-2");
  REQUIRE(joe != nullptr);
  CHECK(joe->groups == std::vector<std::string>{"dev", "ops", "system:authenticated"});
  CHECK(known->FindToken("t-3")->name == "a \"quoted\" one");
  CHECK(known->FindToken("t-") == nullptr);
  CHECK(known->FindToken("") == nullptr);
}

TEST_CASE("AWrongTokenFileSaysWhichLine") {
  for (const char* line : {"t", "t,user", ",user,uid", "t,,uid", "t,u,i,g,more", "t,u,i,\"g"}) {
    INFO(line);
    const auto made = Authenticator::FromTokenFile(absl::StrCat("good,user,uid\n", line, "\n"));
    CHECK(absl::IsInvalidArgument(made.status()));
    CHECK(absl::StartsWith(made.status().message(), "line 2: want TOKEN,USER,UID"));
  }
  const auto twice = Authenticator::FromTokenFile("secret,a,1\nsecret,b,2\n");
  CHECK(absl::StartsWith(twice.status().message(), "line 2: an earlier line"));
  CHECK_FALSE(absl::StrContains(twice.status().message(), "secret"));
}

TEST_CASE("ABearerTokenCountsAndARubbishOneIsRefused") {
  const auto known = Authenticator::FromTokenFile("t-1,jane,42\n");
  REQUIRE(known.ok());
  CHECK((*known->Authenticate(nullptr, "Bearer t-1"))->name == "jane");
  CHECK((*known->Authenticate(nullptr, "bearer  t-1 "))->name == "jane");
  CHECK(absl::IsUnauthenticated(known->Authenticate(nullptr, "Bearer t-2").status()));
  CHECK(absl::IsUnauthenticated(known->Authenticate(nullptr, "Bearer ").status()));
  // What comes without TLS can only come from this machine.
  CHECK((*known->Authenticate(nullptr, ""))->groups.front() == "system:masters");
}

struct Asked {
  const char* group;  // Of the user.
  const char* verb;
  const char* resource;  // "" for a path
  const char* path;
  bool allowed;
};

TEST_CASE("AdminsMayDoEverythingOthersMayLook") {
  const Asked kCases[] = {
      {"system:masters", "delete", "secrets", "", true},
      {"system:masters", "get", "", "/metrics", true},
      {"system:authenticated", "get", "secrets", "", false},
      {"system:authenticated", "get", "", "/metrics", false},
      {"system:authenticated", "get", "", "/apis", true},
      {"system:authenticated", "get", "", "/apis/apps/v1", true},
      {"system:authenticated", "get", "", "/openapi/v3/apis/apps/v1", true},
      {"system:authenticated", "get", "", "/version", true},
      {"system:authenticated", "post", "", "/version", false},
      {"system:authenticated", "get", "", "/versions", false},
      {"system:authenticated", "get", "", "/livez", true},
      {"system:unauthenticated", "get", "", "/livez/ping", true},
      {"system:unauthenticated", "head", "", "/readyz", true},
      {"system:unauthenticated", "get", "", "/livezz", false},
      {"system:unauthenticated", "get", "", "/version", false},
      {"system:unauthenticated", "list", "pods", "", false},
  };
  for (const Asked& asked : kCases) {
    INFO(asked.group << " " << asked.verb << " " << asked.resource << asked.path);
    User user;
    user.name = "somebody";
    user.groups = {asked.group};
    Attributes attributes;
    attributes.user = &user;
    attributes.verb = asked.verb;
    attributes.resource = asked.resource;
    attributes.path = asked.path;
    CHECK(AdminAuthorizer().Authorize(attributes).allowed() == asked.allowed);
  }
}

}  // namespace
}  // namespace skiff::apiserver
