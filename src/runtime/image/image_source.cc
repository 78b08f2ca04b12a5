#include "runtime/image/image_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "runtime/image/digest.h"

namespace skiff::runtime {
namespace {

namespace dom = simdjson::dom;

#if defined(__x86_64__)
constexpr absl::string_view kArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr absl::string_view kArchitecture = "arm64";
#else
#error "This architecture has no name in the OCI image specification's table yet"
#endif

std::string Text(dom::element element, const char* key) {
  std::string_view out;
  if (element[key].get(out) != simdjson::SUCCESS) return "";
  return std::string(out);
}

// The files of the source by their names in it.
class Files {
 public:
  explicit Files(std::string directory) : directory_(std::move(directory)) {}

  void AddFile(std::string name, std::string path) { files_[std::move(name)] = std::move(path); }
  void AddLink(std::string name, std::string target) {
    links_[std::move(name)] = std::move(target);
  }

  // Empty if there is no such file.
  std::string Find(std::string name) const {
    for (int hops = 0; hops < 8; ++hops) {
      if (const auto it = files_.find(name); it != files_.end()) return it->second;
      const auto link = links_.find(name);
      if (link == links_.end()) break;
      name = Join(name, link->second);
    }
    if (directory_.empty() || absl::StrContains(name, "..")) return "";
    const std::string path = absl::StrCat(directory_, "/", name);
    struct stat info;
    return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? path : "";
  }

  absl::StatusOr<std::string> Read(const std::string& name) const {
    const std::string path = Find(name);
    if (path.empty()) return absl::InvalidArgumentError(absl::StrCat("it lacks the file ", name));
    return ReadWholeFile(path);
  }

  absl::StatusOr<std::string> Blob(const std::string& digest) const {
    const std::vector<std::string> parts = absl::StrSplit(digest, ':');
    const std::string path =
        parts.size() == 2 ? Find(absl::StrCat("blobs/", parts[0], "/", parts[1])) : "";
    if (path.empty()) return absl::InvalidArgumentError(absl::StrCat("it lacks the blob ", digest));
    return path;
  }

 private:
  static std::string Join(const std::string& name, const std::string& target) {
    std::vector<std::string> parts = absl::StrSplit(name, '/');
    parts.pop_back();
    for (const absl::string_view part : absl::StrSplit(target, '/')) {
      if (part == "..") {
        if (!parts.empty()) parts.pop_back();
      } else if (!part.empty() && part != ".") {
        parts.emplace_back(part);
      }
    }
    return absl::StrJoin(parts, "/");
  }

  std::string directory_;
  std::map<std::string, std::string> files_;
  std::map<std::string, std::string> links_;
};

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};

absl::Status Broken(archive* reader) {
  const char* why = archive_error_string(reader);
  return absl::InvalidArgumentError(
      absl::StrCat("not a whole image archive: ", why ? why : "it ends early"));
}

absl::Status SaveEntry(archive* reader, const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  if (archive_read_data_into_fd(reader, fd.get()) != ARCHIVE_OK) {
    const int error = archive_errno(reader);
    if (error == ENOSPC || error == EDQUOT) return ErrnoStatus(error, path);
    return Broken(reader);
  }
  return absl::OkStatus();
}

absl::StatusOr<Files> Unpack(const std::string& path, const std::string& staging) {
  const std::unique_ptr<archive, FreeArchive> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 16) != ARCHIVE_OK) {
    return Broken(reader.get());
  }
  Files files("");
  archive_entry* entry = nullptr;
  int result = ARCHIVE_OK;
  for (int i = 0; (result = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK; ++i) {
    std::string name(absl::StripPrefix(archive_entry_pathname(entry), "./"));
    if (absl::StartsWith(name, "/") || absl::StrContains(name, "..")) {
      return absl::InvalidArgumentError(
          absl::StrCat("entry \"", name, "\" points outside the archive"));
    }
    if (const char* target = archive_entry_symlink(entry); target != nullptr) {
      files.AddLink(std::move(name), target);
    } else if (const char* twin = archive_entry_hardlink(entry); twin != nullptr) {
      if (const std::string found = files.Find(twin); !found.empty()) files.AddFile(name, found);
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      const std::string saved = absl::StrCat(staging, "/", i);
      SKIFF_RETURN_IF_ERROR(SaveEntry(reader.get(), saved));
      files.AddFile(std::move(name), saved);
    }
  }
  if (result != ARCHIVE_EOF) return Broken(reader.get());
  return files;
}

absl::Status NotJson(absl::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat(name, " is not the JSON it should be"));
}

