// Who a member is, in tokens and files.
#include "cluster/member_identity.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/temp_dir.h"

namespace skiff::cluster {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

MemberIdentity First() {
  Rng rng(1);
  auto made = NewCluster("a", "10.0.0.1:2380", kNow, &rng);
  INFO(made.status());
  REQUIRE(made.ok());
  return *std::move(made);
}

MemberIdentity Second(const MemberIdentity& first) {
  Rng rng(2);
  auto made = NewMember(first, "b", "10.0.0.2:2380", {{first.id, "the first"}}, kNow, &rng);
  INFO(made.status());
  REQUIRE(made.ok());
  return *std::move(made);
}

// Saves it; the file's content.
std::string Saved(const MemberIdentity& member, const std::string& dir) {
  REQUIRE(SaveIdentity(member, dir).ok());
  std::ifstream in(dir + "/member.json");
  return {std::istreambuf_iterator<char>(in), {}};
}

void CheckSame(const MemberIdentity& a, const MemberIdentity& b) {
  CHECK(a.cluster_id == b.cluster_id);
  CHECK(a.id == b.id);
  CHECK(a.name == b.name);
  CHECK(a.address == b.address);
  CHECK(a.authority.certificate_pem == b.authority.certificate_pem);
  CHECK(a.authority.key_pem == b.authority.key_pem);
  CHECK(a.identity.certificate_pem == b.identity.certificate_pem);
  CHECK(a.identity.key_pem == b.identity.key_pem);
  CHECK(a.known == b.known);
}

TEST_CASE("AMemberIsOfTheClusterThatTookItIn") {
  const MemberIdentity first = First();
  const MemberIdentity second = Second(first);
  CHECK(!first.joined());
  CHECK(second.joined());
  CHECK(second.cluster_id == first.cluster_id);
  CHECK(second.id != first.id);
  CHECK(second.authority.certificate_pem == first.authority.certificate_pem);
  CHECK(second.identity.certificate_pem != first.identity.certificate_pem);
}

TEST_CASE("ATokenHoldsAllOfAMember") {
  const MemberIdentity second = Second(First());
  const std::string token = EncodeToken(second);
  CHECK(token.find_first_of(" \n\t") == std::string::npos);
  for (const std::string& written : {token, token + "\n", "  " + token + " "}) {
    const auto decoded = DecodeToken(written);
    INFO(decoded.status());
    REQUIRE(decoded.ok());
    CheckSame(*decoded, second);
  }
}

TEST_CASE("TextThatIsNoTokenIsRefused") {
  const MemberIdentity first = First();
  const std::string token = EncodeToken(Second(first));
  const std::string bad[] = {"",
                             "nonsense",
                             "skiff1.",
                             "skiff1.!!!",
                             "skiff2." + token.substr(7),
                             token.substr(7),
                             token.substr(0, token.size() / 2),
                             token.substr(0, token.size() - 4),
                             token + "AAAA",
                             "skiff1.e30",         // {}
                             EncodeToken(first)};  // Who began a cluster joins none.
  for (const std::string& text : bad) {
    INFO(text);
    CHECK(absl::IsInvalidArgument(DecodeToken(text).status()));
  }
}

TEST_CASE("NamesAreDnsLabels") {
  for (const std::string& name :
       {std::string("a"), std::string("node-1"), std::string("1"), std::string(63, 'x')}) {
    INFO(name);
    CHECK(CheckMemberName(name).ok());
  }
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("a-"), std::string("A"), std::string("a.b"),
        std::string("a b"), std::string("\xc3\xa4"), std::string(64, 'x')}) {
    INFO(name);
    CHECK(absl::IsInvalidArgument(CheckMemberName(name)));
  }
}

TEST_CASE("AddressesAreAHostAndAPort") {
  for (const char* address : {"10.0.0.1:2380", "host:1", "[::1]:65535", "127.0.0.1:0"}) {
    INFO(address);
    CHECK(CheckMemberAddress("listen", address).ok());
  }
  for (const char* address :
       {"", "host", ":1", "host:", "host:x", "host:65536", "host:-1", "a b:1"}) {
    INFO(address);
    const absl::Status told = CheckMemberAddress("option listen", address);
    CHECK(absl::IsInvalidArgument(told));
    CHECK(told.ToString().find("option listen") != std::string::npos);
  }
}

