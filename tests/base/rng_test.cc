#include "base/rng.h"

#include <catch2/catch.hpp>
#include <set>

namespace skiff {
namespace {

TEST_CASE("TheSameSeedGivesTheSameNumbers") {
  Rng a(42);
  Rng b(42);
  Rng c(43);
  const uint64_t first = a.Next();
  CHECK(first == b.Next());
  CHECK(first != c.Next());
}

TEST_CASE("BelowReachesEveryValueAndNoOther") {
  Rng rng(7);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.Below(7));
  CHECK(seen == std::set<uint64_t>{0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("UuidsAreVersionFour") {
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = rng.Uuid();
    REQUIRE(uuid.size() == 36);
    CHECK(uuid[14] == '4');
    CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
  }
}

TEST_CASE("NameSuffixesHaveNoVowelsAndNoLookAlikes") {
  Rng rng(1);
  const std::string suffix = rng.NameSuffix(500);
  CHECK(suffix.find_first_of("aeiou013") == std::string::npos);
}

}  // namespace
}  // namespace skiff
