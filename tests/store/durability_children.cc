// The children of durability_test.cc: what needs a mount, a user or a process of its own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "absl/strings/match.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

// Makes `dir` a mount of its own in a namespace that ends with this process, so that nothing is
// left behind however it ends.
void MountTmpfs(const std::string& dir, const char* options, unsigned long flags = 0) {
  REQUIRE(unshare(CLONE_NEWNS) == 0);
  REQUIRE(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  REQUIRE(mount("tmpfs", dir.c_str(), "tmpfs", flags, options) == 0);
}

}  // namespace

TEST_CASE("InUseChild", "[.]") {
  const absl::Status status = OpenStatus(ChildArgument());
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(status.message() == "data directory " + ChildArgument() + " is in use by another process");
}

TEST_CASE("ReadOnlyChild", "[.]") {
  MountTmpfs(ChildArgument(), "size=1m", MS_RDONLY);
  const absl::Status status = OpenStatus(ChildArgument());
  INFO(status);
  CHECK(status.code() == absl::StatusCode::kPermissionDenied);
  CHECK(absl::StrContains(status.message(), ChildArgument()));
}

TEST_CASE("NotMineChild", "[.]") {
  const std::string dir = ChildArgument() + "/theirs";
  REQUIRE(mkdir(dir.c_str(), 0700) == 0);
  REQUIRE(chmod(ChildArgument().c_str(), 0755) == 0);
  REQUIRE(setuid(65534) == 0);
  const absl::Status status = OpenStatus(dir);
  INFO(status);
  CHECK(status.code() == absl::StatusCode::kPermissionDenied);
  CHECK(absl::StrContains(status.message(), dir));
}

TEST_CASE("FullDiskChild", "[.]") {
  const std::string dir = ChildArgument();
  MountTmpfs(dir, "size=24m");
  const std::string large(64 << 10, 'x');
  uint64_t revision = 0;
  {
    LiveStore live(dir + "/data");
    REQUIRE(live.Commit(PutTxn("kept", "1")).ok());
    const int ballast = open((dir + "/ballast").c_str(), O_CREAT | O_WRONLY, 0600);
    std::vector<char> block(1 << 16, 'b');
    while (write(ballast, block.data(), block.size()) > 0) {
    }
    close(ballast);
    absl::Status full;
    int written = 0;
    for (; written < 400 && full.ok(); ++written) {
      full = live.Commit(PutTxn(absl::StrCat("n", written % 3), absl::StrCat(written, large)))
                 .status();
    }
    INFO(full);
    CHECK(full.code() == absl::StatusCode::kResourceExhausted);
    CHECK(absl::StrContains(full.message(), "disk is full"));
    for (int i = 0; i < 3; ++i) {  // It stays so, and reads go on.
      CHECK(live.Commit(PutTxn("refused", absl::StrCat(i, large))).status().code() ==
            absl::StatusCode::kResourceExhausted);
    }
    CHECK(ValueOf(live.store->snapshot()->Get(MapKey("kept"))) == "1");
    CHECK(live.store->snapshot()->Get(MapKey("refused")) == nullptr);
    REQUIRE(unlink((dir + "/ballast").c_str()) == 0);
    const auto after = live.Commit(PutTxn("after", "1"));
    INFO(after.status());
    REQUIRE(after.ok());
    for (int i = 0; i < 5; ++i) REQUIRE(live.Commit(PutTxn("after", absl::StrCat(i))).ok());
    revision = live.store->snapshot()->revision();
  }
  LiveStore live(dir + "/data");
  CHECK(live.store->snapshot()->revision() == revision);
  CHECK(ValueOf(live.store->snapshot()->Get(MapKey("kept"))) == "1");
  CHECK(ValueOf(live.store->snapshot()->Get(MapKey("after"))) == "4");
  CHECK(live.store->snapshot()->Get(MapKey("refused")) == nullptr);
}

}  // namespace skiff::store
