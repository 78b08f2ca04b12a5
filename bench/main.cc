// skiff-bench --list | NAME [--json]
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "bench/bench.h"

extern char** environ;

namespace skiff::bench {

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
  std::string pattern = "/tmp/skiff-bench-XXXXXX";
  path_ = mkdtemp(pattern.data());
}
Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int Spawn(const std::vector<std::string>& argv, const std::string& log) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

void End(int pid) {
  kill(pid, SIGTERM);
  waitpid(pid, nullptr, 0);
}

namespace {

struct Bench {
  const char* name;
  const char* what;
  absl::StatusOr<Result> (*run)();
};
constexpr Bench kBenches[] = {
    {"boot", "a cluster opened, ready, closed", &Boot},
    {"job-latency", "a Job created until it is Complete, beside crun", &JobLatency},
    {"idle", "memory, CPU and wake-ups of skiff dev without pods", &Idle},
    {"api-create", "pods created a second by 8 clients, beside etcd's puts", &ApiCreate},
};

std::string Object(const std::map<std::string, double>& values) {
  std::string out = "{";
  for (const auto& [name, value] : values) {
    absl::StrAppend(&out, out.size() > 1 ? "," : "", "\"", name, "\":", value);
  }
  return out + "}";
}

void Print(const Bench& bench, const Result& result, bool json) {
  if (json) {
    std::cout << "{\"name\":\"" << bench.name << "\",\"figures\":" << Object(result.figures)
              << ",\"peer\":";
    if (result.peer_name.empty()) {
      std::cout << "null";
    } else {
      std::cout << "{\"name\":\"" << result.peer_name << "\",\"figures\":" << Object(result.peer)
                << "}";
    }
    std::cout << ",\"ratio\":";
    result.ratio > 0 ? std::cout << result.ratio : std::cout << "null";
    std::cout << "}\n";
    return;
  }
  for (const auto& [name, value] : result.figures) std::cout << name << "  " << value << "\n";
  for (const auto& [name, value] : result.peer) {
    std::cout << result.peer_name << " " << name << "  " << value << "\n";
  }
  if (result.ratio > 0) std::cout << "ratio  " << result.ratio << "\n";
}

}  // namespace
}  // namespace skiff::bench

int main(int argc, char** argv) {
  using skiff::bench::kBenches;
  std::string name;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") json = true;
    if (word == "--list") {
      for (const auto& bench : kBenches) std::cout << bench.name << "  " << bench.what << "\n";
      return 0;
    }
    if (word[0] != '-') name = word;
  }
  for (const auto& bench : kBenches) {
    if (name != bench.name) continue;
    const auto result = bench.run();
    if (!result.ok()) {
      std::cerr << "error: " << std::string(result.status().message()) << "\n";
      return 1;
    }
    Print(bench, *result, json);
    return 0;
  }
  std::cerr << "usage: skiff-bench --list | NAME [--json]\n";
  return 2;
}