TEST_CASE("AnAddressForOthersIsOneThatTheyCanReach") {
  for (const char* address : {"10.0.0.1:2380", "host:1", "[::1]:65535"}) {
    INFO(address);
    CHECK(CheckReachable("listen", address).ok());
  }
  for (const char* address : {"10.0.0.1:0", "0.0.0.0:2380", "[::]:2380", ":::2380", "host"}) {
    INFO(address);
    CHECK(absl::IsInvalidArgument(CheckReachable("listen", address)));
  }
}

TEST_CASE("AnIdentityIsKeptInAFileOfItsUsersOwn") {
  const TempDir dir;
  const std::string place = dir.path() + "/deep/member";
  CHECK(absl::IsNotFound(LoadIdentity(place).status()));
  const MemberIdentity second = Second(First());
  REQUIRE(SaveIdentity(second, place).ok());
  const auto loaded = LoadIdentity(place);
  REQUIRE(loaded.ok());
  CheckSame(*loaded, second);
  struct stat status;
  REQUIRE(stat((place + "/member.json").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  // Also over what others could read before.
  std::ofstream(place + "/member.json.new") << "left over";
  REQUIRE(chmod((place + "/member.json.new").c_str(), 0644) == 0);
  REQUIRE(SaveIdentity(second, place).ok());
  REQUIRE(stat((place + "/member.json").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(!std::filesystem::exists(place + "/member.json.new"));
}

TEST_CASE("ADamagedFileIsToldByName") {
  const TempDir dir;
  REQUIRE(SaveIdentity(First(), dir.path()).ok());
  const std::string path = dir.path() + "/member.json";
  std::ifstream in(path);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (const size_t size : {size_t{0}, size_t{1}, whole.size() / 2, whole.size() - 1}) {
    INFO(size);
    std::ofstream(path, std::ios::trunc) << whole.substr(0, size);
    const absl::Status told = LoadIdentity(dir.path()).status();
    CHECK(absl::IsDataLoss(told));
    CHECK(told.ToString().find(path) != std::string::npos);
  }
  std::ofstream(path, std::ios::trunc) << "{}";
  CHECK(absl::IsDataLoss(LoadIdentity(dir.path()).status()));
  std::ofstream(path, std::ios::trunc) << "[]";
  CHECK(absl::IsDataLoss(LoadIdentity(dir.path()).status()));
}

TEST_CASE("NoBitOfTheFileMayFlip") {
  const TempDir dir;
  const MemberIdentity second = Second(First());
  const std::string path = dir.path() + "/member.json";
  const std::string whole = Saved(second, dir.path());
  int refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << at % 7);
    std::ofstream(path, std::ios::trunc) << damaged;
    const auto loaded = LoadIdentity(dir.path());
    INFO("byte " << at << ": " << loaded.status());
    refused += loaded.ok() ? 0 : 1;
    if (loaded.ok()) {
      CheckSame(*loaded, second);
    } else {
      CHECK(absl::IsDataLoss(loaded.status()));
    }
  }
  CHECK(refused > static_cast<int>(whole.size()) - 20);  // The name of the checksum may.
}

TEST_CASE("AFileOfAnEarlierVersionHasNoChecksum") {
  const TempDir dir;
  const MemberIdentity second = Second(First());
  const std::string path = dir.path() + "/member.json";
  const std::string json = Saved(second, dir.path());
  const size_t sum = json.find(",\"crc32c\"");
  REQUIRE(sum != std::string::npos);
  std::ofstream(path, std::ios::trunc) << json.substr(0, sum) << "}";
  const auto loaded = LoadIdentity(dir.path());
  REQUIRE(loaded.ok());
  CheckSame(*loaded, second);
}

}  // namespace
}  // namespace skiff::cluster
