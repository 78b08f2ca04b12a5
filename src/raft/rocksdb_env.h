// A RocksDB environment whose background threads belong to it: RocksDB's own pool is global to the
// process and never ends, which a library in somebody's process must not leave behind.
#pragma once

#include <memory>

#include "rocksdb/env.h"

namespace skiff::raft {

// Flushes and compactions run on threads that end with the environment. It must outlive its
// databases.
std::unique_ptr<rocksdb::Env> NewOwnedEnv();

}  // namespace skiff::raft
