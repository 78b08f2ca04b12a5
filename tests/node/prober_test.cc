#include "node/prober.h"

#include <catch2/catch.hpp>

#include "base/sim_executor.h"
#include "tests/api/from_json.h"

namespace skiff::node {
namespace {

struct Table {
  Simulation sim{1};
  std::unique_ptr<Executor> loop = sim.NewLoop();
  bool answers = false;
  int asked = 0;
  int failed = 0;
  std::vector<std::pair<bool, absl::Duration>> opinions;
  std::unique_ptr<Prober> prober;

  void Start(ProbeKind kind, const std::string& probe) {
    Prober::Listener listener;
    listener.failed = [this](const std::string&) { ++failed; };
    listener.opinion = [this](bool healthy, const std::string&) {
      opinions.emplace_back(healthy, sim.clock().Monotonic());
    };
    prober = std::make_unique<Prober>(
        loop.get(), &sim.pool(), kind, api::FromJson<corev1::Probe>(probe),
        [this] {
          ++asked;
          return answers ? absl::OkStatus() : absl::UnavailableError("no");
        },
        listener);
  }
};

TEST_CASE("ALivenessProbeFailsAfterAsManyPeriodsAsItsThresholdSays") {
  Table table;
  table.answers = true;
  table.Start(ProbeKind::kLiveness, R"({"periodSeconds":10,"failureThreshold":3})");
  table.sim.RunFor(absl::Seconds(15));
  CHECK(table.opinions.empty());
  table.answers = false;
  table.sim.RunFor(absl::Seconds(24));
  CHECK(table.opinions.empty());
  table.sim.RunFor(absl::Seconds(2));
  REQUIRE(table.opinions.size() == 1);
  CHECK_FALSE(table.opinions[0].first);
  CHECK(table.failed == 3);
}

TEST_CASE("OneSuccessStartsTheCountOfFailuresAnew") {
  Table table;
  table.Start(ProbeKind::kLiveness, R"({"periodSeconds":10,"failureThreshold":3})");
  table.sim.RunFor(absl::Seconds(11));  // Two failures.
  table.answers = true;
  table.sim.RunFor(absl::Seconds(10));
  table.answers = false;
  table.sim.RunFor(absl::Seconds(20));
  CHECK(table.opinions.empty());
  table.sim.RunFor(absl::Seconds(10));
  CHECK(table.opinions.size() == 1);
}

TEST_CASE("TheFirstAskingWaitsForTheInitialDelay") {
  Table table;
  table.Start(ProbeKind::kLiveness, R"({"periodSeconds":10,"initialDelaySeconds":30})");
  table.sim.RunFor(absl::Seconds(29));
  CHECK(table.asked == 0);
  table.sim.RunFor(absl::Seconds(2));
  CHECK(table.asked == 1);
}

TEST_CASE("AStartupProbeHasAllOfItsTimeThoughItIsAskedOften") {
  Table table;
  table.Start(ProbeKind::kStartup, R"({"periodSeconds":10,"failureThreshold":30})");
  table.sim.RunFor(absl::Seconds(289));
  CHECK(table.opinions.empty());
  CHECK(table.asked > 30);
  table.sim.RunFor(absl::Seconds(2));
  REQUIRE(table.opinions.size() == 1);
  CHECK_FALSE(table.opinions[0].first);
}

TEST_CASE("AServerIsSeenSoonAfterItServes") {
  Table table;
  table.Start(ProbeKind::kReadiness, R"({"periodSeconds":10,"failureThreshold":3})");
  table.sim.RunFor(absl::Milliseconds(450));
  table.answers = true;
  table.sim.RunFor(absl::Milliseconds(500));
  REQUIRE(table.opinions.size() == 1);
  CHECK(table.opinions[0].first);
}

TEST_CASE("AStartupProbeThatSucceededAsksNoMore") {
  Table table;
  table.answers = true;
  table.Start(ProbeKind::kStartup, R"({"periodSeconds":10,"failureThreshold":1})");
  table.sim.RunFor(absl::Seconds(1));
  table.answers = false;
  table.sim.RunFor(absl::Hours(1));
  CHECK(table.asked == 1);
  CHECK(table.opinions.size() == 1);
}

TEST_CASE("AReadinessProbeGoesDownAndUpAgain") {
  Table table;
  table.answers = true;
  table.Start(ProbeKind::kReadiness,
              R"({"periodSeconds":10,"failureThreshold":2,"successThreshold":2})");
  table.sim.RunFor(absl::Seconds(5));
  CHECK(table.opinions.empty());
  table.sim.RunFor(absl::Seconds(10));
  REQUIRE(table.opinions.size() == 1);
  table.answers = false;
  table.sim.RunFor(absl::Seconds(20));
  REQUIRE(table.opinions.size() == 2);
  CHECK_FALSE(table.opinions[1].first);
  table.answers = true;
  table.sim.RunFor(absl::Seconds(30));
  REQUIRE(table.opinions.size() == 3);
  CHECK(table.opinions[2].first);
}

TEST_CASE("AProberThatIsGoneSaysNothing") {
  Table table;
  table.Start(ProbeKind::kLiveness, R"({"periodSeconds":1,"failureThreshold":1})");
  table.prober.reset();
  table.sim.RunFor(absl::Seconds(10));
  CHECK(table.asked == 0);
}

}  // namespace
}  // namespace skiff::node
