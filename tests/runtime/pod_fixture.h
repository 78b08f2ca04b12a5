// A machine for tests of real pods: an image made of busybox, a SandboxRuntime, and a check at the
// end that nothing of it is left: no process, cgroup, mount or file.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "base/uv_executor.h"
#include "runtime/image/digest.h"
#include "runtime/image/image_store.h"
#include "runtime/linux/sandbox_runtime.h"
#include "tests/runtime/tar.h"

namespace skiff::runtime {

// By read(2), for a process may end while its file in /proc is read.
inline std::string ReadText(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char part[65536];
  for (ssize_t n; fd.valid() && (n = read(fd.get(), part, sizeof part)) > 0;) {
    out.append(part, static_cast<size_t>(n));
  }
  return out;
}

inline std::vector<TarEntry> BusyboxFiles() {
  std::vector<TarEntry> files = {
      {"bin/", ""},
      {"etc/", ""},
      {"tmp/", "", "", 01777},
      {"bin/busybox", ReadText("/bin/busybox")},
      {"etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:1234:77:web:/srv:/bin/sh\n", "", 0644},
      {"etc/group", "root:x:0:\nweb:x:77:\nextra:x:99:web\n", "", 0644}};
  for (const char* name :
       {"sh",   "cat",      "echo",   "sleep",    "mount", "unshare", "id",    "ls",
        "dd",   "tail",     "mknod",  "hostname", "true",  "kill",    "chmod", "cp",
        "ip",   "readlink", "pwd",    "env",      "touch", "mkdir",   "ps",    "grep",
        "head", "umount",   "printf", "sysctl",   "stat"}) {
    files.push_back({absl::StrCat("bin/", name), "", "busybox"});
  }
  return files;
}

// A `docker save` archive of one layer.
inline std::string MakeArchive(const std::string& reference, const std::vector<TarEntry>& files,
                               const std::string& config = "") {
  const std::string layer = MakeTar(files);
  const std::string whole =
      absl::StrCat(R"({"config":{)", config, R"(},"rootfs":{"type":"layers","diff_ids":[")",
                   DigestOf(layer), R"("]}})");
  return MakeTar({{"0/layer.tar", layer},
                  {"config.json", whole},
                  {"manifest.json", absl::StrCat(R"([{"Config":"config.json","RepoTags":[")",
                                                 reference, R"("],"Layers":["0/layer.tar"]}])")}});
}

inline bool IsRoot() {
  if (geteuid() == 0 && access("/bin/busybox", X_OK) == 0) return true;
  WARN("SKIPPED: tests of real pods need root and /bin/busybox (apt install busybox-static)");
  return false;
}

// Every place of the machine where a pod could leave something.
inline std::string Leftovers(const std::string& word) {
  std::string out;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(ReadText("/proc/self/mountinfo"), '\n'))) {
    if (absl::StrContains(line, word)) absl::StrAppend(&out, "mount: ", line, "\n");
  }
  std::error_code error;
  for (const auto& root : std::filesystem::directory_iterator("/sys/fs/cgroup", error)) {
    if (!root.is_directory(error)) continue;
    const std::string group = absl::StrCat(root.path().string(), "/skiff/", word);
    if (access(group.c_str(), F_OK) == 0) absl::StrAppend(&out, "cgroup: ", group, "\n");
  }
  if (access(absl::StrCat("/sys/fs/cgroup/skiff/", word).c_str(), F_OK) == 0) {
    absl::StrAppend(&out, "cgroup: ", word, "\n");
  }
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    const std::string line = ReadText(process.path().string() + "/cmdline");
    if (absl::StrContains(line, word)) absl::StrAppend(&out, "process: ", line, "\n");
  }
  return out;
}

class Machine {
 public:
  // `process`: programs of this machine rather than images.
  explicit Machine(bool process = false)
      : process_(process),
        instance_(absl::StrCat("test-", getpid(), "-", NextNumber())),
        dir_(absl::StrCat(std::filesystem::temp_directory_path().string(), "/skiff-", instance_)),
        loop_("machine") {
    std::filesystem::create_directories(dir_);
    chmod(dir_.c_str(), 0711);
    auto store = ImageStore::Open(dir_ + "/images");
    REQUIRE(store.ok());
    images_ = *std::move(store);
    if (!process) AddImage("busybox:test", BusyboxFiles());
    Open();
  }

  ~Machine() {
    if (runtime_ == nullptr) Open();
    if (const auto pods = runtime_->List(); pods.ok()) {
      for (const PodState& pod : *pods) {
        const absl::Status removed = runtime_->RemovePod(pod.uid);
        CHECK(removed == absl::OkStatus());
      }
    }
    runtime_.reset();
    std::filesystem::remove_all(dir_);
    CHECK(Leftovers(instance_) == "");
  }

