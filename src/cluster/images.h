// Where a data directory keeps its images: one store for all the nodes of this machine.
//
// Threads: any; opening blocks on disk. The store may be open in several processes at once.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "runtime/image/image_store.h"

namespace skiff::cluster {

// Opens the images of the data directory, which is made if it is missing. Errors are those of
// runtime::ImageStore::Open.
inline absl::StatusOr<std::unique_ptr<runtime::ImageStore>> OpenImages(absl::string_view data_dir) {
  return runtime::ImageStore::Open(absl::StrCat(data_dir, "/images"));
}

}  // namespace skiff::cluster
