#include "base/tls.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/openssl.h"
#include "base/rng.h"

namespace skiff {
namespace {

absl::Time Now() { return SystemClock().Now(); }

TlsIdentity Authority() {
  absl::StatusOr<TlsIdentity> ca = MakeAuthority("test authority");
  INFO(ca.status());
  REQUIRE(ca.ok());
  return *std::move(ca);
}

TlsIdentity Issue(const TlsIdentity& ca, CertificateRequest request, absl::Time now = Now()) {
  absl::StatusOr<TlsIdentity> identity = IssueCertificate(ca, request, now);
  INFO(identity.status());
  REQUIRE(identity.ok());
  return *std::move(identity);
}

TlsContext Context(TlsOptions options) {
  absl::StatusOr<TlsContext> context = TlsContext::Make(options);
  INFO(context.status());
  REQUIRE(context.ok());
  return *std::move(context);
}

// Two ends and the wire between them, until neither has more to say.
struct Pair {
  Pair(const TlsContext& server_context, const TlsContext& client_context,
       const std::string& name = "")
      : server(server_context), client(client_context, name) {}

  void Run() {
    while (true) {
      const std::string up = client.TakeOutput();
      const std::string down = server.TakeOutput();
      if (up.empty() && down.empty()) return;
      if (server_status.ok()) server_status = server.Feed(up, &at_server);
      if (client_status.ok()) client_status = client.Feed(down, &at_client);
    }
  }

