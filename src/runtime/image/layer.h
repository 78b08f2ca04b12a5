// One image layer, from its (perhaps compressed) tar to a directory that overlayfs takes as a
// lower.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace skiff::runtime {

struct UnpackedLayer {
  std::string diff_id;     // sha256 of the uncompressed tar.
  int64_t size_bytes = 0;  // Of its regular files.
};

// Unpacks `tar_path` into the existing, empty directory `dir`. Whiteouts become overlayfs's own: a
// character device 0/0 for `.wh.NAME`, the xattr trusted.overlay.opaque for `.wh..wh..opq`
// (OCI image layer specification; Documentation/filesystems/overlayfs.rst).
//
// Names are resolved inside `dir` (openat2 RESOLVE_IN_ROOT): no link of the layer leads out of it.
// An entry whose name contains `..` is refused. kInvalidArgument: refused, truncated or not a tar,
// naming the entry. What was written until then stays for the caller to remove.
absl::StatusOr<UnpackedLayer> UnpackLayer(const std::string& tar_path, const std::string& dir);

}  // namespace skiff::runtime
