#include "runtime/image/image_store.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "runtime/image/digest.h"
#include "runtime/image/layer.h"

namespace skiff::runtime {
namespace {

namespace dom = simdjson::dom;

std::string Hex(absl::string_view digest) {
  return std::string(absl::StripPrefix(digest, "sha256:"));
}

void RemoveTree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), path);
  return absl::OkStatus();
}

// Written beside and renamed over, so that a reader or a crash sees the old content or the new.
absl::Status WriteFile(const std::string& path, absl::string_view content) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, temporary);
  if (write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      fdatasync(fd.get()) != 0 || rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, path);
  }
  return absl::OkStatus();
}

// Held while the directory is changed: another process may load an image into the same store.
absl::StatusOr<UniqueFd> LockStore(const std::string& dir) {
  UniqueFd fd(open((dir + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid() || flock(fd.get(), LOCK_EX) != 0) return ErrnoStatus(errno, dir + "/lock");
  return fd;
}

std::vector<std::string> Strings(simdjson::simdjson_result<dom::element> list) {
  std::vector<std::string> out;
  dom::array items;
  if (list.get(items) != simdjson::SUCCESS) return out;
  for (const dom::element item : items) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) out.emplace_back(text);
  }
  return out;
}

std::string Text(simdjson::simdjson_result<dom::element> value) {
  std::string_view out;
  return value.get(out) == simdjson::SUCCESS ? std::string(out) : std::string();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageStore>> ImageStore::Open(std::string dir) {
  if (dir.empty()) return absl::InvalidArgumentError("the image store needs a directory");
  for (const char* part : {"blobs/sha256", "layers", "staging"}) {
    SKIFF_RETURN_IF_ERROR(MakeDirectory(absl::StrCat(dir, "/", part)));
  }
  std::unique_ptr<ImageStore> store(new ImageStore(std::move(dir)));
  MutexLock lock(&store->mutex_);
  SKIFF_ASSIGN_OR_RETURN(const UniqueFd held, LockStore(store->dir_));
  // What a crash left half-made.
  RemoveTree(absl::StrCat(store->dir_, "/staging"));
  SKIFF_RETURN_IF_ERROR(MakeDirectory(absl::StrCat(store->dir_, "/staging")));
  SKIFF_RETURN_IF_ERROR(store->ReadIndex());
  return store;
}

// One "reference<space>id" a line: both are free of spaces.
absl::Status ImageStore::ReadIndex() const {
  index_.clear();
  auto text = ReadWholeFile(absl::StrCat(dir_, "/images"));
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  SKIFF_RETURN_IF_ERROR(text.status());
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> entry = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    index_[entry.first] = entry.second;
  }
  return absl::OkStatus();
}

absl::Status ImageStore::WriteIndex() {
  std::string text;
  for (const auto& [reference, id] : index_) absl::StrAppend(&text, reference, " ", id, "\n");
  return WriteFile(absl::StrCat(dir_, "/images"), text);
}

absl::Status ImageStore::AddLayer(const std::string& tar_path, const std::string& diff_id) {
  const std::string final_dir = absl::StrCat(dir_, "/layers/", Hex(diff_id));
  struct stat info;
  if (stat(final_dir.c_str(), &info) == 0) return absl::OkStatus();
  const std::string temporary = absl::StrCat(dir_, "/staging/layer");
  RemoveTree(temporary);
  SKIFF_RETURN_IF_ERROR(MakeDirectory(temporary));
  const absl::Cleanup clean = [&] { RemoveTree(temporary); };
  SKIFF_ASSIGN_OR_RETURN(const UnpackedLayer layer, UnpackLayer(tar_path, temporary));
  if (layer.diff_id != diff_id) {
    return absl::InvalidArgumentError(
        absl::StrCat("a layer has the content ", layer.diff_id, " where its image says ", diff_id));
  }
  SKIFF_RETURN_IF_ERROR(
      WriteFile(absl::StrCat(final_dir, ".size"), absl::StrCat(layer.size_bytes)));
  // Its content is on disk before its name is.
  if (const UniqueFd fd(open(temporary.c_str(), O_DIRECTORY | O_CLOEXEC)); fd.valid()) {
    syncfs(fd.get());
  }
  if (rename(temporary.c_str(), final_dir.c_str()) != 0) return ErrnoStatus(errno, final_dir);
  return absl::OkStatus();
}

