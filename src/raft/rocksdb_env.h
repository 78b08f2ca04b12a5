// A RocksDB environment of our own: its background threads end with it (RocksDB's own pool is
// global to the process and never ends, which a library in somebody's process must not leave
// behind), and it keeps write-ahead logs and MANIFESTs in chunked files (chunked_file.h).
#pragma once

#include <memory>
#include <string>

#include "rocksdb/env.h"

namespace skiff::raft {

// What an error says that comes of having no descriptor left. RocksDB is told that there is no
// space, which is the one error that it knows to pass.
inline constexpr char kTooManyFiles[] = "Too many open files";

// Flushes and compactions run on threads that end with the environment. It must outlive its
// databases.
class OwnedEnv : public rocksdb::EnvWrapper {
 public:
  using EnvWrapper::EnvWrapper;
  // Locks the database in `dir` ahead of its DB::Open, which then finds the lock taken for it.
  virtual rocksdb::Status LockAhead(const std::string& dir) = 0;
  // Before each write: makes sure that RocksDB finds a file when it begins another write-ahead log.
  // If it does not, there is no way on but to open the database anew.
  virtual rocksdb::Status PrepareLog() = 0;
};
std::unique_ptr<OwnedEnv> NewOwnedEnv();

}  // namespace skiff::raft
