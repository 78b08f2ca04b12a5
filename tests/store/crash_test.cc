// kill -9 at any instant loses no acknowledged write.
#include <poll.h>

#include <map>

#include "base/rng.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

struct Acknowledged {
  std::map<uint64_t, uint64_t> numbers;  // By writer, the last.
  uint64_t revision = 0;                 // The last.
  size_t count = 0;
};

// Reads records until `limit` of them came, then goes on for `more_us` microseconds.
void Collect(const Child& child, uint64_t more_us, Acknowledged* acknowledged) {
  uint64_t record[3];
  REQUIRE(read(child.output(), record, sizeof(record)) == sizeof(record));
  usleep(more_us);
  do {
    CHECK(record[1] == acknowledged->numbers[record[0]] + 1);
    // In order, each its own.
    CHECK(record[2] > acknowledged->revision);
    acknowledged->numbers[record[0]] = record[1];
    acknowledged->revision = record[2];
    ++acknowledged->count;
    pollfd ready{child.output(), POLLIN, 0};
    if (poll(&ready, 1, 0) != 1) break;
  } while (read(child.output(), record, sizeof(record)) == sizeof(record));
}

// What it had said before it died and was not read yet.
void Drain(const Child& child, Acknowledged* acknowledged) {
  uint64_t record[3];
  while (read(child.output(), record, sizeof(record)) == sizeof(record)) {
    CHECK(record[2] > acknowledged->revision);
    acknowledged->numbers[record[0]] = record[1];
    acknowledged->revision = record[2];
    ++acknowledged->count;
  }
}

void CheckStore(const std::string& dir, Acknowledged* acknowledged) {
  StoreOptions options;
  options.data_dir = dir;
  SimStore store(std::move(options));
  const auto snapshot = store.store->snapshot();
  REQUIRE(snapshot->revision() >= acknowledged->revision);
  uint64_t total = 0;
  for (uint64_t writer = 0; writer < 8; ++writer) {
    const std::string name = absl::StrCat("w", writer);
    const auto object = snapshot->Get(MapKey(name));
    const auto twin = snapshot->Get(MapKey(name + "-twin"));
    const uint64_t number = object == nullptr ? 0 : std::stoull(ValueOf(object));
    INFO("writer " << writer << " acknowledged " << acknowledged->numbers[writer] << " stored "
                   << number);
    // One write of each may have been on its way: on disk, but not yet said.
    REQUIRE(number >= acknowledged->numbers[writer]);
    REQUIRE(number <= acknowledged->numbers[writer] + 1);
    REQUIRE(ValueOf(twin) == ValueOf(object));
    if (object != nullptr) REQUIRE(twin->revision() == object->revision());
    acknowledged->numbers[writer] = number;
    total += number;
  }
  // Every write took one revision, none was skipped or taken twice: an empty store is at 1.
  REQUIRE(snapshot->revision() == total + 1);
  acknowledged->revision = snapshot->revision();
}

}  // namespace

TEST_CASE("AKillAtAnyInstantLosesNoAcknowledgedWrite") {
  TempDir dir;
  Rng rng(20);
  Acknowledged acknowledged;
  for (int round = 0; round < 200; ++round) {
    INFO("round " << round);
    {
      Child child("CrashWriter", dir.path());
      Collect(child, rng.Below(20'000), &acknowledged);
      child.Kill();
      Drain(child, &acknowledged);
    }
    CheckStore(dir.path(), &acknowledged);
  }
  CHECK(acknowledged.count > 1000);
}

}  // namespace skiff::store