absl::StatusOr<Image> ImageStore::LoadOne(const ImageManifest& manifest) {
  SKIFF_ASSIGN_OR_RETURN(const std::string config, ReadWholeFile(manifest.config_path));
  const std::string id = DigestOf(config);
  if (!manifest.config_digest.empty() && manifest.config_digest != id) {
    return absl::InvalidArgumentError(
        absl::StrCat("the config ", manifest.config_digest, " has another content"));
  }
  dom::parser parser;
  dom::element root;
  if (parser.parse(config).get(root) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("its config is not JSON");
  }
  const std::vector<std::string> diff_ids = Strings(root["rootfs"]["diff_ids"]);
  if (diff_ids.size() != manifest.layer_paths.size()) {
    return absl::InvalidArgumentError(absl::StrCat("it has ", manifest.layer_paths.size(),
                                                   " layers where its config names ",
                                                   diff_ids.size()));
  }
  for (size_t i = 0; i < diff_ids.size(); ++i) {
    // It becomes a path: an image must not choose which.
    if (!IsSha256Digest(diff_ids[i])) {
      return absl::InvalidArgumentError(absl::StrCat("its config names a layer \"", diff_ids[i],
                                                     "\", which is no sha256 digest"));
    }
    if (!manifest.layer_digests.empty()) {
      SKIFF_ASSIGN_OR_RETURN(const std::string digest, DigestOfFile(manifest.layer_paths[i]));
      if (digest != manifest.layer_digests[i]) {
        return absl::InvalidArgumentError(
            absl::StrCat("the layer ", manifest.layer_digests[i], " has another content"));
      }
    }
    SKIFF_RETURN_IF_ERROR(AddLayer(manifest.layer_paths[i], diff_ids[i]));
  }
  SKIFF_RETURN_IF_ERROR(WriteFile(absl::StrCat(dir_, "/blobs/sha256/", Hex(id)), config));
  for (const std::string& written : manifest.references) {
    SKIFF_ASSIGN_OR_RETURN(const std::string reference, NormalizeReference(written));
    index_[reference] = id;
  }
  if (manifest.references.empty()) index_[id] = id;
  return ReadImage(id);
}

absl::StatusOr<std::vector<Image>> ImageStore::Load(const std::string& path) {
  MutexLock lock(&mutex_);
  SKIFF_ASSIGN_OR_RETURN(const UniqueFd held, LockStore(dir_));
  SKIFF_RETURN_IF_ERROR(ReadIndex());
  const std::string staging = absl::StrCat(dir_, "/staging/archive");
  RemoveTree(staging);
  SKIFF_RETURN_IF_ERROR(MakeDirectory(staging));
  const absl::Cleanup clean = [&] { RemoveTree(staging); };
  const auto before = index_;
  auto load = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::StatusOr<std::vector<Image>> {
    SKIFF_ASSIGN_OR_RETURN(const std::vector<ImageManifest> manifests,
                           ReadImageSource(path, staging));
    if (manifests.empty()) return absl::InvalidArgumentError("it holds no image for this machine");
    std::vector<Image> out;
    for (const ImageManifest& manifest : manifests) {
      SKIFF_ASSIGN_OR_RETURN(Image image, LoadOne(manifest));
      out.push_back(std::move(image));
    }
    SKIFF_RETURN_IF_ERROR(WriteIndex());
    for (Image& image : out) {
      SKIFF_ASSIGN_OR_RETURN(image, ReadImage(image.id));
    }
    return out;
  };
  auto loaded = load();
  if (!loaded.ok()) {
    index_ = before;
    DeleteUnused();
    return Annotate(loaded.status(), absl::StrCat("image file ", path));
  }
  return loaded;
}