absl::StatusOr<std::vector<ImageManifest>> DockerManifests(const Files& files) {
  SKIFF_ASSIGN_OR_RETURN(const std::string text, files.Read("manifest.json"));
  dom::parser parser;
  dom::array entries;
  if (parser.parse(text).get(entries) != simdjson::SUCCESS) return NotJson("manifest.json");
  std::vector<ImageManifest> out;
  for (const dom::element entry : entries) {
    ImageManifest manifest;
    const std::string config = Text(entry, "Config");
    manifest.config_path = files.Find(config);
    if (manifest.config_path.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("it lacks the config ", config));
    }
    dom::array layers;
    if (entry["Layers"].get(layers) != simdjson::SUCCESS) return NotJson("manifest.json");
    for (const dom::element layer : layers) {
      std::string_view name;
      if (layer.get(name) != simdjson::SUCCESS) return NotJson("manifest.json");
      manifest.layer_paths.push_back(files.Find(std::string(name)));
      if (manifest.layer_paths.back().empty()) {
        return absl::InvalidArgumentError(absl::StrCat("it lacks the layer ", std::string(name)));
      }
    }
    dom::array tags;
    if (entry["RepoTags"].get(tags) == simdjson::SUCCESS) {
      for (const dom::element tag : tags) {
        std::string_view value;
        if (tag.get(value) == simdjson::SUCCESS) manifest.references.emplace_back(value);
      }
    }
    out.push_back(std::move(manifest));
  }
  return out;
}

std::string ReferenceOf(dom::element descriptor) {
  dom::element annotations;
  if (descriptor["annotations"].get(annotations) != simdjson::SUCCESS) return "";
  std::string full = Text(annotations, "io.containerd.image.name");
  return full.empty() ? Text(annotations, "org.opencontainers.image.ref.name") : full;
}

bool ForThisMachine(dom::element descriptor) {
  dom::element platform;
  if (descriptor["platform"].get(platform) != simdjson::SUCCESS) return true;
  return Text(platform, "os") == "linux" && Text(platform, "architecture") == kArchitecture;
}

absl::Status ReadOciManifest(const Files& files, const std::string& digest, int depth,
                             const std::string& reference, std::vector<ImageManifest>* out);

absl::Status ReadOciIndex(const Files& files, dom::element index, int depth,
                          const std::string& reference, std::vector<ImageManifest>* out) {
  dom::array manifests;
  if (index["manifests"].get(manifests) != simdjson::SUCCESS) return NotJson("the image index");
  for (const dom::element descriptor : manifests) {
    if (!ForThisMachine(descriptor)) continue;
    const std::string own = ReferenceOf(descriptor);
    SKIFF_RETURN_IF_ERROR(ReadOciManifest(files, Text(descriptor, "digest"), depth + 1,
                                          own.empty() ? reference : own, out));
  }
  return absl::OkStatus();
}

absl::Status ReadOciManifest(const Files& files, const std::string& digest, int depth,
                             const std::string& reference, std::vector<ImageManifest>* out) {
  if (depth > 4) return absl::InvalidArgumentError("its image indexes nest too deeply");
  SKIFF_ASSIGN_OR_RETURN(const std::string path, files.Blob(digest));
  SKIFF_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path));
  if (DigestOf(text) != digest) {
    return absl::InvalidArgumentError(absl::StrCat("the blob ", digest, " has another content"));
  }
  dom::parser parser;
  dom::element root;
  if (parser.parse(text).get(root) != simdjson::SUCCESS) return NotJson(digest);
  dom::array layers;
  if (root["layers"].get(layers) != simdjson::SUCCESS) {
    return ReadOciIndex(files, root, depth, reference, out);
  }
  ImageManifest manifest;
  dom::element config;
  if (root["config"].get(config) != simdjson::SUCCESS) return NotJson(digest);
  manifest.config_digest = Text(config, "digest");
  SKIFF_ASSIGN_OR_RETURN(manifest.config_path, files.Blob(manifest.config_digest));
  for (const dom::element layer : layers) {
    manifest.layer_digests.push_back(Text(layer, "digest"));
    SKIFF_ASSIGN_OR_RETURN(std::string layer_path, files.Blob(manifest.layer_digests.back()));
    manifest.layer_paths.push_back(std::move(layer_path));
  }
  if (!reference.empty()) manifest.references.push_back(reference);
  out->push_back(std::move(manifest));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ImageManifest>> ReadImageSource(const std::string& path,
                                                           const std::string& staging) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  Files files(path);
  if (!S_ISDIR(info.st_mode)) {
    SKIFF_ASSIGN_OR_RETURN(files, Unpack(path, staging));
  }
  // An archive may be both; docker's manifest has the complete references.
  if (!files.Find("manifest.json").empty()) return DockerManifests(files);
  if (files.Find("index.json").empty()) {
    return absl::InvalidArgumentError(
        "neither an OCI image layout (no index.json) nor a docker save archive (no manifest.json)");
  }
  SKIFF_ASSIGN_OR_RETURN(const std::string text, files.Read("index.json"));
  dom::parser parser;
  dom::element index;
  if (parser.parse(text).get(index) != simdjson::SUCCESS) return NotJson("index.json");
  std::vector<ImageManifest> out;
  SKIFF_RETURN_IF_ERROR(ReadOciIndex(files, index, 0, "", &out));
  return out;
}

}  // namespace skiff::runtime
