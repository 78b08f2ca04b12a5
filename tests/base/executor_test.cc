#include "base/executor.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <vector>

#include "base/notification.h"
#include "base/sim_executor.h"
#include "base/uv_executor.h"

namespace skiff {
namespace {

int CountOpenFiles() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)entry;
    ++count;
  }
  return count;
}

TEST_CASE("TasksRunInTheOrderTheyWerePosted") {
  UvExecutor loop("test");
  std::vector<int> seen;
  Notification done;
  for (int i = 0; i < 100; ++i) loop.Post([&, i] { seen.push_back(i); });
  loop.Post([&] { done.Notify(); });
  done.WaitForNotification();
  loop.Stop();
  REQUIRE(seen.size() == 100);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("TasksThatComeWhileOthersRunAllRunInTheOrderOfTheirThread") {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  UvExecutor loop("test");
  std::vector<int> seen(kThreads, 0);
  int echoes = 0;
  bool in_order = true;
  Notification all;
  {
    ThreadPool pool(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      pool.Run([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          loop.Post([&, thread, i] {
            in_order = in_order && seen[thread]++ == i;
            loop.Post([&] {
              if (++echoes == kThreads * kEach) all.Notify();
            });
          });
        }
      });
    }
  }
  all.WaitForNotification();
  loop.Stop();
  CHECK(in_order);
}

TEST_CASE("TasksThatArePostedFromATaskRunInALaterTurn") {
  UvExecutor loop("test");
  std::vector<std::string> seen;
  Notification done;
  loop.Post([&] {
    auto* idle = new uv_idle_t;
    uv_idle_init(loop.uv_loop(), idle);
    idle->data = &seen;
    // A handle that is closed is told so at the end of the turn.
    uv_close(reinterpret_cast<uv_handle_t*>(idle), [](uv_handle_t* handle) {
      static_cast<std::vector<std::string>*>(handle->data)->push_back("closed");
      delete reinterpret_cast<uv_idle_t*>(handle);
    });
    loop.Post([&] {
      seen.push_back("posted");
      done.Notify();
    });
  });
  done.WaitForNotification();
  loop.Stop();
  CHECK(seen == std::vector<std::string>{"closed", "posted"});
}

TEST_CASE("TimersFireInTheOrderOfTheirDeadlinesAndACancelledOneNever") {
  UvExecutor loop("test");
  std::vector<int> seen;
  Notification done;
  loop.Post([&] {
    loop.PostAfter(absl::Milliseconds(20), [&] { done.Notify(); });
    const Executor::TimerId dropped =
        loop.PostAfter(absl::Milliseconds(1), [&] { seen.push_back(-1); });
    loop.PostAfter(absl::Milliseconds(10), [&] { seen.push_back(2); });
    loop.PostAfter(absl::Milliseconds(5), [&] { seen.push_back(1); });
    loop.Cancel(dropped);
  });
  done.WaitForNotification();
  loop.Stop();
  CHECK(seen == std::vector<int>{1, 2});
}

TEST_CASE("AStoppedLoopDropsWhatIsPostedAndClosesItsFiles") {
  const int before = CountOpenFiles();
  bool ran = false;
  for (int i = 0; i < 20; ++i) {
    UvExecutor loop("test");
    loop.PostAfter(absl::Hours(1), [&] { ran = true; });
    loop.Stop();
    loop.Post([&] { ran = true; });
    CHECK(loop.PostAfter(absl::ZeroDuration(), [&] { ran = true; }) == 0);
  }
  CHECK_FALSE(ran);
  CHECK(CountOpenFiles() == before);
}

TEST_CASE("APoolFinishesTheWorkItWasGiven") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(3);
    for (int i = 0; i < 100; ++i) pool.Run([&] { ++done; });
  }
  CHECK(done == 100);
}

std::vector<std::pair<int64_t, int>> Trace(uint64_t seed, bool permute) {
  Simulation sim(seed);
  sim.PermuteTies(permute);
  const auto a = sim.NewLoop();
  const auto b = sim.NewLoop();
  std::vector<std::pair<int64_t, int>> trace;
  for (int i = 0; i < 20; ++i) {
    Executor* loop = i % 2 == 0 ? a.get() : b.get();
    loop->PostAfter(absl::Seconds(loop->rng().Below(3)), [&, i] {
      trace.emplace_back(absl::ToInt64Seconds(sim.clock().Monotonic()), i);
    });
  }
  sim.RunFor(absl::Seconds(10));
  return trace;
}

TEST_CASE("ASimulationIsItsSeed") {
  CHECK(Trace(1, false) == Trace(1, false));
  CHECK(Trace(1, true) == Trace(1, true));
  CHECK(Trace(1, true) != Trace(2, true));
  CHECK(Trace(1, true).size() == 20);
}

// What Executor::Post promises holds however ties are broken.
TEST_CASE("PermutedTiesKeepTheOrderOfEachLoop") {
  bool mixed = false;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation sim(seed);
    sim.PermuteTies(true);
    const auto a = sim.NewLoop();
    const auto b = sim.NewLoop();
    std::vector<int> order;
    for (int i = 0; i < 10; ++i) {
      (i % 2 == 0 ? a : b)->Post([&order, i] { order.push_back(i); });
    }
    sim.RunDue();
    std::vector<int> even, odd;
    for (const int i : order) (i % 2 == 0 ? even : odd).push_back(i);
    CHECK(even == std::vector<int>{0, 2, 4, 6, 8});
    CHECK(odd == std::vector<int>{1, 3, 5, 7, 9});
    mixed = mixed || !std::is_sorted(order.begin(), order.end());
  }
  CHECK(mixed);
}

TEST_CASE("AnHourOfVirtualTimeTakesNoTime") {
  Simulation sim(1);
  const auto loop = sim.NewLoop();
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    loop->PostAfter(absl::Seconds(1), [&] { tick(); });
  };
  tick();
  sim.RunFor(absl::Hours(1));
  CHECK(ticks == 3601);
  CHECK(sim.clock().Now() == absl::FromUnixSeconds(1'700'000'000) + absl::Hours(1));
}

TEST_CASE("ADestroyedLoopRunsNothing") {
  Simulation sim(1);
  bool ran = false;
  {
    const auto loop = sim.NewLoop();
    loop->Post([&] { ran = true; });
  }
  sim.RunFor(absl::Seconds(1));
  CHECK_FALSE(ran);
}

}  // namespace
}  // namespace skiff
