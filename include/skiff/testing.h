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
// new one; whenever a test fails, it is told: in what Must throws, with each assertion of Catch2 or
// GoogleTest that fails if their header was included before this one, and on standard error for a
// test of other frameworks that an exception leaves.
//
// Threads: a fixture belongs to its test; the tests of one Setup run one after the other.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "skiff/cluster.h"

namespace skiff::testing {

// In memory, simulated pods, a virtual clock, the seed of the environment if there is one. Throws
// if that is no number.
inline ClusterOptions VirtualOptions() {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.clock = ClockKind::kVirtual;
  if (const char* seed = std::getenv("SKIFF_SEED")) {
    char* end = nullptr;
    errno = 0;
    options.seed = std::strtoull(seed, &end, 10);
    if (*seed < '0' || *seed > '9' || *end != '\0' || errno != 0) {
      throw std::runtime_error("SKIFF_SEED: \"" + std::string(seed) +
                               "\" is no number from 0 to 18446744073709551615");
    }
  }
  return options;
}

// Throws unless it is OK; the value, if it has one.
inline void Must(const absl::Status& status) {
  if (status.ok()) return;
  throw std::runtime_error(status.ToString(absl::StatusToStringMode::kWithNoExtraData));
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

// How a framework is told, for as long as one lives, what to say of a test that fails.
#if defined(CATCH_INTERNAL_LINEINFO)
class CatchNote {
 public:
  explicit CatchNote(const std::string& text)
      : message_(Catch::MessageBuilder("INFO", CATCH_INTERNAL_LINEINFO, Catch::ResultWas::Info)
                 << text) {}

 private:
  const Catch::ScopedMessage message_;
};
using FailureNote = CatchNote;
#elif defined(GTEST_TEST)
class GoogleTestNote {
 public:
  explicit GoogleTestNote(const std::string& text) : trace_(__FILE__, __LINE__, text) {}

 private:
  const ::testing::ScopedTrace trace_;
};
using FailureNote = GoogleTestNote;
#else
class StderrNote {
 public:
  explicit StderrNote(std::string text) : text_(std::move(text)) {}
  ~StderrNote() {
    if (std::uncaught_exceptions() > before_) std::fprintf(stderr, "%s\n", text_.c_str());
  }

 private:
  const std::string text_;
  const int before_ = std::uncaught_exceptions();
};
using FailureNote = StderrNote;
#endif

template <typename Setup = DefaultSetup, typename Note = FailureNote>
class ClusterFixture {
 public:
  ClusterFixture() : note_(Of().again) { Must(cluster().Restore(Of().saved)); }
  ClusterFixture(const ClusterFixture&) = delete;
  ClusterFixture& operator=(const ClusterFixture&) = delete;

 protected:
  static Cluster& cluster() { return *Of().cluster; }

  static void Must(const absl::Status& status) {
    Of().Tell([&] { testing::Must(status); });
  }
  template <typename T>
  static T Must(absl::StatusOr<T> result) {
    Must(result.status());
    return *std::move(result);
  }

 private:
  struct Shared {
    Shared() {
      ClusterOptions options = Setup::Options();
      if (options.clock == ClockKind::kVirtual) {
        if (!options.seed) options.seed = std::random_device()();
        again = "run it again as it was with SKIFF_SEED=" + std::to_string(*options.seed);
      }
      const Note note(again);
      Tell([&] {
        cluster = testing::Must(Cluster::Open(std::move(options)));
        Setup::Prepare(*cluster);
        testing::Must(cluster->Settle(absl::Minutes(1)));
        saved = testing::Must(cluster->Save());
      });
    }
    // What is thrown says how to run it again.
    template <typename Call>
    void Tell(Call call) const {
      try {
        call();
      } catch (const std::exception& e) {
        throw std::runtime_error(again.empty() ? e.what() : e.what() + ("\n" + again));
      }
    }

    std::unique_ptr<Cluster> cluster;
    std::shared_ptr<const SavedCluster> saved;
    std::string again;  // Empty: there is no seed.
  };
  static Shared& Of() {
    static Shared shared;
    return shared;
  }

  const Note note_;
};

}  // namespace skiff::testing
