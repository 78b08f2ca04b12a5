// The lock on the door, over real TLS.
#include "base/certificate.h"
#include "tests/apiserver/http_fixture.h"

namespace skiff::apiserver::http {
namespace {

constexpr char kPods[] = "/api/v1/namespaces/default/pods";

TlsContext ContextOf(TlsOptions options) {
  auto context = TlsContext::Make(options);
  INFO(context.status());
  REQUIRE(context.ok());
  return *context;
}

// An API behind TLS, and clients of several kinds.
class Door {
 public:
  TlsIdentity Issue(const std::string& name, std::vector<std::string> groups) {
    CertificateRequest request;
    request.common_name = name;
    request.organizations = std::move(groups);
    request.subject_alt_names = {"127.0.0.1"};
    return *IssueCertificate(authority_, request, absl::UnixEpoch());
  }

  std::unique_ptr<RawClient> Client(std::optional<TlsIdentity> identity) {
    TlsOptions options;
    options.role = TlsOptions::Role::kClient;
    if (identity) options.identity = *identity;
    options.authorities_pem = authority_.certificate_pem;
    auto client = std::make_unique<RawClient>(api_->port());
    REQUIRE(client->StartTls(ContextOf(options), "127.0.0.1"));
    return client;
  }
  ServedApi& api() { return *api_; }

  Door() {
    TlsOptions options;
    options.identity = Issue("server", {});
    options.authorities_pem = authority_.certificate_pem;
    options.peer = TlsOptions::Peer::kOptional;
    options.allow_1_2 = true;
    auto access = std::make_shared<Access>();
    access->authenticator =
        *Authenticator::FromTokenFile("t-admin,root,1,system:masters\nt-jane,jane,2,dev\n");
    api_ = std::make_unique<ServedApi>(ConnectionLimits(), nullptr, "127.0.0.1:0",
                                       ContextOf(options), std::move(access));
  }

 private:
  TlsIdentity authority_ = *MakeAuthority("test");
  std::unique_ptr<ServedApi> api_;
};

std::string Token(absl::string_view token) {
  return absl::StrCat("Authorization: Bearer ", token, "\r\n");
}

TEST_CASE("AnAdminsCertificateOpensTheDoor") {
  Door door;
  const auto client = door.Client(door.Issue("root", {"system:masters"}));
  CHECK(client->Ask("GET", kPods).status == 200);
  // A large answer comes whole, through many records.
  std::string large(300 << 10, 'x');
  CHECK(client
            ->Ask("POST", "/api/v1/namespaces/default/configmaps",
                  absl::StrCat(R"({"metadata":{"name":"c"},"data":{"k":")", large, "\"}}"))
            .status == 201);
  const auto got = client->Ask("GET", "/api/v1/namespaces/default/configmaps/c");
  CHECK(absl::StrContains(got.body, large));
}

TEST_CASE("WithoutCredentialsOnlyHealthIsAnswered") {
  Door door;
  const auto client = door.Client(std::nullopt);
  CHECK(client->Ask("GET", "/livez").status == 200);
  CHECK(client->Ask("GET", "/readyz").status == 200);
  for (const char* path : {"/", "/api", "/version", "/metrics", kPods}) {
    const auto answer = client->Ask("GET", path);
    INFO(path << " " << answer.body);
    CHECK(answer.status == 401);
    CHECK(answer.body == R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
                         R"("message":"Unauthorized","reason":"Unauthorized","code":401})");
  }
  CHECK(client->Ask("GET", kPods, "", Token("nobody's")).status == 401);
  CHECK(client->Ask("GET", kPods, "", Token("t-admin")).status == 200);
}

TEST_CASE("WhoMayNotIsToldWhat") {
  Door door;
  const auto client = door.Client(std::nullopt);
  const std::string jane = Token("t-jane");
  const std::pair<const char*, const char*> kCases[] = {
      {kPods,
       R"(pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in )"
       R"(the namespace \"default\")"},
      {"/apis/apps/v1/namespaces/default/deployments/web/scale",
       R"(deployments.apps \"web\" is forbidden: User \"jane\" cannot get resource )"
       R"(\"deployments/scale\" in API group \"apps\" in the namespace \"default\")"},
      {"/api/v1/nodes",
       R"(nodes is forbidden: User \"jane\" cannot list resource \"nodes\" in API group \"\" at )"
       R"(the cluster scope)"},
      {"/apis/none/v1/things",
       R"(things.none is forbidden: User \"jane\" cannot list resource \"things\" in API group )"
       R"(\"none\" at the cluster scope)"},
      {"/metrics", R"(forbidden: User \"jane\" cannot get path \"/metrics\")"},
  };
  for (const auto& [path, message] : kCases) {
    const auto answer = client->Ask("GET", path, "", jane);
    INFO(answer.body);
    CHECK(answer.status == 403);
    CHECK(absl::StrContains(answer.body, absl::StrCat("\"message\":\"", message, "\"")));
    CHECK(absl::StrContains(answer.body, R"("reason":"Forbidden")"));
  }
  CHECK(client->Ask("GET", "/apis", "", jane).status == 200);
}

TEST_CASE("AnAdminMayActAsSomebodyElse") {
  Door door;
  const auto client = door.Client(door.Issue("root", {"system:masters"}));
  const auto as = client->Ask("GET", kPods, "", "Impersonate-User: joe\r\n");
  CHECK(as.status == 403);
  CHECK(absl::StrContains(as.body, R"(User \"joe\" cannot list)"));
  CHECK(client
            ->Ask("GET", kPods, "",
                  "Impersonate-User: joe\r\nImpersonate-Group: dev\r\n"
                  "Impersonate-Group: system:masters\r\n")
            .status == 200);
  CHECK(client->Ask("GET", kPods, "", "Impersonate-Group: dev\r\n").status == 400);
  const auto other = door.Client(std::nullopt);
  const auto refused = other->Ask("GET", kPods, "", Token("t-jane") + "Impersonate-User: root\r\n");
  CHECK(refused.status == 403);
  CHECK(absl::StrContains(refused.body,
                          R"(users \"root\" is forbidden: User \"jane\" cannot impersonate )"
                          R"(resource \"users\" in API group \"\" at the cluster scope)"));
}

TEST_CASE("PlainHttpOnATlsPortIsTold") {
  Door door;
  RawClient client(door.api().port());
  client.Send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(absl::StrContains(client.ReadUntil("HTTPS server.\n"),
                          "Client sent an HTTP request to an HTTPS server."));
}

TEST_CASE("WhoNeverFinishesTheHandshakeIsCutOff") {
  TlsOptions options;
  const TlsIdentity authority = *MakeAuthority("test");
  options.identity = *IssueCertificate(authority, {.common_name = "s"}, absl::UnixEpoch());
  options.peer = TlsOptions::Peer::kOptional;
  ConnectionLimits limits;
  limits.header_time = absl::Milliseconds(50);
  ServedApi api(limits, nullptr, "127.0.0.1:0", ContextOf(options));
  RawClient client(api.port());
  client.Send("\x16\x03\x01");
  CHECK(client.AtEnd());
}

}  // namespace
}  // namespace skiff::apiserver::http