  // Also reopens: the manager restarted.
  void Open() {
    runtime_.reset();
    SandboxOptions options;
    options.state_dir = dir_ + "/pods";
    options.instance = instance_;
    options.images = process_ ? nullptr : images_.get();
    options.loop = &loop_;
    options.pool = &pool_;
    auto opened = SandboxRuntime::Open(std::move(options));
    INFO(opened.status().ToString());
    REQUIRE(opened.ok());
    runtime_ = *std::move(opened);
    runtime_->SetListener([this](const std::string&) {
      MutexLock lock(&mutex_);
      ++changes_;
      changed_.NotifyAll();
    });
  }
  void Close() { runtime_.reset(); }

  void AddImage(const std::string& reference, const std::vector<TarEntry>& files,
                const std::string& config = "") {
    const std::string path = dir_ + "/image.tar";
    std::ofstream(path, std::ios::binary) << MakeArchive(reference, files, config);
    const auto loaded = images_->Load(path);
    INFO(loaded.status().ToString());
    REQUIRE(loaded.ok());
    std::filesystem::remove(path);
  }

  PodSpec Pod(const std::string& uid = "pod-1") const {
    PodSpec pod;
    pod.uid = uid;
    pod.name = uid;
    pod.hostname = "box";
    pod.log_dir = absl::StrCat(dir_, "/logs/", uid);
    return pod;
  }

  static ContainerSpec Shell(const std::string& command, const std::string& name = "main") {
    ContainerSpec container;
    container.name = name;
    container.image = "busybox:test";
    container.command = {"/bin/sh", "-c", command};
    return container;
  }

  // Runs nothing but sleep, from the moment when it has started.
  static ContainerSpec Sleeper(const std::string& name = "main") {
    ContainerSpec container = Shell("", name);
    container.command = {"sleep", "1000"};
    return container;
  }

  ContainerState Start(const ContainerSpec& container, const std::string& uid = "pod-1") {
    const auto state = runtime_->StartContainer(uid, container);
    INFO(state.status().ToString());
    REQUIRE(state.ok());
    return *state;
  }

  ContainerState Get(const std::string& name = "main", const std::string& uid = "pod-1") {
    const auto pod = runtime_->State(uid);
    INFO(pod.status().ToString());
    REQUIRE(pod.ok());
    for (const ContainerState& container : pod->containers) {
      if (container.name == name) return container;
    }
    FAIL("no container " << name);
    return {};
  }

  // Waits for the runtime to tell, up to a bound that only a broken machine reaches.
  ContainerState AwaitEnd(const std::string& name = "main", const std::string& uid = "pod-1") {
    for (int i = 0; i < 300; ++i) {
      const ContainerState state = Get(name, uid);
      if (state.phase == ContainerPhase::kExited) return state;
      MutexLock lock(&mutex_);
      const int seen = changes_;
      changed_.AwaitFor(&mutex_, absl::Milliseconds(100),
                        [this, seen]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return changes_ != seen; });
    }
    FAIL("container " << name << " did not end");
    return {};
  }

  // Starts the pod if it is not there, runs the container to its end; what it wrote to the log is
  // Log().
  ContainerState Run(const ContainerSpec& container, const std::string& uid = "pod-1") {
    const auto pod = runtime_->StartPod(Pod(uid));
    INFO(pod.status().ToString());
    REQUIRE(pod.ok());
    Start(container, uid);
    return AwaitEnd(container.name, uid);
  }

  std::string RawLog(const std::string& name = "main", int attempt = 0,
                     const std::string& uid = "pod-1") const {
    return ReadText(absl::StrCat(dir_, "/logs/", uid, "/", name, "/", attempt, ".log"));
  }

  // The text of the log, without times and streams.
  std::string Log(const std::string& name = "main", int attempt = 0,
                  const std::string& uid = "pod-1") const {
    std::string out;
    for (const absl::string_view line :
         absl::StrSplit(RawLog(name, attempt, uid), '\n', absl::SkipEmpty())) {
      const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 3));
      if (parts.size() == 4) absl::StrAppend(&out, parts[3], parts[2] == "F" ? "\n" : "");
    }
    return out;
  }

  SandboxRuntime& runtime() { return *runtime_; }
  const std::string& dir() const { return dir_; }
  const std::string& instance() const { return instance_; }

 private:
  static int NextNumber() {
    static std::atomic<int> next{0};
    return ++next;
  }

  const bool process_;
  const std::string instance_;
  const std::string dir_;
  UvExecutor loop_;
  ThreadPool pool_{1};
  std::unique_ptr<ImageStore> images_;
  std::unique_ptr<SandboxRuntime> runtime_;
  Mutex mutex_;
  CondVar changed_;
  int changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace skiff::runtime
