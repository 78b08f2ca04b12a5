// Jobs for the disk, one after the other.
#include "store/disk_writer.h"

#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

struct Disk {
  // A job that ends as it is told.
  void Run(const std::string& name, absl::Duration delay = absl::ZeroDuration(),
           absl::Status result = absl::OkStatus()) {
    writer->Run(
        [this, name, result] {
          log.push_back("run " + name);
          return result;
        },
        [this, name](absl::Status status) {
          log.push_back((status.ok() ? "done " : "failed ") + name);
        },
        delay);
  }

  Simulation sim{1};
  std::unique_ptr<Executor> loop = sim.NewLoop();
  std::vector<std::string> log;
  std::unique_ptr<DiskWriter> writer = std::make_unique<DiskWriter>(loop.get(), &sim.pool());
};

using Log = std::vector<std::string>;

TEST_CASE("JobsRunOneAfterTheOtherAndTellHowTheyWent") {
  Disk disk;
  disk.Run("a");
  disk.Run("b", absl::ZeroDuration(), absl::ResourceExhaustedError("full"));
  disk.Run("c");
  CHECK(!disk.writer->idle());
  CHECK(disk.log == Log{"run a"});  // None is told from within Run.
  disk.sim.RunDue();
  // The disk is not left idle while its owner hears of what is done.
  CHECK(disk.log == Log{"run a", "run b", "done a", "run c", "failed b", "done c"});
  CHECK(disk.writer->idle());
}

TEST_CASE("ASlowJobTakesEffectHalfWayAndHoldsUpTheNext") {
  Disk disk;
  disk.Run("slow", absl::Seconds(10));
  disk.Run("next");
  disk.sim.RunFor(absl::Seconds(4));
  CHECK(disk.log.empty());
  disk.sim.RunFor(absl::Seconds(2));
  CHECK(disk.log == Log{"run slow"});
  disk.sim.RunFor(absl::Seconds(3));
  CHECK(disk.log == Log{"run slow"});
  disk.sim.RunFor(absl::Seconds(2));
  CHECK(disk.log == Log{"run slow", "run next", "done slow", "done next"});
}

TEST_CASE("FinishRunsAndTellsAllThatIsLeftOnce") {
  Disk disk;
  disk.Run("a", absl::Seconds(10));
  disk.Run("b");
  disk.Run("c", absl::Seconds(10));
  disk.sim.RunFor(absl::Seconds(6));
  REQUIRE(disk.log == Log{"run a"});
  disk.writer->Finish();
  const Log all = {"run a", "run b", "done a", "done b", "run c", "done c"};
  CHECK(disk.log == all);
  CHECK(disk.writer->idle());
  disk.sim.RunFor(absl::Minutes(1));
  CHECK(disk.log == all);
}

TEST_CASE("ADoneMayAskForMore") {
  Disk disk;
  disk.writer->Run([] { return absl::OkStatus(); }, [&](absl::Status) { disk.Run("more"); });
  disk.sim.RunDue();
  CHECK(disk.log == Log{"run more", "done more"});
}

TEST_CASE("NothingIsToldOnceTheWriterIsGone") {
  Disk disk;
  disk.Run("a");
  disk.writer.reset();
  disk.sim.RunDue();
  CHECK(disk.log == Log{"run a"});
}

TEST_CASE("JobsOnThreadsAreWaitedFor") {
  ThreadPool pool(2);
  UvExecutor loop("disk-test");
  Notification done;
  std::vector<int> order;
  loop.Post([&] {
    DiskWriter writer(&loop, &pool);
    for (int i = 0; i < 50; ++i) {
      writer.Run([] { return absl::OkStatus(); },
                 [&order, i](absl::Status) { order.push_back(i); });
    }
    writer.Finish();
    CHECK(writer.idle());
    done.Notify();
  });
  done.WaitForNotification();
  REQUIRE(order.size() == 50);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace skiff::store
