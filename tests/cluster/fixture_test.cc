// The fixture for tests in any framework.
#include <catch2/catch.hpp>

#include "skiff/testing.h"

namespace skiff {
namespace {

struct Seeded {
  static ClusterOptions Options() {
    ClusterOptions options = testing::VirtualOptions();
    options.seed = 77;
    return options;
  }
  static void Prepare(Cluster& cluster) {
    testing::Must(
        cluster.Create(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}})"));
  }
};
class Shop : public testing::ClusterFixture<Seeded> {};

TEST_CASE_METHOD(Shop, "EachTestFindsWhatWasPrepared") {
  const absl::Time begin = cluster().Now();
  for (int round = 0; round < 2; ++round) {
    const Shop again;
    CHECK(cluster().Now() == begin);
    Must(cluster().Get({"configmap", "default", "m"}));
    Must(cluster().Delete({"configmap", "default", "m"}));
    Must(cluster().Advance(absl::Hours(1)));
  }
}

TEST_CASE_METHOD(Shop, "WhatFailsSaysHowToRunItAgain") {
  CHECK_THROWS_WITH(Must(cluster().Get({"configmap", "default", "none"})),
                    Catch::Contains("none") && Catch::Contains("SKIFF_SEED=77"));
}

// As a framework is told.
struct Told {
  explicit Told(std::string text) { last = std::move(text); }
  ~Told() { last.clear(); }
  static inline std::string last;
};

TEST_CASE("WhateverFailsInATestItsSeedIsTold") {
  struct Noted : testing::ClusterFixture<Seeded, Told> {};
  {
    const Noted test;
    CHECK(Told::last == "run it again as it was with SKIFF_SEED=77");
  }
  CHECK(Told::last.empty());
}

struct Unprepared : Seeded {
  static void Prepare(Cluster& cluster) {
    testing::Must(cluster.Get({"configmap", "default", "none"}));
  }
};
struct Unopened : Seeded {
  static ClusterOptions Options() {
    ClusterOptions options = Seeded::Options();
    options.nodes = -1;
    return options;
  }
};

TEST_CASE("SoItIsWhereNoTestBegins") {
  CHECK_THROWS_WITH(testing::ClusterFixture<Unprepared>(),
                    "NOT_FOUND: configmaps \"none\" not found\nrun it again as it was with "
                    "SKIFF_SEED=77");
  CHECK_THROWS_WITH(testing::ClusterFixture<Unopened>(),
                    Catch::Contains("nodes") && Catch::Contains("SKIFF_SEED=77"));
}

TEST_CASE("TheSeedComesFromTheEnvironment") {
  for (const char* wrong : {"abc", "-1", "7 ", "", "18446744073709551616"}) {
    setenv("SKIFF_SEED", wrong, 1);
    CHECK_THROWS_WITH(testing::VirtualOptions(),
                      Catch::Contains("SKIFF_SEED: \"" + std::string(wrong) + "\""));
  }
  setenv("SKIFF_SEED", "18446744073709551615", 1);
  CHECK(testing::VirtualOptions().seed == 18446744073709551615u);
  unsetenv("SKIFF_SEED");
  CHECK(!testing::VirtualOptions().seed);
}

}  // namespace
}  // namespace skiff
