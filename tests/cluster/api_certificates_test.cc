// The authority of the API is made once and kept; what is damaged is refused, never replaced.
#include "cluster/api_certificates.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cluster/api_listen.h"
#include "tests/temp_dir.h"

namespace skiff::cluster {
namespace {

namespace fs = std::filesystem;

void Put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

TEST_CASE("TheAuthorityIsMadeByTheFirstStartAndKept") {
  const TempDir home;
  const auto first = ApiAuthority(home.path());
  REQUIRE(first.ok());
  const auto second = ApiAuthority(home.path());
  REQUIRE(second.ok());
  CHECK(second->certificate_pem == first->certificate_pem);
  CHECK(second->key_pem == first->key_pem);
  for (const char* name : {"/pki/ca.crt", "/pki/ca.key"}) {
    CHECK(fs::status(home.path() + name).permissions() ==
          (fs::perms::owner_read | fs::perms::owner_write));
  }
}

TEST_CASE("AFirstStartThatWasCutShortBeginsAnew") {
  const TempDir home;
  REQUIRE(ApiAuthority(home.path()).ok());
  fs::remove(home.path() + "/pki/ca.crt");
  CHECK(ApiAuthority(home.path()).ok());
}

TEST_CASE("AnAuthorityThatCannotBeUsedIsRefusedAndStays") {
  const TempDir home;
  const std::string certificate = home.path() + "/pki/ca.crt";
  const std::string key = home.path() + "/pki/ca.key";
  const TlsIdentity made = *ApiAuthority(home.path());
  const auto refused = [&] {
    const absl::Status status = ApiAuthority(home.path()).status();
    INFO(status);
    CHECK(absl::IsDataLoss(status));
    CHECK(absl::StrContains(status.message(), certificate));
    CHECK(absl::StrContains(status.message(), "remove both"));
  };
  Put(certificate, "rubbish");
  refused();
  Put(certificate, "");
  refused();
  Put(certificate, made.certificate_pem);
  fs::remove(key);
  refused();
  Put(key, MakeAuthority("another")->key_pem);
  refused();
  Put(key, made.key_pem);
  CHECK(ApiAuthority(home.path())->key_pem == made.key_pem);
  // Something is there that cannot be read.
  fs::remove(certificate);
  fs::create_directory(certificate);
  CHECK_FALSE(ApiAuthority(home.path()).ok());
  CHECK(fs::is_directory(certificate));
}

TEST_CASE("AKubeconfigHoldsWhatItsServerNeeds") {
  const TlsIdentity authority = *MakeAuthority("test");
  const auto certificates = MakeApiCertificates(authority, "10.1.2.3", absl::UnixEpoch());
  REQUIRE(certificates.ok());
  const std::string with = Kubeconfig("https://10.1.2.3:6443", &*certificates);
  for (const char* part : {"server: https://10.1.2.3:6443", "certificate-authority-data: ",
                           "client-certificate-data: ", "client-key-data: "}) {
    CHECK(absl::StrContains(with, part));
  }
  CHECK_FALSE(absl::StrContains(Kubeconfig("http://127.0.0.1:1", nullptr), "-data"));
}

TEST_CASE("OnlyThisMachineIsServedWithoutTls") {
  struct Case {
    const char* listen;
    bool clear;
    const char* address;
    const char* host;
  };
  for (const Case& test :
       {Case{"10.0.0.1:1", false, "10.0.0.1:1", "10.0.0.1"},
        Case{"https://[::1]:1", false, "[::1]:1", "::1"}, Case{":0", false, ":0", "0.0.0.0"},
        Case{"http://127.0.0.1:0", true, "127.0.0.1:0", "127.0.0.1"},
        Case{"http://localhost:8", true, "localhost:8", "localhost"},
        Case{"http://[::1]:8", true, "[::1]:8", "::1"},
        Case{"unix:/run/x", true, "unix:/run/x", ""}}) {
    INFO(test.listen);
    const auto parsed = ParseListen(test.listen);
    REQUIRE(parsed.ok());
    CHECK(parsed->in_the_clear == test.clear);
    CHECK(parsed->address == test.address);
    CHECK(parsed->host == test.host);
  }
  for (const char* listen : {"http://0.0.0.0:8080", "http://:8080", "http://10.0.0.1:8080",
                             "http://[::]:8080", "http://127.example.com:1"}) {
    INFO(listen);
    CHECK(absl::IsInvalidArgument(ParseListen(listen).status()));
  }
}

}  // namespace
}  // namespace skiff::cluster
