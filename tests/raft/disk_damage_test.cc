// Every file of a data directory, damaged everywhere: what was acknowledged is there, or the
// directory is refused by a message that names the file.
#include <string.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "raft/chunked_file.h"
#include "raft/crc32c.h"
#include "raft/record_check.h"
#include "raft/rocksdb_storage.h"
#include "tests/raft/fast_dir.h"

namespace skiff::raft {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream out;
  out << stream.rdbuf();
  return out.str();
}

void WriteFile(const fs::path& path, const std::string& bytes) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(stream.good());
}

bool HasRecords(const std::string& name) {
  return absl::EndsWith(name, ".log") || absl::StartsWith(name, "MANIFEST-");
}

uint64_t ChunkOf(const std::string& name) {
  return absl::EndsWith(name, ".log") ? kWalChunk : kManifestChunk;
}

// All that a disk holds, as text.
absl::StatusOr<std::string> Content(const std::string& dir) {
  auto storage = RocksdbStorage::Open(dir);
  if (!storage.ok()) return storage.status();
  const auto loaded = (*storage)->Load();
  if (!loaded.ok()) return loaded.status();
  std::string out =
      absl::StrCat(loaded->hard_state.term, "/", loaded->hard_state.vote, " ",
                   loaded->checkpoint.index, " ", loaded->checkpoint.term, " ",
                   EncodeConfig(loaded->checkpoint.config), " ", loaded->checkpoint.note, "\n");
  absl::Status status = (*storage)->ReadRows([&](absl::string_view key, absl::string_view value) {
    absl::StrAppend(&out, key, "=", value, "\n");
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  const Index first = loaded->checkpoint.index + 1;
  status = (*storage)->Read(first, first + loaded->log.size() - 1, [&](Entry entry) {
    absl::StrAppend(&out, entry.index, " ", entry.term, " ", entry.data, "\n");
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return out;
}

std::string RandomBytes(Rng* rng, size_t size) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(rng->Next());
  return out;
}

// How damage says where it is.
constexpr const char* kWheres[] = {" at byte ", " offset ", " within its ", "offset unknown: "};

// The files of a database as a crash of the process leaves them: tables, and a log with small
// entries, large ones, and ones that look like unwritten sectors.
class Image {
 public:
  explicit Image(const std::string& dir) {
    Rng rng(7);
    auto opened = RocksdbStorage::Open(dir);
    REQUIRE(opened.ok());
    RocksdbStorage* storage = opened->get();
    const auto write = [&](Index index, std::string data, bool checkpoint) {
      DiskWrite out;
      out.hard_state = HardState{index, 1};
      out.append = {{index, index, EntryType::kData, std::move(data)}};
      REQUIRE(storage->Write(out).ok());
      if (!checkpoint) return;
      std::map<std::string, std::string> rows;
      for (int i = 0; i < 100; ++i) {
        rows[absl::StrCat("row ", rng.Below(500))] = RandomBytes(&rng, 60);
      }
      Checkpoint to{index - 1, index - 1, {}, absl::StrCat("note ", index)};
      to.config.voters = {1, 2, 3};
      std::vector<Row> changes;
      for (const auto& [key, value] : rows) changes.push_back({key, value});
      REQUIRE(storage->WriteCheckpoint(to, changes).ok());
    };
    Index index = 1;
    for (; index <= 20; ++index) write(index, RandomBytes(&rng, 300), index % 5 == 0);
    REQUIRE(storage->Flush().ok());
    for (; index <= 30; ++index) write(index, RandomBytes(&rng, 300), index == 25);
    REQUIRE(storage->Flush().ok());
    for (; index <= 40; ++index) write(index, RandomBytes(&rng, index * 20), false);
    // A state that is taken over, and a file of rows after it, which begins another log: what the
    // first one has of the log of entries is in no table yet.
    Checkpoint taken{index, index, {}, "taken"};
    taken.config.voters = {1, 2, 3};
    REQUIRE(storage->Stage({{"row", "taken over"}}, /*first=*/true).ok());
    REQUIRE(storage->Install(taken, {index, 1}).ok());
    REQUIRE(storage->WriteCheckpoint(taken, {{"row 2", "after it"}}).ok());
    ++index;
    write(index++, RandomBytes(&rng, 1 << 20), false);
    write(index++, std::string(5000, '\0'), false);
    // What compacts and deletes tables in the background ends first, so that all files belong to
    // one state; the logs are kept as the crash would find them.
    const std::map<std::string, std::string> logs = Files(dir, ".log");
    opened->reset();
    files_ = Files(dir, "");
    for (const auto& [name, bytes] : logs) {
      if (files_.contains(name)) files_[name] = bytes;
    }
  }

  const std::map<std::string, std::string>& files() const { return files_; }

 private:
  // Without LOG, LOCK, and what is not yet anything.
  static std::map<std::string, std::string> Files(const std::string& dir, absl::string_view end) {
    std::map<std::string, std::string> out;
    for (const auto& file : fs::directory_iterator(dir)) {
      const std::string name = file.path().filename();
      const bool counts = !absl::StartsWith(name, "LO") && !absl::EndsWith(name, ".new");
      if (counts && absl::EndsWith(name, end)) out[name] = ReadFile(file.path());
    }
    return out;
  }

  std::map<std::string, std::string> files_;
};

// Directories that share all files but one with an image.
class Copies {
 public:
  explicit Copies(const Image& image) : image_(image) {
    fs::create_directory(root_.path() + "/whole");
    for (const auto& [name, bytes] : image.files()) WriteFile(Whole(name), bytes);
    const auto content = Content(With("CURRENT", image.files().at("CURRENT")));
    INFO(content.status());
    REQUIRE(content.ok());
    content_ = *content;
  }

  // A directory in which the file `name` holds `bytes`. Until the next call.
  std::string With(const std::string& name, const std::string& bytes) {
    const std::string dir = root_.path() + "/damaged";
    fs::remove_all(dir);
    fs::create_directory(dir);
    for (const auto& [other, content] : image_.files()) {
      if (other == name) continue;
      if (other == "WALS") {
        WriteFile(dir + "/" + other, content);  // It is written in place.
      } else {
        fs::create_hard_link(Whole(other), dir + "/" + other);
      }
    }
    WriteFile(dir + "/" + name, bytes);
    return dir;
  }

  // Opens it: content as acknowledged, or refused by name.
  void Try(const std::string& name, const std::string& bytes, const std::string& what) {
    TryDir(With(name, bytes), name, what);
  }
  void TryWithout(const std::string& name) {
    const std::string dir = With(name, "");
    fs::remove(dir + "/" + name);
    TryDir(dir, name, "gone");
  }

  int refused() const { return refused_; }

 private:
  void TryDir(const std::string& dir, const std::string& name, const std::string& what) {
    const auto content = Content(dir);
    INFO(name << ": " << what << ": " << content.status());
    if (content.ok()) {
      CHECK((*content == content_));
      return;
    }
    ++refused_;
    const bool coded = content.status().code() == absl::StatusCode::kDataLoss ||
                       content.status().code() == absl::StatusCode::kFailedPrecondition;
    CHECK(coded);
    const bool named = absl::StrContains(content.status().message(), name) || name == "FORMAT";
    CHECK(named);
    if (content.status().code() == absl::StatusCode::kDataLoss) {
      CHECK(absl::StrContains(content.status().message(), "restore a snapshot"));
      const bool where = std::any_of(
          std::begin(kWheres), std::end(kWheres),
          [&](const char* words) { return absl::StrContains(content.status().message(), words); });
      CHECK(where);
    }
  }

  std::string Whole(const std::string& name) const { return root_.path() + "/whole/" + name; }

  const Image& image_;
  FastDir root_;
  std::string content_;
  int refused_ = 0;
};

}  // namespace

TEST_CASE("ADamagedFileIsHealedOrRefusedByName") {
  FastDir dir;
  const Image image(dir.path());
  Copies copies(image);
  Rng rng(3);
  for (const auto& [name, bytes] : image.files()) {
    // What is used of a file of records is at its beginning.
    const size_t used =
        HasRecords(name) ? bytes.find_last_not_of('\0', bytes.size() - kBlock) + 1 : bytes.size();
    const bool matters = !absl::StartsWith(name, "OPTIONS") && name != "IDENTITY";
    const size_t flips = !matters ? 5 : used < 64 ? used : 24;
    const int before = copies.refused();
    for (size_t i = 0; i < flips; ++i) {
      const size_t at = used * i / flips + rng.Below(std::max<size_t>(1, used / flips));
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << rng.Below(8));
      copies.Try(name, damaged, absl::StrCat("a bit of byte ", at));
    }
    INFO(name << " of " << bytes.size() << " bytes, " << used << " used");
    if (matters) CHECK(copies.refused() > before);
    copies.TryWithout(name);
    for (const size_t length : {size_t{0}, size_t{1}, used / 3, used / 2, used - 1,
                                bytes.size() / 2, bytes.size() - 512, bytes.size() - 1}) {
      if (length < bytes.size()) {
        copies.Try(name, bytes.substr(0, length), absl::StrCat("cut to ", length));
      }
    }
  }
}

TEST_CASE("ALogOrATableThatIsGoneIsMissed") {
  FastDir dir;
  const Image image(dir.path());
  Copies copies(image);
  std::map<std::string, int> kinds;
  for (const auto& [name, bytes] : image.files()) {
    const std::string kind = fs::path(name).extension();
    if (kind != ".log" && kind != ".sst") continue;
    ++kinds[kind];
    const int before = copies.refused();
    copies.TryWithout(name);
    INFO(name);
    CHECK(copies.refused() == before + 1);
  }
  CHECK(kinds[".log"] > 1);
  CHECK(kinds[".sst"] > 1);
}

TEST_CASE("AListOfLogsThatAnOlderProgramLeftBehindIsNotBelieved") {
  FastDir dir;
  { const Image image(dir.path()); }
  // It has made a MANIFEST of its own, and has deleted a log.
  const std::string list = ReadFile(dir.path() + "/WALS");
  std::string rest(8, '\0');
  rest[7] = 1;
  rest += std::string("\0\0\0\0\0\0\x7f\xff", 8);
  rest.resize(kSector - kCrcBytes);
  WriteFile(dir.path() + "/WALS", Crc32cBytes(rest) + rest);
  CHECK(Content(dir.path()).ok());
  CHECK(ReadFile(dir.path() + "/WALS") != list);
  fs::remove(dir.path() + "/WALS");
  CHECK(Content(dir.path()).ok());
  CHECK(fs::exists(dir.path() + "/WALS"));
}

TEST_CASE("ACurrentFileThatIsGoneIsNotANewDatabase") {
  FastDir dir;
  { const Image image(dir.path()); }
  fs::remove(dir.path() + "/CURRENT");
  const auto content = Content(dir.path());
  CHECK(content.status().code() == absl::StatusCode::kDataLoss);
  CHECK(absl::StrContains(content.status().message(), dir.path() + "/CURRENT"));
  CHECK(std::any_of(fs::directory_iterator(dir.path()), fs::directory_iterator(),
                    [](const auto& file) { return file.path().extension() == ".sst"; }));
}

TEST_CASE("AFlippedBitOfAnyRecordIsFound") {
  FastDir dir;
  const Image image(dir.path());
  Rng rng(5);
  const std::string path = dir.path() + "/file";
  for (const auto& [name, bytes] : image.files()) {
    if (!HasRecords(name)) continue;
    const size_t used = bytes.find_last_not_of('\0', bytes.size() - kBlock) + 1;
    WriteFile(path, bytes);
    REQUIRE(CheckRecords(path, ChunkOf(name), true).ok());
    // All of the last bytes: there a flipped bit could seem to be a torn write.
    const size_t step = std::max<size_t>(1, used / 500);
    for (size_t at = 0; at < used; at += used - at < 600 ? 1 : step) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << rng.Below(8));
      std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(damaged[at]);
      stream.flush();
      const absl::Status status = CheckRecords(path, ChunkOf(name), true).status();
      // What is at the end of a block, where no record's header fits, has no meaning.
      if (kBlock - at % kBlock >= 7 || bytes[at] != '\0') {
        INFO(name << " byte " << at << ": " << status);
        CHECK(status.code() == absl::StatusCode::kDataLoss);
      }
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(bytes[at]);
    }
    WriteFile(path, bytes);
    CHECK(CheckRecords(path, ChunkOf(name), true).ok());
  }
}

