// A place for one immutable shared object that threads load and store at the same time.
//
// Not std::atomic<std::shared_ptr>: GCC 12's lets go of its lock with an order that lets a load
// slip behind it (and that thread sanitizers report).
#pragma once

#include <memory>
#include <utility>

namespace skiff {

// Threads: any. Never blocks for longer than it takes to copy a pointer.
template <typename T>
class SharedSlot {
 public:
  std::shared_ptr<const T> load() const { return std::atomic_load(&value_); }
  void store(std::shared_ptr<const T> value) { std::atomic_store(&value_, std::move(value)); }

 private:
  std::shared_ptr<const T> value_;
};

}  // namespace skiff
