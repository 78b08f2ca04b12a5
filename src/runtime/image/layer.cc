#include "runtime/image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "runtime/image/digest.h"

namespace skiff::runtime {
namespace {

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using ArchivePtr = std::unique_ptr<archive, FreeArchive>;

// The decompressed bytes of a file, hashed as they pass: the source that the tar reader pulls from.
struct Inflater {
  ArchivePtr raw{archive_read_new()};
  Sha256 sha;
  std::vector<char> buffer = std::vector<char>(1 << 16);

  static la_ssize_t Read(archive* reader, void* self, const void** out) {
    auto* inflater = static_cast<Inflater*>(self);
    const la_ssize_t n =
        archive_read_data(inflater->raw.get(), inflater->buffer.data(), inflater->buffer.size());
    if (n < 0) {
      archive_set_error(reader, EIO, "%s", archive_error_string(inflater->raw.get()));
      return -1;
    }
    inflater->sha.Update(absl::string_view(inflater->buffer.data(), n));
    *out = inflater->buffer.data();
    return n;
  }
};

absl::Status Broken(archive* reader, absl::string_view where) {
  const char* why = archive_error_string(reader);
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": not a whole tar archive: ", why ? why : "unexpected end"));
}

// "./usr//bin/" -> "usr/bin". kInvalidArgument for a name that would leave the root.
absl::StatusOr<std::string> CleanName(absl::string_view name) {
  std::string out;
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      return absl::InvalidArgumentError(
          absl::StrCat("entry \"", name, "\" points outside the image's root"));
    }
    absl::StrAppend(&out, out.empty() ? "" : "/", part);
  }
  return out;
}

class Unpacker {
 public:
  explicit Unpacker(UniqueFd root) : root_(std::move(root)) {}

  absl::Status Add(archive* reader, archive_entry* entry) {
    SKIFF_ASSIGN_OR_RETURN(const std::string name, CleanName(archive_entry_pathname(entry)));
    if (name.empty()) return SetOwnerAndMode(root_.get(), entry);
    const size_t slash = name.rfind('/');
    const std::string parent_name = slash == std::string::npos ? "" : name.substr(0, slash);
    const std::string leaf = slash == std::string::npos ? name : name.substr(slash + 1);
    SKIFF_ASSIGN_OR_RETURN(const UniqueFd parent, OpenDirectory(parent_name));
    absl::Status status = absl::StartsWith(leaf, ".wh.")
                              ? Whiteout(parent.get(), leaf)
                              : Create(reader, entry, parent.get(), leaf);
    return Annotate(std::move(status), absl::StrCat("entry \"", name, "\""));
  }

  int64_t size_bytes() const { return size_bytes_; }

