// The files that RocksDB appends records to (its write-ahead log and its MANIFEST), made so that a
// sync changes no metadata and that damage is told from a power failure:
//
// - The file is as long as its chunks from the start, filled with zeros, and never trimmed. So a
//   file that is no multiple of kChunk, or that has records in its last block, has been truncated.
// - What power failed on is a record of which some sectors were never written: they are zeros. So a
//   broken record without such a sector is damaged, not torn.
// - A record that holds a sector of zeros by nature would leave that in doubt. After the sync of
//   one, and when it is closed, the file is sealed: its last sector says up to where it was synced,
//   and whatever is broken before that is damage.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "rocksdb/env.h"

namespace skiff::raft {

constexpr uint64_t kBlock = 32 << 10;    // RocksDB's: records do not cross it, their parts do.
constexpr uint64_t kSector = 512;        // What a disk writes wholly or not at all.
constexpr uint64_t kWalChunk = 1 << 20;  // Of a write-ahead log.
constexpr uint64_t kManifestChunk = 128 << 10;

// Replaces what is at `path`. Under that name there never is a file shorter than a chunk.
rocksdb::Status NewChunkedFile(const std::string& path, uint64_t chunk,
                               std::unique_ptr<rocksdb::WritableFile>* file);

// The same in two steps: a file at `path`, empty and of one chunk, that is to be renamed and is
// called `name` in errors.
rocksdb::Status MakeChunkedFile(const std::string& path, const std::string& name, uint64_t chunk,
                                std::unique_ptr<rocksdb::WritableFile>* file);

// The last sector of a file whose bytes up to `synced` are on disk, and what one says; none: it is
// no seal.
std::string EncodeSeal(uint64_t synced);
std::optional<uint64_t> DecodeSeal(absl::string_view sector);

}  // namespace skiff::raft
