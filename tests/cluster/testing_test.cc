// The fixture for tests in any framework.
#include "skiff/testing.h"

#include <catch2/catch.hpp>

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

TEST_CASE("TheSeedComesFromTheEnvironment") {
  setenv("SKIFF_SEED", "18446744073709551615", 1);
  CHECK(testing::VirtualOptions().seed == 18446744073709551615u);
  unsetenv("SKIFF_SEED");
  CHECK(!testing::VirtualOptions().seed);
}

}  // namespace
}  // namespace skiff