 private:
  absl::StatusOr<UniqueFd> OpenIn(const std::string& path, int flags) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const int fd = static_cast<int>(
        syscall(SYS_openat2, root_.get(), path.empty() ? "." : path.c_str(), &how, sizeof how));
    if (fd < 0) return ErrnoStatus(errno, path);
    return UniqueFd(fd);
  }

  // Opens a directory inside the root, making what is missing (some archives leave parents out).
  absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
    auto found = OpenIn(path, O_DIRECTORY | O_RDONLY);
    if (found.ok() || !absl::IsNotFound(found.status())) return found;
    const size_t slash = path.rfind('/');
    const std::string leaf = slash == std::string::npos ? path : path.substr(slash + 1);
    SKIFF_ASSIGN_OR_RETURN(const UniqueFd parent,
                           OpenDirectory(slash == std::string::npos ? "" : path.substr(0, slash)));
    if (mkdirat(parent.get(), leaf.c_str(), 0755) != 0) return ErrnoStatus(errno, path);
    return OpenIn(path, O_DIRECTORY | O_RDONLY);
  }

  absl::Status Whiteout(int parent, const std::string& leaf) {
    if (leaf == ".wh..wh..opq") {
      if (fsetxattr(parent, "trusted.overlay.opaque", "y", 1, 0) != 0) {
        return ErrnoStatus(errno, "mark the directory opaque");
      }
      return absl::OkStatus();
    }
    const std::string hidden = leaf.substr(4);
    if (hidden.empty() || hidden == "." || hidden == "..") {
      return absl::InvalidArgumentError("names nothing that a whiteout could hide");
    }
    if (mknodat(parent, hidden.c_str(), S_IFCHR, makedev(0, 0)) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, "make a whiteout");
    }
    return absl::OkStatus();
  }

  absl::Status Create(archive* reader, archive_entry* entry, int parent, const std::string& leaf) {
    if (archive_entry_hardlink(entry) != nullptr) return HardLink(entry, parent, leaf);
    const mode_t type = archive_entry_filetype(entry);
    if (type == AE_IFDIR) {
      if (mkdirat(parent, leaf.c_str(), 0755) != 0 && errno != EEXIST) {
        return ErrnoStatus(errno, "make the directory");
      }
      const UniqueFd fd(openat(parent, leaf.c_str(), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd.valid()) return ErrnoStatus(errno, "a directory where another entry is");
      return SetOwnerAndMode(fd.get(), entry);
    }
    // A later entry of the same name replaces the earlier one, as in any tar.
    if (unlinkat(parent, leaf.c_str(), 0) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, "replace the earlier entry");
    }
    switch (type) {
      case AE_IFREG:
        return RegularFile(reader, entry, parent, leaf);
      case AE_IFLNK:
        if (symlinkat(archive_entry_symlink(entry), parent, leaf.c_str()) != 0) {
          return ErrnoStatus(errno, "make the symbolic link");
        }
        break;
      case AE_IFCHR:
      case AE_IFBLK:
      case AE_IFIFO:
        if (mknodat(parent, leaf.c_str(), type | (archive_entry_perm(entry) & 07777),
                    archive_entry_rdev(entry)) != 0) {
          return ErrnoStatus(errno, "make the special file");
        }
        break;
      default:
        return absl::InvalidArgumentError("has a type that no image layer may hold");
    }
    if (fchownat(parent, leaf.c_str(), archive_entry_uid(entry), archive_entry_gid(entry),
                 AT_SYMLINK_NOFOLLOW) != 0) {
      return ErrnoStatus(errno, "set its owner");
    }
    return absl::OkStatus();
  }

  absl::Status HardLink(archive_entry* entry, int parent, const std::string& leaf) {
    SKIFF_ASSIGN_OR_RETURN(const std::string target, CleanName(archive_entry_hardlink(entry)));
    const size_t slash = target.rfind('/');
    SKIFF_ASSIGN_OR_RETURN(
        const UniqueFd from,
        OpenIn(slash == std::string::npos ? "" : target.substr(0, slash), O_DIRECTORY | O_RDONLY));
    const std::string from_leaf = slash == std::string::npos ? target : target.substr(slash + 1);
    unlinkat(parent, leaf.c_str(), 0);
    if (linkat(from.get(), from_leaf.c_str(), parent, leaf.c_str(), 0) != 0) {
      return ErrnoStatus(errno, absl::StrCat("link to \"", target, "\""));
    }
    return absl::OkStatus();
  }

  absl::Status RegularFile(archive* reader, archive_entry* entry, int parent,
                           const std::string& leaf) {
    const UniqueFd fd(
        openat(parent, leaf.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return ErrnoStatus(errno, "create the file");
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    int result = ARCHIVE_OK;
    while ((result = archive_read_data_block(reader, &block, &size, &offset)) == ARCHIVE_OK) {
      if (pwrite(fd.get(), block, size, offset) != static_cast<ssize_t>(size)) {
        return ErrnoStatus(errno ? errno : ENOSPC, "write its content");
      }
      size_bytes_ += static_cast<int64_t>(size);
    }
    if (result != ARCHIVE_EOF) return Broken(reader, "content");
    if (ftruncate(fd.get(), archive_entry_size(entry)) != 0) return ErrnoStatus(errno, "size it");
    return SetOwnerAndMode(fd.get(), entry);
  }

  static absl::Status SetOwnerAndMode(int fd, archive_entry* entry) {
    // Owner first: chown(2) clears the set-user-ID bit.
    if (fchown(fd, archive_entry_uid(entry), archive_entry_gid(entry)) != 0 ||
        fchmod(fd, archive_entry_perm(entry) & 07777) != 0) {
      return ErrnoStatus(errno, "set owner and mode");
    }
    const timespec times[2] = {{0, UTIME_OMIT},
                               {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}};
    futimens(fd, times);
    const char* xattr_name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &xattr_name, &value, &size) == ARCHIVE_OK) {
      // Only what programs rely on: an image must not speak to overlayfs itself.
      if (absl::string_view(xattr_name) == "security.capability") {
        fsetxattr(fd, xattr_name, value, size, 0);
      }
    }
    return absl::OkStatus();
  }

  UniqueFd root_;
  int64_t size_bytes_ = 0;
};

}  // namespace

absl::StatusOr<UnpackedLayer> UnpackLayer(const std::string& tar_path, const std::string& dir) {
  Inflater inflater;
  archive* raw = inflater.raw.get();
  archive_read_support_filter_gzip(raw);
  archive_read_support_filter_zstd(raw);
  archive_read_support_format_raw(raw);
  archive_read_support_format_empty(raw);
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(raw, tar_path.c_str(), 1 << 16) != ARCHIVE_OK ||
      archive_read_next_header(raw, &entry) != ARCHIVE_OK) {
    return Broken(raw, "layer");
  }
  const ArchivePtr tar(archive_read_new());
  archive_read_support_format_tar(tar.get());
  archive_read_support_format_empty(tar.get());
  if (archive_read_open2(tar.get(), &inflater, nullptr, &Inflater::Read, nullptr, nullptr) !=
      ARCHIVE_OK) {
    return Broken(tar.get(), "layer");
  }
  UniqueFd root(open(dir.c_str(), O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return ErrnoStatus(errno, dir);
  Unpacker unpacker(std::move(root));
  int result = ARCHIVE_OK;
  while ((result = archive_read_next_header(tar.get(), &entry)) == ARCHIVE_OK ||
         result == ARCHIVE_WARN) {
    SKIFF_RETURN_IF_ERROR(unpacker.Add(tar.get(), entry));
  }
  if (result != ARCHIVE_EOF) return Broken(tar.get(), "layer");
  // The digest covers what may follow the tar's end marker, too.
  const void* rest = nullptr;
  la_ssize_t n = 0;
  while ((n = Inflater::Read(tar.get(), &inflater, &rest)) > 0) {
  }
  if (n < 0) return Broken(tar.get(), "layer");
  return UnpackedLayer{inflater.sha.Finish(), unpacker.size_bytes()};
}

}  // namespace skiff::runtime