TEST_CASE("AWriteThatPowerFailedOnIsThereOrNot") {
  FastDir dir;
  Rng rng(11);
  auto storage = RocksdbStorage::Open(dir.path());
  REQUIRE(storage.ok());
  std::string log;
  for (const auto& file : fs::directory_iterator(dir.path())) {
    if (file.path().extension() == ".log") log = file.path();
  }
  const std::string copy = dir.path() + "/copy";
  std::string before = ReadFile(log);
  int torn = 0;
  for (Index index = 1; index <= 60; ++index) {
    const size_t size = index % 6 == 0 ? rng.Below(40'000) : rng.Below(900);
    DiskWrite write;
    write.append = {{1, index, EntryType::kData, RandomBytes(&rng, size)}};
    REQUIRE((*storage)->Write(write).ok());
    const std::string after = ReadFile(log);
    REQUIRE(after.size() == before.size());
    for (int round = 0; round < 8; ++round) {
      // Some sectors were written, in any order.
      std::string mixed = before;
      const bool prefix = round % 2 == 0;
      const uint64_t share = rng.Below(101);
      bool lost = false;
      for (size_t at = 0; at < mixed.size(); at += kSector) {
        if (memcmp(&before[at], &after[at], kSector) == 0) continue;
        if (prefix ? lost || rng.Below(100) < share / 4 : rng.Below(100) < share) {
          lost = true;
        } else {
          mixed.replace(at, kSector, after, at, kSector);
        }
      }
      WriteFile(copy, mixed);
      const absl::Status status = CheckRecords(copy, kWalChunk, /*may_be_torn=*/true).status();
      INFO("entry " << index << " of " << size << " bytes: " << status);
      REQUIRE(status.ok());
      const bool as_expected = ReadFile(copy) == (lost ? before : after);
      CHECK(as_expected);
      torn += lost ? 1 : 0;
    }
    before = after;
  }
  CHECK(torn > 100);
}

TEST_CASE("ADatabaseGoesOnAfterATornWrite") {
  FastDir dir;
  std::string whole;
  fs::path log;
  {
    auto storage = RocksdbStorage::Open(dir.path());
    REQUIRE(storage.ok());
    DiskWrite write;
    write.append = {{1, 1, EntryType::kData, "acknowledged"}};
    REQUIRE((*storage)->Write(write).ok());
    for (const auto& file : fs::directory_iterator(dir.path())) {
      if (file.path().extension() == ".log") log = file.path();
    }
    whole = ReadFile(log);
  }
  const size_t end = whole.find_last_not_of('\0') + 1;
  whole.replace(end, 5, "\x12\x34\x56\x78\x99", 5);  // Some of a header; then nothing.
  const size_t next = (end + kSector) / kSector * kSector;
  whole.replace(next + kSector, 100, std::string(100, 'x'));
  WriteFile(log, whole);
  auto content = Content(dir.path());
  INFO(content.status());
  REQUIRE(content.ok());
  CHECK(absl::StrContains(*content, "acknowledged"));
  CHECK(Content(dir.path()).ok());
}

}  // namespace skiff::raft