  TlsSession server;
  TlsSession client;
  absl::Status server_status;
  absl::Status client_status;
  std::string at_server;
  std::string at_client;
};

constexpr auto kServer = TlsOptions::Role::kServer;
constexpr auto kClient = TlsOptions::Role::kClient;

struct Fixture {
  TlsIdentity ca = Authority();
  TlsIdentity one = Issue(ca, {.common_name = "one",
                               .organizations = {"system:masters", "others"},
                               .subject_alt_names = {"one.example.com", "10.0.0.1", "::1"}});
  TlsContext server = Context({kServer, one, ca.certificate_pem});
  TlsContext client = Context({kClient, one, ca.certificate_pem});
};

TEST_CASE("BothEndsProveThemselvesAndSpeak") {
  Fixture fixture;
  Pair pair(fixture.server, fixture.client);
  CHECK_FALSE(pair.client.Write("too early").ok());
  pair.Run();
  INFO(pair.server_status << " " << pair.client_status);
  REQUIRE(pair.server.established());
  REQUIRE(pair.client.established());
  CHECK(pair.server.peer_common_name() == "one");
  CHECK(pair.server.peer_organizations() == std::vector<std::string>{"system:masters", "others"});
  const std::string much(3 << 20, 'x');
  REQUIRE(pair.client.Write(much).ok());
  REQUIRE(pair.server.Write("hello").ok());
  const std::string wire = pair.client.TakeOutput();
  CHECK_FALSE(absl::StrContains(wire, "xxxxxxxx"));
  // As a socket gives it: in pieces that know nothing of records.
  for (size_t at = 0; at < wire.size(); at += 1000) {
    REQUIRE(pair.server.Feed(absl::string_view(wire).substr(at, 1000), &pair.at_server).ok());
  }
  pair.Run();
  CHECK(pair.at_server == much);
  CHECK(pair.at_client == "hello");
  CHECK_FALSE(pair.server.peer_closed());
  pair.client.Close();
  CHECK_FALSE(pair.client.Write("more").ok());
  pair.Run();
  CHECK(pair.server.peer_closed());
}

TEST_CASE("ACertificateOfAnotherAuthorityIsRefusedOnEitherSide") {
  Fixture fixture;
  // The names are the same: the signature decides.
  const TlsIdentity other_ca = Authority();
  const TlsIdentity other = Issue(other_ca, {.common_name = "one"});
  Pair bad_client(fixture.server, Context({kClient, other, fixture.ca.certificate_pem}));
  bad_client.Run();
  CHECK(bad_client.server_status.code() == absl::StatusCode::kUnauthenticated);
  CHECK_FALSE(bad_client.server.established());
  CHECK(bad_client.client_status.code() == absl::StatusCode::kPermissionDenied);

  Pair bad_server(Context({kServer, other, fixture.ca.certificate_pem}), fixture.client);
  bad_server.Run();
  CHECK(bad_server.client_status.code() == absl::StatusCode::kUnauthenticated);
  CHECK_FALSE(bad_server.client.established());
  CHECK_FALSE(bad_server.server.established());

  Pair nameless(fixture.server, Context({kClient, {}, fixture.ca.certificate_pem}));
  nameless.Run();
  CHECK(nameless.server_status.message() == "TLS handshake: the other side shows no certificate");
  CHECK_FALSE(nameless.server.established());
}

TEST_CASE("AMemberIsNoAuthority") {
  Fixture fixture;
  CHECK(IssueCertificate(fixture.one, {.common_name = "x"}, Now()).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("AServerMayLetClientsStayUnknown") {
  Fixture fixture;
  const TlsContext lenient =
      Context({kServer, fixture.one, fixture.ca.certificate_pem, TlsOptions::Peer::kOptional});
  Pair nameless(lenient, Context({kClient, {}, fixture.ca.certificate_pem}));
  nameless.Run();
  CHECK(nameless.server.established());
  CHECK(nameless.server.peer_common_name().empty());
  Pair named(lenient, fixture.client);
  named.Run();
  CHECK(named.server.peer_common_name() == "one");
}

TEST_CASE("ADerivedAuthorityIsTheSameForWhoeverHasTheParent") {
  const TlsIdentity parent = Authority();
  const auto here = DeriveAuthority(parent, "api");
  const auto there = DeriveAuthority(parent, "api");
  REQUIRE(here.ok());
  REQUIRE(there.ok());
  CHECK(here->key_pem == there->key_pem);
  CHECK(here->key_pem != parent.key_pem);
  CHECK(DeriveAuthority(parent, "other")->key_pem != here->key_pem);
  CHECK(absl::IsInvalidArgument(DeriveAuthority({}, "api").status()));
  // What one issues is good for who trusts the other, and for nobody else.
  TlsOptions server;
  server.identity = Issue(*here, {.common_name = "server"});
  server.authorities_pem = here->certificate_pem;
  TlsOptions client;
  client.role = TlsOptions::Role::kClient;
  client.identity = Issue(*there, {.common_name = "client"});
  client.authorities_pem = there->certificate_pem;
  Pair pair(Context(server), Context(client));
  pair.Run();
  CHECK(pair.server.peer_common_name() == "client");
  CHECK(pair.client.peer_common_name() == "server");
  client.identity = Issue(parent, {.common_name = "member"});
  Pair stranger(Context(server), Context(client));
  stranger.Run();
  CHECK(absl::IsUnauthenticated(stranger.server_status));
}

TEST_CASE("AClientInsistsOnTheNameItAskedFor") {
  Fixture fixture;
  for (const std::string name : {"one.example.com", "10.0.0.1", "::1"}) {
    Pair pair(fixture.server, fixture.client, name);
    pair.Run();
    INFO(name << pair.client_status);
    CHECK(pair.server.established());
  }
  for (const std::string name : {"two.example.com", "10.0.0.2", "one"}) {
    Pair pair(fixture.server, fixture.client, name);
    pair.Run();
    CHECK(pair.client_status.code() == absl::StatusCode::kUnauthenticated);
  }
}

TEST_CASE("ACertificateIsGoodWhateverTheClocksSay") {
  const TlsIdentity ca = Authority();
  const absl::TimeZone utc = absl::UTCTimeZone();
  for (const int issued : {1971, 2000, 2025, 2060, 2300}) {
    const TlsIdentity identity =
        Issue(ca, {.common_name = "one"}, absl::FromCivil(absl::CivilYear(issued), utc));
    Pair pair(Context({kServer, identity, ca.certificate_pem}),
              Context({kClient, identity, ca.certificate_pem}));
    pair.Run();
    CHECK(pair.server_status.ok());
    CHECK(pair.client_status.ok());
    for (const std::string& pem : {ca.certificate_pem, identity.certificate_pem}) {
      const auto parsed = ParseCertificates(pem, "it");
      REQUIRE(parsed.ok());
      for (const int looked_at : {1971, 2000, 2025, 2060, 2300}) {
        const time_t then = absl::ToTimeT(absl::FromCivil(absl::CivilYear(looked_at), utc));
        INFO("issued in " << issued << ", looked at in " << looked_at);
        CHECK(ASN1_TIME_cmp_time_t(X509_get0_notBefore(parsed->front().get()), then) < 0);
        CHECK(ASN1_TIME_cmp_time_t(X509_get0_notAfter(parsed->front().get()), then) > 0);
      }
    }
  }
}

TEST_CASE("ACertificateThatHasEndedIsRefusedAndTheClockIsNamed") {
  const TlsIdentity ca = Authority();
  const TlsIdentity ended =
      Issue(ca, {.common_name = "one", .validity = absl::Hours(1)}, Now() - absl::Hours(2));
  Pair pair(Context({kServer, ended, ca.certificate_pem}),
            Context({kClient, ended, ca.certificate_pem}));
  pair.Run();
  CHECK(absl::IsUnauthenticated(pair.client_status));
  CHECK(absl::StrContains(pair.client_status.message(),
                          "certificate has expired; the clock of this machine says 20"));
  CHECK(absl::StrContains(pair.client_status.message(), "UTC: set it if that is wrong"));
}

TEST_CASE("WhatIsNotTlsEndsTheSessionAndNothingElse") {
  Fixture fixture;
  Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    TlsSession session(fixture.server);
    std::string bytes(rng.Below(2000), '\0');
    for (char& c : bytes) c = static_cast<char>(rng.Next());
    std::string plaintext;
    session.Feed(bytes, &plaintext).IgnoreError();
    session.Feed(bytes, &plaintext).IgnoreError();
    CHECK(plaintext.empty());
    CHECK_FALSE(session.established());
  }
  TlsSession session(fixture.server);
  std::string plaintext;
  CHECK(session.Feed("GET / HTTP/1.1\r\n\r\n", &plaintext).code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("AFlippedBitOnTheWireIsNoticed") {
  Fixture fixture;
  Pair pair(fixture.server, fixture.client);
  pair.Run();
  REQUIRE(pair.client.Write("hello").ok());
  std::string wire = pair.client.TakeOutput();
  wire[wire.size() / 2] = static_cast<char>(wire[wire.size() / 2] ^ 1);
  CHECK(pair.server.Feed(wire, &pair.at_server).code() == absl::StatusCode::kDataLoss);
  CHECK(pair.at_server.empty());
}

TEST_CASE("WhatIsWrongWithPemIsSaid") {
  Fixture fixture;
  const auto error = [](const TlsOptions& options) {
    return std::string(TlsContext::Make(options).status().message());
  };
  CHECK(error({kServer, {"nonsense", fixture.one.key_pem}, fixture.ca.certificate_pem}) ==
        "TLS: the certificate: not a certificate in PEM (no BEGIN line)");
  CHECK(absl::StartsWith(
      error({kServer, {fixture.one.certificate_pem, "nonsense"}, fixture.ca.certificate_pem}),
      "TLS: the key: not a private key in PEM"));
  CHECK(absl::StrContains(error({kServer, {fixture.one.certificate_pem, fixture.ca.key_pem}, ""}),
                          "the key does not belong to the certificate"));
  CHECK(absl::StrContains(error({kServer, fixture.one, ""}), "the authorities"));
  const absl::Time now = Now();
  CHECK_FALSE(IssueCertificate(fixture.ca, {.common_name = ""}, now).ok());
  CHECK_FALSE(IssueCertificate(fixture.ca, {.common_name = std::string(65, 'x')}, now).ok());
  CHECK_FALSE(
      IssueCertificate(fixture.ca, {.common_name = "x", .subject_alt_names = {"a,b"}}, now).ok());
  CHECK_FALSE(IssueCertificate({"", ""}, {.common_name = "x"}, now).ok());
}

}  // namespace
}  // namespace skiff
