// Where a cluster keeps its things: the data directory, or a temporary one that goes with it.
//
// A temporary home whose process was killed has nobody who could come back for its pods and files.
// It is found by its lock, which the kernel has let go of, and removed when the next one is made;
// the heads of its pods see their directories go, and end.
//
// Threads: any; opening and closing block on disk.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace skiff::cluster {

class Home {
 public:
  // Makes the directory if it is missing; an empty `data_dir` means a temporary one, below $TMPDIR
  // or /tmp. kPermissionDenied: it is not writable.
  static absl::StatusOr<std::unique_ptr<Home>> Open(const std::string& data_dir);
  // Removes it if it is temporary.
  ~Home();

  const std::string& path() const { return path_; }  // Absolute.
  bool temporary() const { return temporary_; }

 private:
  Home() = default;
  absl::Status Make(const std::string& data_dir);
  absl::Status MakeTemporary();

  std::string path_;
  UniqueFd lock_;  // Of a temporary one, as long as it is in use.
  bool temporary_ = false;
};

}  // namespace skiff::cluster
