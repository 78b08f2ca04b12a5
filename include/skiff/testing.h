// Clusters for tests, in any framework that takes an exception for a failure (Catch2, GoogleTest,
// Boost.Test and others). Header only; needs C++ exceptions.
//
//   class Shop : public skiff::testing::ClusterFixture<> {};
//
//   TEST_CASE_METHOD(Shop, "a job is retried") {        // Catch2
//   TEST_F(Shop, RetriesAJob) {                         // GoogleTest: also of ::testing::Test
//     Must(cluster().Apply(kJob));
//     Must(cluster().Advance(absl::Hours(1)));
//     Must(cluster().Wait({"job", "default", "work"}, "condition=Complete", absl::Seconds(1)));
//   }
//
// The cluster is opened once for all tests of a Setup, in virtual time with simulated pods, and put
// back for each of them, which takes milliseconds. The seed is SKIFF_SEED of the environment, or a
// new one; what Must throws says which.
//
// Threads: a fixture belongs to its test; the tests of one Setup run one after the other.
#pragma once

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "skiff/cluster.h"

namespace skiff::testing {

// In memory, simulated pods, a virtual clock, the seed of the environment if there is one.
inline ClusterOptions VirtualOptions() {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.clock = ClockKind::kVirtual;
  if (const char* seed = std::getenv("SKIFF_SEED")) {
    options.seed = std::strtoull(seed, nullptr, 10);
  }
  return options;
}

// Throws unless it is OK; the value, if it has one.
inline void Must(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}
template <typename T>
T Must(absl::StatusOr<T> result) {
  Must(result.status());
  return *std::move(result);
}

// A Setup of your own has the same two.
struct DefaultSetup {
  static ClusterOptions Options() { return VirtualOptions(); }
  // Once, before the first test: what each of them finds in the cluster.
  static void Prepare(Cluster&) {}
};

template <typename Setup = DefaultSetup>
class ClusterFixture {
 public:
  ClusterFixture() { Must(cluster().Restore(Of().saved)); }

 protected:
  static Cluster& cluster() { return *Of().cluster; }

  static void Must(absl::Status status) {
    if (status.ok()) return;
    throw std::runtime_error(status.ToString() + "\nrun it again as it was with SKIFF_SEED=" +
                             std::to_string(cluster().seed()));
  }
  template <typename T>
  static T Must(absl::StatusOr<T> result) {
    Must(result.status());
    return *std::move(result);
  }

 private:
  struct Shared {
    Shared() : cluster(testing::Must(Cluster::Open(Setup::Options()))) {
      Setup::Prepare(*cluster);
      testing::Must(cluster->Settle(absl::Minutes(1)));
      saved = testing::Must(cluster->Save());
    }
    std::unique_ptr<Cluster> cluster;
    std::shared_ptr<const SavedCluster> saved;
  };
  static Shared& Of() {
    static Shared shared;
    return shared;
  }
};

}  // namespace skiff::testing
