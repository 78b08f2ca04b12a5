#include "node/volumes.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "node/volume_files.h"

namespace skiff::node {
namespace {

namespace fs = std::filesystem;

struct Context {
  const corev1::Pod& pod;
  const PodPlaces& places;
  const References& references;
};

std::optional<int64_t> GroupOf(const corev1::Pod& pod) {
  const auto& security = pod.spec().security_context();
  if (!security.has_fs_group()) return std::nullopt;
  return security.fs_group();
}

absl::Status MakeDir(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return ErrnoStatus(errno, path);
  chmod(path.c_str(), mode);  // Past the process's umask.
  return absl::OkStatus();
}

// The entries of a ConfigMap or Secret that a volume shows, under the names that it gives them.
template <typename Source>
absl::Status AddEntries(const Context& in, const std::string& kind, const std::string& name,
                        const Source& source, mode_t mode, VolumeFiles* out) {
  SKIFF_ASSIGN_OR_RETURN(const auto entries,
                         EntriesOf(in.references, kind, name, source.optional()));
  if (!entries) return absl::OkStatus();
  if (source.items().empty()) {
    for (const auto& [key, value] : *entries) (*out)[key] = {value, mode};
    return absl::OkStatus();
  }
  for (const corev1::KeyToPath& item : source.items()) {
    const auto it = entries->find(item.key());
    if (it == entries->end()) {
      if (source.optional()) continue;
      return absl::NotFoundError(absl::StrCat(kind == "secrets" ? "secret" : "configmap", " \"",
                                              name,
                                              "\" references non-existent key: ", item.key()));
    }
    (*out)[item.path()] = {it->second, item.has_mode() ? static_cast<mode_t>(item.mode()) : mode};
  }
  return absl::OkStatus();
}

template <typename Source>
absl::Status AddFields(const Context& in, const Source& source, mode_t mode, VolumeFiles* out) {
  for (const corev1::DownwardAPIVolumeFile& file : source.items()) {
    std::string value;
    if (file.has_resource_field_ref()) {
      SKIFF_ASSIGN_OR_RETURN(value,
                             ResourceValue(in.pod, nullptr, file.resource_field_ref(), in.places));
    } else {
      SKIFF_ASSIGN_OR_RETURN(value, FieldValue(in.pod, file.field_ref().field_path(), in.places));
    }
    (*out)[file.path()] = {std::move(value),
                           file.has_mode() ? static_cast<mode_t>(file.mode()) : mode};
  }
  return absl::OkStatus();
}

absl::Status AddProjection(const Context& in, const std::string& volume,
                           const corev1::VolumeProjection& source, mode_t mode, VolumeFiles* out) {
  if (source.has_config_map()) {
    return AddEntries(in, "configmaps", source.config_map().local_object_reference().name(),
                      source.config_map(), mode, out);
  }
  if (source.has_secret()) {
    return AddEntries(in, "secrets", source.secret().local_object_reference().name(),
                      source.secret(), mode, out);
  }
  if (source.has_downward_api()) return AddFields(in, source.downward_api(), mode, out);
  const char* name = source.has_service_account_token()  ? "serviceAccountToken"
                     : source.has_cluster_trust_bundle() ? "clusterTrustBundle"
                                                         : "podCertificate";
  return absl::InvalidArgumentError(
      absl::StrCat("volume ", volume, ": a projected ", name,
                   " is not supported by this node: use configMap, secret or downwardAPI"));
}

// The files of a volume that follows objects; nothing if it is another kind of volume.
absl::StatusOr<std::optional<VolumeFiles>> FilesOf(const Context& in,
                                                   const corev1::Volume& volume) {
  const corev1::VolumeSource& source = volume.volume_source();
  const auto mode_of = [](const auto& with) {
    return static_cast<mode_t>(with.has_default_mode() ? with.default_mode() : 0644);
  };
  VolumeFiles out;
  if (source.has_config_map()) {
    const auto& config = source.config_map();
    SKIFF_RETURN_IF_ERROR(AddEntries(in, "configmaps", config.local_object_reference().name(),
                                     config, mode_of(config), &out));
  } else if (source.has_secret()) {
    const auto& secret = source.secret();
    SKIFF_RETURN_IF_ERROR(
        AddEntries(in, "secrets", secret.secret_name(), secret, mode_of(secret), &out));
  } else if (source.has_downward_api()) {
    SKIFF_RETURN_IF_ERROR(
        AddFields(in, source.downward_api(), mode_of(source.downward_api()), &out));
  } else if (source.has_projected()) {
    for (const corev1::VolumeProjection& part : source.projected().sources()) {
      SKIFF_RETURN_IF_ERROR(
          AddProjection(in, volume.name(), part, mode_of(source.projected()), &out));
    }
  } else {
    return std::optional<VolumeFiles>();
  }
  return std::optional(std::move(out));
}

bool IsTmpfs(const std::string& path) {
  struct statfs info;
  return statfs(path.c_str(), &info) == 0 && info.f_type == TMPFS_MAGIC;
}

// Whether something is mounted on the path.
bool IsMountPoint(const std::string& path) {
  struct stat own;
  struct stat parent;
  if (lstat(path.c_str(), &own) != 0 || stat(absl::StrCat(path, "/..").c_str(), &parent) != 0) {
    return false;
  }
  return own.st_dev != parent.st_dev;
}

absl::Status MakeEmptyDir(const corev1::Volume& volume, const std::string& dir,
                          std::optional<int64_t> group) {
  const corev1::EmptyDirVolumeSource& source = volume.volume_source().empty_dir();
  if (!source.medium().empty() && source.medium() != "Memory") {
    return absl::InvalidArgumentError(
        absl::StrCat("volume ", volume.name(), ": emptyDir.medium \"", source.medium(),
                     "\" is not supported by this node: leave it out or use Memory"));
  }
  SKIFF_RETURN_IF_ERROR(MakeDir(dir, 0777));
  if (source.medium() == "Memory" && !(IsMountPoint(dir) && IsTmpfs(dir))) {
    SKIFF_ASSIGN_OR_RETURN(const api::Quantity limit,
                           api::Quantity::FromProto(source.size_limit()));
    const int64_t size = limit.Value();
    const std::string data = size > 0 ? absl::StrCat("mode=0777,size=", size) : "mode=0777";
    if (mount("tmpfs", dir.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, data.c_str()) != 0) {
      return ErrnoStatus(errno, absl::StrCat("volume ", volume.name(), ": mount a tmpfs"));
    }
  }
  if (!group) return absl::OkStatus();
  if (chown(dir.c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(*group)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("volume ", volume.name(), ": fsGroup ", *group));
  }
  chmod(dir.c_str(), 02777);
  return absl::OkStatus();
}

absl::Status CheckHostPath(const corev1::HostPathVolumeSource& source) {
  const std::string& path = source.path();
  const std::string& type = source.type();
  std::error_code error;
  if (type.empty() || type == "DirectoryOrCreate") {
    if (!fs::exists(path, error)) fs::create_directories(path, error);
    if (error) return ErrnoStatus(error.value(), absl::StrCat("hostPath ", path));
  } else if (type == "FileOrCreate") {
    const UniqueFd made(open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!made.valid()) return ErrnoStatus(errno, absl::StrCat("hostPath ", path));
  }
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return absl::NotFoundError(
        absl::StrCat("hostPath type check failed: ", path, " does not exist on this machine"));
  }
  struct Kind {
    const char* type;
    mode_t format;
    const char* name;
  };
  static constexpr Kind kKinds[] = {{"Directory", S_IFDIR, "directory"},
                                    {"DirectoryOrCreate", S_IFDIR, "directory"},
                                    {"File", S_IFREG, "file"},
                                    {"FileOrCreate", S_IFREG, "file"},
                                    {"Socket", S_IFSOCK, "socket file"},
                                    {"CharDevice", S_IFCHR, "character device"},
                                    {"BlockDevice", S_IFBLK, "block device"}};
  for (const Kind& kind : kKinds) {
    if (type == kind.type && (info.st_mode & S_IFMT) != kind.format) {
      return absl::InvalidArgumentError(
          absl::StrCat("hostPath type check failed: ", path, " is not a ", kind.name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MakeVolume(const Context& in, const corev1::Volume& volume) {
  const corev1::VolumeSource& source = volume.volume_source();
  const std::string dir = absl::StrCat(in.places.volumes_dir, "/", volume.name());
  if (in.places.volumes_dir.empty()) {
    SKIFF_RETURN_IF_ERROR(FilesOf(in, volume).status());
    return dir;
  }
  if (source.has_host_path()) {
    SKIFF_RETURN_IF_ERROR(CheckHostPath(source.host_path()));
    return source.host_path().path();
  }
  if (source.has_empty_dir()) {
    SKIFF_RETURN_IF_ERROR(MakeEmptyDir(volume, dir, GroupOf(in.pod)));
    return dir;
  }
  SKIFF_ASSIGN_OR_RETURN(const auto files, FilesOf(in, volume));
  if (!files) {
    return absl::InvalidArgumentError(
        absl::StrCat("volume ", volume.name(),
                     " has a source that this node does not support: use emptyDir, hostPath, "
                     "configMap, secret, downwardAPI or projected"));
  }
  SKIFF_RETURN_IF_ERROR(PublishFiles(dir, *files, GroupOf(in.pod)));
  return dir;
}

// Opens a path inside a directory as if this were the root of everything (openat2(2)).
UniqueFd OpenInside(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(
      syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how)));
}

// A place in a volume; its directories are made.
absl::StatusOr<UniqueFd> OpenSubPath(const std::string& volume, const std::string& sub_path) {
  const UniqueFd root(open(volume.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return ErrnoStatus(errno, volume);
  std::string so_far;
  UniqueFd at = OpenInside(root.get(), "");
  for (const absl::string_view part : absl::StrSplit(sub_path, '/', absl::SkipEmpty())) {
    absl::StrAppend(&so_far, so_far.empty() ? "" : "/", part);
    UniqueFd next = OpenInside(root.get(), so_far);
    if (!next.valid() && errno == ENOENT) {
      if (mkdirat(at.get(), std::string(part).c_str(), 0755) != 0 && errno != EEXIST) {
        return ErrnoStatus(errno, absl::StrCat("make subPath \"", sub_path, "\""));
      }
      next = OpenInside(root.get(), so_far);
    }
    if (!next.valid()) return ErrnoStatus(errno, absl::StrCat("subPath \"", sub_path, "\""));
    at = std::move(next);
  }
  return at;
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> MakeVolumes(const corev1::Pod& pod,
                                                               const PodPlaces& places,
                                                               const References& references) {
  std::map<std::string, std::string> out;
  // For no one but root and the pod: there are Secrets in it.
  if (!places.volumes_dir.empty()) SKIFF_RETURN_IF_ERROR(MakeDir(places.volumes_dir, 0700));
  for (const corev1::Volume& volume : pod.spec().volumes()) {
    SKIFF_ASSIGN_OR_RETURN(out[volume.name()], MakeVolume({pod, places, references}, volume));
  }
  return out;
}

absl::Status UpdateVolumes(const corev1::Pod& pod, const PodPlaces& places,
                           const References& references) {
  absl::Status result;
  if (places.volumes_dir.empty()) return result;
  for (const corev1::Volume& volume : pod.spec().volumes()) {
    const std::string dir = absl::StrCat(places.volumes_dir, "/", volume.name());
    if (access(dir.c_str(), F_OK) != 0) continue;  // Not made yet.
    const auto files = FilesOf({pod, places, references}, volume);
    result.Update(files.status());
    if (files.ok() && *files) result.Update(PublishFiles(dir, **files, GroupOf(pod)));
  }
  return result;
}

std::vector<std::string> VolumeReferencesOf(const corev1::PodSpec& spec) {
  std::set<std::string> out;
  const auto config = [&](const auto& source) {
    out.insert("configmaps/" + source.local_object_reference().name());
  };
  for (const corev1::Volume& volume : spec.volumes()) {
    const auto& source = volume.volume_source();
    if (source.has_config_map()) config(source.config_map());
    if (source.has_secret()) out.insert("secrets/" + source.secret().secret_name());
    for (const corev1::VolumeProjection& part : source.projected().sources()) {
      if (part.has_config_map()) config(part.config_map());
      if (part.has_secret()) {
        out.insert("secrets/" + part.secret().local_object_reference().name());
      }
    }
  }
  return {out.begin(), out.end()};
}

bool ShowsPodFields(const corev1::PodSpec& spec) {
  for (const corev1::Volume& volume : spec.volumes()) {
    const auto& source = volume.volume_source();
    if (source.has_downward_api()) return true;
    for (const corev1::VolumeProjection& part : source.projected().sources()) {
      if (part.has_downward_api()) return true;
    }
  }
  return false;
}

absl::Status RemoveVolumes(const std::string& dir) {
  SKIFF_RETURN_IF_ERROR(RemoveStaging(dir));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (entry.is_symlink() || !IsMountPoint(entry.path())) continue;
    if (umount2(entry.path().c_str(), UMOUNT_NOFOLLOW) != 0 &&
        umount2(entry.path().c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) != 0) {
      return ErrnoStatus(errno, absl::StrCat("unmount ", entry.path().string()));
    }
  }
  error.clear();
  fs::remove_all(dir, error);
  return error ? ErrnoStatus(error.value(), dir) : absl::OkStatus();
}

absl::Status StageSubPath(const std::string& volume, const std::string& sub_path,
                          const std::string& staging) {
  if (!CheckVolumePath(sub_path).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("subPath \"", sub_path, "\" must be relative, without '..'"));
  }
  SKIFF_ASSIGN_OR_RETURN(const UniqueFd place, OpenSubPath(volume, sub_path));
  struct stat info;
  if (fstat(place.get(), &info) != 0) return ErrnoStatus(errno, sub_path);
  std::error_code error;
  fs::create_directories(fs::path(staging).parent_path(), error);
  if (S_ISDIR(info.st_mode)) {
    SKIFF_RETURN_IF_ERROR(MakeDir(staging, 0700));
  } else if (!UniqueFd(open(staging.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600)).valid()) {
    return ErrnoStatus(errno, staging);
  }
  const std::string source = absl::StrCat("/proc/self/fd/", place.get());
  if (mount(source.c_str(), staging.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return ErrnoStatus(errno, absl::StrCat("mount subPath \"", sub_path, "\""));
  }
  return absl::OkStatus();
}

std::string StagingDir(const std::string& volumes_dir) {
  return absl::StrCat(volumes_dir, "/..staged");  // No volume's name begins with a dot.
}

absl::Status RemoveStaging(const std::string& volumes_dir) {
  const std::string dir = StagingDir(volumes_dir);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    // Not a mount any more: EINVAL.
    while (umount2(entry.path().c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0) {
    }
    if (errno != EINVAL) {
      return ErrnoStatus(errno, absl::StrCat("unmount ", entry.path().string()));
    }
  }
  error.clear();
  fs::remove_all(dir, error);
  return error ? ErrnoStatus(error.value(), dir) : absl::OkStatus();
}

}  // namespace skiff::node