absl::StatusOr<Image> ImageStore::ReadImage(const std::string& id) const {
  SKIFF_ASSIGN_OR_RETURN(const std::string config,
                         ReadWholeFile(absl::StrCat(dir_, "/blobs/sha256/", Hex(id))));
  dom::parser parser;
  dom::element root;
  if (parser.parse(config).get(root) != simdjson::SUCCESS) {
    return absl::DataLossError(absl::StrCat("image ", id, ": its stored config is not JSON"));
  }
  Image image;
  image.id = id;
  for (const auto& [reference, target] : index_) {
    if (target == id) image.references.push_back(reference);
  }
  for (const std::string& diff_id : Strings(root["rootfs"]["diff_ids"])) {
    image.layer_dirs.push_back(absl::StrCat(dir_, "/layers/", Hex(diff_id)));
    int64_t size = 0;
    const auto text = ReadWholeFile(absl::StrCat(image.layer_dirs.back(), ".size"));
    if (text.ok() && absl::SimpleAtoi(*text, &size)) image.size_bytes += size;
  }
  const auto section = root["config"];
  image.entrypoint = Strings(section["Entrypoint"]);
  image.cmd = Strings(section["Cmd"]);
  for (const std::string& variable : Strings(section["Env"])) {
    image.env.push_back(absl::StrSplit(variable, absl::MaxSplits('=', 1)));
  }
  image.working_dir = Text(section["WorkingDir"]);
  image.user = Text(section["User"]);
  image.stop_signal = Text(section["StopSignal"]);
  return image;
}

absl::StatusOr<Image> ImageStore::Find(absl::string_view reference) const {
  MutexLock lock(&mutex_);
  SKIFF_RETURN_IF_ERROR(ReadIndex());
  if (const auto it = index_.find(std::string(reference)); it != index_.end()) {
    return ReadImage(it->second);
  }
  const std::string hex = Hex(reference);
  if (hex.size() >= 12 && hex.find_first_not_of("0123456789abcdef") == std::string::npos) {
    for (const auto& [name, id] : index_) {
      if (absl::StartsWith(Hex(id), hex)) return ReadImage(id);
    }
  }
  SKIFF_ASSIGN_OR_RETURN(const std::string normal, NormalizeReference(reference));
  const auto it = index_.find(normal);
  if (it == index_.end()) {
    return absl::NotFoundError(
        absl::StrCat("image \"", reference, "\" is not present on this node"));
  }
  return ReadImage(it->second);
}

std::vector<Image> ImageStore::List() const {
  MutexLock lock(&mutex_);
  if (!ReadIndex().ok()) return {};
  std::set<std::string> ids;
  for (const auto& [reference, id] : index_) ids.insert(id);
  std::vector<Image> out;
  for (const std::string& id : ids) {
    if (auto image = ReadImage(id); image.ok()) out.push_back(*std::move(image));
  }
  return out;
}

absl::Status ImageStore::Remove(absl::string_view reference) {
  MutexLock lock(&mutex_);
  SKIFF_ASSIGN_OR_RETURN(const UniqueFd held, LockStore(dir_));
  SKIFF_RETURN_IF_ERROR(ReadIndex());
  std::string name(reference);
  if (!index_.contains(name)) {
    SKIFF_ASSIGN_OR_RETURN(name, NormalizeReference(reference));
  }
  if (index_.erase(name) == 0) {
    return absl::NotFoundError(
        absl::StrCat("image \"", reference, "\" is not present on this node"));
  }
  SKIFF_RETURN_IF_ERROR(WriteIndex());
  DeleteUnused();
  return absl::OkStatus();
}

void ImageStore::DeleteUnused() {
  std::set<std::string> blobs;
  std::set<std::string> layers;
  for (const auto& [reference, id] : index_) {
    blobs.insert(Hex(id));
    const auto image = ReadImage(id);
    if (!image.ok()) return;  // Better to keep too much than to guess.
    for (const std::string& dir : image->layer_dirs) {
      layers.insert(std::filesystem::path(dir).filename());
    }
  }
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator(dir_ + "/blobs/sha256", ignored)) {
    if (!blobs.contains(file.path().filename())) RemoveTree(file.path());
  }
  for (const auto& file : std::filesystem::directory_iterator(dir_ + "/layers", ignored)) {
    if (!layers.contains(file.path().stem())) RemoveTree(file.path());
  }
}

}  // namespace skiff::runtime
