#include "api/validation/names.h"

#include <catch2/catch.hpp>

#include "api/validation/addresses.h"

namespace skiff::api {
namespace {

using Check = std::vector<std::string> (*)(absl::string_view);

void Table(Check check, std::initializer_list<std::string> good,
           std::initializer_list<std::string> bad) {
  for (const std::string& text : good) {
    INFO(text);
    CHECK(check(text).empty());
  }
  for (const std::string& text : bad) {
    INFO(text);
    CHECK_FALSE(check(text).empty());
  }
}

TEST_CASE("NamesHaveTheShapesOfKubernetes") {
  Table(CheckDns1123Label, {"a", "a-b", "0", std::string(63, 'a')},
        {"", "A", "a.b", "-a", "a-", "a_b", std::string(64, 'a')});
  Table(CheckDns1123Subdomain, {"a", "a.b", "a-1.b"}, {"", "a..b", ".a", "a.", "A.b", "a_b"});
  Table(CheckDns1035Label, {"a", "a-0"}, {"", "0a", "a.b", "A"});
  Table(CheckQualifiedName, {"a", "A_b.c", "x.io/a"},
        {"", "/a", "x/", "a/b/c", "X/a", "-a", std::string(64, 'a')});
  Table(CheckLabelValue, {"", "a", "A_b.c-d"}, {"-a", "a-", "a b", std::string(64, 'a')});
  Table(CheckPortName, {"http", "a1", "1a"}, {"", "1", "-a", "a--b", "HTTP", std::string(16, 'a')});
  Table(CheckEnvVarName, {"A", "a.b-c", "1A", "a b"}, {"", "A=B", "\xc3\xa9"});
  Table(CheckConfigMapKey, {"a.b", "A_b-c", ".x"}, {"", ".", "..", "..a", "a/b", "a b"});
  Table(CheckPercent, {"1%", "100%"}, {"", "%", "1", "a%", "1.5%"});
  Table(CheckWildcardDns1123Subdomain, {"*.a", "*.a.b"}, {"", "*", "*.", "a.b", "*a.b", "a.*.b"});
  Table(CheckCIdentifier, {"a", "_a1", "A_b"}, {"", "1a", "a-b", "a.b"});
  Table(CheckIpLoosely, {"10.0.0.1", "::1"}, {"", "10.0.0", "a", "10.0.0.256"});
}

TEST_CASE("TheSentencesAreThoseOfKubernetes") {
  CHECK(CheckDns1123Label("A").front() ==
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
        "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
  CHECK(CheckDns1123Label("a.b").front() == "must not contain dots");
  CHECK(CheckDns1123Label(std::string(64, 'a')).front() == "must be no more than 63 characters");
  CHECK(
      CheckDns1123Subdomain("X").front() ==
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
      "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
      "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
  CHECK(
      CheckLabelValue("a b").front() ==
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
      "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', "
      " or '12345', regex used for validation is "
      "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
  CHECK(CheckQualifiedName("/a").front() == "prefix part must be non-empty");
  CHECK(CheckPortNumber(0).front() == "must be between 1 and 65535, inclusive");
}

}  // namespace
}  // namespace skiff::api
