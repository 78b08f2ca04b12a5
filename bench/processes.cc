#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "base/mutex.h"
#include "bench/bench.h"

extern char** environ;

namespace skiff::bench {
namespace {

constexpr long kTmpfsMagic = 0x01021994;  // statfs(2)

// What is to go when a signal ends the program.
struct Held {
  Mutex mutex;
  std::set<int> children ABSL_GUARDED_BY(mutex);
  std::set<std::string> directories ABSL_GUARDED_BY(mutex);
};
Held& All() {
  static auto* held = new Held();
  return *held;
}

void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

double Quantile(std::vector<double> samples, double part) {
  std::sort(samples.begin(), samples.end());
  return samples.at(std::min(samples.size() - 1, static_cast<size_t>(part * samples.size())));
}

double Milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

Scratch::Scratch() {
  struct statfs info {};
  const bool in_memory = statfs("/tmp", &info) == 0 && info.f_type == kTmpfsMagic;
  std::string pattern = in_memory ? "/var/tmp/skiff-bench-XXXXXX" : "/tmp/skiff-bench-XXXXXX";
  const MutexLock lock(&All().mutex);
  path_ = mkdtemp(pattern.data());
  All().directories.insert(path_);
}
Scratch::~Scratch() {
  Remove(path_);
  const MutexLock lock(&All().mutex);
  All().directories.erase(path_);
}

int Spawn(const std::vector<std::string>& argv, const std::string& log) {
  // However this program ends, the child does not stay behind.
  static constexpr const char* kDieWithParent[] = {"setpriv", "--pdeathsig", "KILL", "--"};
  std::vector<char*> words;
  for (const char* word : kDieWithParent) words.push_back(const_cast<char*>(word));
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // The signals that this program waits for are blocked here, not there.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const MutexLock lock(&All().mutex);
  if (posix_spawnp(&pid, words[0], &actions, &attributes, words.data(), environ) != 0) pid = -1;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (pid > 0) All().children.insert(pid);
  return pid;
}

void End(int pid) {
  if (pid <= 0) return;
  kill(pid, SIGTERM);
  waitpid(pid, nullptr, 0);
  const MutexLock lock(&All().mutex);
  All().children.erase(pid);
}

void CleanUpOnSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    // Held to the end: nothing new is made any more.
    const MutexLock lock(&All().mutex);
    for (const int pid : All().children) kill(pid, SIGKILL);
    for (const int pid : All().children) waitpid(pid, nullptr, 0);
    for (const std::string& path : All().directories) Remove(path);
    _exit(128 + signal);
  }).detach();
}

}  // namespace skiff::bench
