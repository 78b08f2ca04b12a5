// A state in a file.
#include "store/snapshot_file.h"

#include <fstream>
#include <iterator>

#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A file of a few objects; the revision of the last.
uint64_t SaveSmall(const std::string& path) {
  SimStore from;
  from.Put("a", "1");
  from.Put("b", "2");
  const uint64_t revision = from.Put("a", "3");
  const auto saved = SaveSnapshot(*from.store->snapshot(), path);
  INFO(saved.status());
  REQUIRE(saved.ok());
  CHECK(saved->revision == revision);
  CHECK(saved->objects == 2);
  CHECK(saved->bytes == Contents(path).size());
  return revision;
}

TEST_CASE("WhatWasSavedIsRestored") {
  const TempDir dir;
  const std::string path = dir.path() + "/state";
  const uint64_t revision = SaveSmall(path);
  const auto restored = RestoreSnapshot(path, dir.path() + "/store", 1, "");
  INFO(restored.status());
  REQUIRE(restored.ok());
  CHECK(restored->revision == revision);
  CHECK(restored->objects == 2);
  SimStore to(In(dir.path() + "/store"));
  CHECK(to.Value("a") == "3");
  CHECK(to.Value("b") == "2");
  CHECK(to.store->snapshot()->Get(MapKey("a"))->revision() == revision);
  // Revisions go on where they were, so that nobody takes an old one for a new one.
  CHECK(to.Put("c", "4") > revision);
}

TEST_CASE("AnEmptyStateIsOneAsWell") {
  const TempDir dir;
  SimStore from;
  REQUIRE(SaveSnapshot(*from.store->snapshot(), dir.path() + "/state").ok());
  REQUIRE(RestoreSnapshot(dir.path() + "/state", dir.path() + "/store", 1, "").ok());
  SimStore to(In(dir.path() + "/store"));
  CHECK(to.store->snapshot()->Count("") == 0);
  to.Put("a", "1");
}

TEST_CASE("AFileThatWasCutOffAnywhereIsTold") {
  const TempDir dir;
  const std::string path = dir.path() + "/state";
  SaveSmall(path);
  const std::string whole = Contents(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    Write(path, whole.substr(0, size));
    const absl::Status told = VerifySnapshot(path).status();
    CHECK(told.code() == (size < 17 ? absl::StatusCode::kInvalidArgument  // It is none at all.
                                    : absl::StatusCode::kDataLoss));
    CHECK(told.ToString().find(path) != std::string::npos);
  }
  Write(path, whole + '\0');
  CHECK(absl::IsDataLoss(VerifySnapshot(path).status()));
}

TEST_CASE("EveryFlippedBitIsToldAndNothingIsRestored") {
  const TempDir dir;
  const std::string path = dir.path() + "/state";
  SaveSmall(path);
  const std::string whole = Contents(path);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    INFO(bit);
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    Write(path, flipped);
    const absl::Status told = RestoreSnapshot(path, dir.path() + "/store", 1, "").status();
    CHECK(told.code() == (bit / 8 < 15    ? absl::StatusCode::kInvalidArgument
                          : bit / 8 == 15 ? absl::StatusCode::kFailedPrecondition  // The version.
                          : bit / 8 == 16 ? told.code()
                                          : absl::StatusCode::kDataLoss));
    CHECK(!told.ok());
  }
  CHECK(!std::filesystem::exists(dir.path() + "/store"));
}

TEST_CASE("AFileOfVersion1IsReadForEver") {
  const TempDir dir;
  const std::string file = SKIFF_SOURCE_DIR "/tests/store/data/version1.snapshot";
  const auto restored = RestoreSnapshot(file, dir.path() + "/store", 1, "");
  INFO(restored.status());
  REQUIRE(restored.ok());
  SimStore to(In(dir.path() + "/store"));
  CHECK(to.Value("a") == "3");
  CHECK(to.Value("b") == "2");
}

TEST_CASE("AFileOfALaterVersionIsNotTakenForDamaged") {
  const TempDir dir;
  const std::string path = dir.path() + "/state";
  SaveSmall(path);
  std::string bytes = Contents(path);
  bytes.replace(0, 17, "skiff-snapshot 12\n");
  Write(path, bytes);
  const absl::Status told = VerifySnapshot(path).status();
  CHECK(absl::IsFailedPrecondition(told));
  CHECK(told.ToString().find("another version") != std::string::npos);
}

TEST_CASE("AStoreThatNobodyHasOpenIsSavedOffline") {
  const TempDir dir;
  const std::string store = dir.path() + "/store";
  const std::string path = dir.path() + "/state";
  uint64_t revision = 0;
  {
    SimStore from(In(store));
    from.Put("a", "1");
    revision = from.Put("b", "2");
    CHECK(absl::IsFailedPrecondition(SaveOffline(store, path).status()));
  }
  const auto saved = SaveOffline(store, path);
  INFO(saved.status());
  REQUIRE(saved.ok());
  CHECK(saved->revision == revision);
  CHECK(saved->objects == 2);
  SimStore again(In(store));  // Saving has changed nothing.
  CHECK(again.Value("b") == "2");
}

TEST_CASE("WhereNothingIsNothingIsSaved") {
  const TempDir dir;
  CHECK(absl::IsNotFound(SaveOffline(dir.path() + "/none", dir.path() + "/state").status()));
  CHECK(!std::filesystem::exists(dir.path() + "/none"));
  CHECK(!std::filesystem::exists(dir.path() + "/state"));
  CHECK(absl::IsNotFound(VerifySnapshot(dir.path() + "/state").status()));
}

TEST_CASE("ADirectoryThatIsNotEmptyIsLeftAlone") {
  const TempDir dir;
  const std::string path = dir.path() + "/state";
  SaveSmall(path);
  const std::string store = dir.path() + "/store";
  {
    SimStore other(In(store));
    other.Put("mine", "1");
  }
  CHECK(absl::IsFailedPrecondition(RestoreSnapshot(path, store, 1, "").status()));
  SimStore other(In(store));
  CHECK(other.Value("mine") == "1");
  CHECK(other.Value("a") == "(none)");
}

TEST_CASE("AFileThatCannotBeWrittenIsNotLeftInPart") {
  const TempDir dir;
  SimStore from;
  from.Put("a", "1");
  CHECK(!SaveSnapshot(*from.store->snapshot(), dir.path() + "/none/state").ok());
  std::filesystem::create_directory(dir.path() + "/taken");
  CHECK(!SaveSnapshot(*from.store->snapshot(), dir.path() + "/taken").ok());
  size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    CHECK(entry.path().filename() == "taken");
    ++entries;
  }
  CHECK(entries == 1);
}

}  // namespace
}  // namespace skiff::store
