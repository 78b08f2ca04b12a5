// Container images on disk: OCI layouts and `docker save` archives in, unpacked layers out, ready
// to be an overlayfs's lower directories.
//
// On disk, under the store's directory: blobs/sha256/<hex> (configs and manifests), layers/<hex>/
// (each layer unpacked once, by its diff id), images (a line a reference: "reference id"). A layer
// appears under its final name only when it is whole, so a crash leaves nothing half-made that is
// used.
//
// Threads: any; loads are serialised, between processes as well. Everything blocks on disk.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "runtime/image/image_source.h"

namespace skiff::runtime {

struct Image {
  std::string id;                       // "sha256:<hex>" of its config.
  std::vector<std::string> references;  // "docker.io/library/web:v1"
  int64_t size_bytes = 0;               // Unpacked.
  std::vector<std::string> layer_dirs;  // Absolute, lowest first.
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::pair<std::string, std::string>> env;
  std::string working_dir;
  std::string user;  // "", "1000", "1000:1000", "nobody"
  std::string stop_signal;
};

// "busybox" -> "docker.io/library/busybox:latest"; "r.example/x@sha256:…" stays. kInvalidArgument
// with Kubernetes' words (InvalidImageName) if it is no reference.
absl::StatusOr<std::string> NormalizeReference(absl::string_view reference);

class ImageStore {
 public:
  // Makes the directory if needed. An empty `dir` is an error.
  static absl::StatusOr<std::unique_ptr<ImageStore>> Open(std::string dir);

  // Reads an archive (tar, or tar compressed with gzip or zstd; OCI layout or docker save) or an
  // OCI layout directory. Returns what was loaded. kInvalidArgument: not an image, truncated,
  // digest mismatch, or an entry that would leave the layer's root; nothing of it stays.
  absl::StatusOr<std::vector<Image>> Load(const std::string& path);

  // By reference (normalised), or by id or its unique prefix of at least 12 digits. kNotFound.
  absl::StatusOr<Image> Find(absl::string_view reference) const;

  std::vector<Image> List() const;

  // Forgets the reference; layers that no image needs are deleted.
  absl::Status Remove(absl::string_view reference);

 private:
  explicit ImageStore(std::string dir) : dir_(std::move(dir)) {}
  absl::Status ReadIndex() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteIndex() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Image> LoadOne(const ImageManifest& manifest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddLayer(const std::string& tar_path, const std::string& diff_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Image> ReadImage(const std::string& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeleteUnused() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string dir_;
  mutable Mutex mutex_;
  // Read anew for each call: another process may have changed it.
  mutable std::map<std::string, std::string> index_ ABSL_GUARDED_BY(mutex_);  // reference -> id
};

}  // namespace skiff::runtime
