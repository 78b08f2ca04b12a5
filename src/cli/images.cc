// `skiff image`: the images of a data directory, whether or not a cluster runs over it.
#include "cluster/images.h"

#include <cstdlib>
#include <iomanip>
#include <iostream>

#include "base/status.h"
#include "cli/commands.h"

namespace skiff::cli {
namespace {

std::string DataDir(const std::string& given) {
  if (!given.empty()) return given;
  const char* env = std::getenv("SKIFF_DATA_DIR");
  return env != nullptr ? env : "/var/lib/skiff";
}

}  // namespace

absl::Status ImageLoad(const std::string& data_dir, const std::string& file) {
  SKIFF_ASSIGN_OR_RETURN(const auto store, cluster::OpenImages(DataDir(data_dir)));
  SKIFF_ASSIGN_OR_RETURN(const std::vector<runtime::Image> loaded, store->Load(file));
  for (const runtime::Image& image : loaded) {
    for (const std::string& reference : image.references) {
      std::cout << "loaded " << reference << " (" << image.id.substr(0, 19) << ", "
                << image.layer_dirs.size() << " layers, " << image.size_bytes / 1024 << " KiB)\n";
    }
  }
  return absl::OkStatus();
}

absl::Status ImageList(const std::string& data_dir) {
  SKIFF_ASSIGN_OR_RETURN(const auto store, cluster::OpenImages(DataDir(data_dir)));
  std::cout << std::left << std::setw(50) << "IMAGE" << std::setw(16) << "ID"
            << "SIZE\n";
  for (const runtime::Image& image : store->List()) {
    for (const std::string& reference : image.references) {
      std::cout << std::left << std::setw(50) << reference << std::setw(16)
                << image.id.substr(7, 12) << image.size_bytes / 1024 << " KiB\n";
    }
  }
  return absl::OkStatus();
}

}  // namespace skiff::cli
