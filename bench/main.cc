// skiff-bench --list | NAME [--json] [--members N] [--keys N] [--seconds S] [--rounds N]
#include <cstring>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/bench.h"

namespace skiff::bench {
namespace {

struct Bench {
  const char* name;
  const char* what;
  absl::StatusOr<Result> (*run)(const Options& options);
};
template <absl::StatusOr<Result> (*kRun)()>
absl::StatusOr<Result> Always(const Options&) {
  return kRun();
}
constexpr Bench kBenches[] = {
    {"boot", "a cluster opened, ready, closed", &Always<&Boot>},
    {"job-latency", "a Job created until it is Complete, beside crun", &Always<&JobLatency>},
    {"idle", "memory, CPU and wake-ups of skiff dev without pods", &Always<&Idle>},
    {"api-create", "pods created a second by 8 clients, beside etcd's puts", &Always<&ApiCreate>},
    {"store-put", "durable puts a second, in process and over HTTP, beside etcd", &StorePut},
    {"store-read", "reads a second, stale and linearizable, beside etcd", &StoreRead},
    {"store-watch", "from a put to its event, beside etcd", &StoreWatch},
    {"store-size", "memory, disk and restart with many keys, beside etcd", &StoreSize},
    {"store-growth", "a write's cost and an object's memory as the store grows", &StoreGrowth},
    {"failover", "the leader of three killed, until the next write is acknowledged", &Failover},
    {"sim-hour", "an hour of 3 members and 100 nodes in virtual time", &Always<&SimHour>},
    {"restore", "a cluster of pods brought back to a saved state", &Always<&Restore>},
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
    if (!result.ratios.empty()) std::cout << ",\"ratios\":" << Object(result.ratios);
    std::cout << "}\n";
    return;
  }
  for (const auto& [name, value] : result.figures) std::cout << name << "  " << value << "\n";
  for (const auto& [name, value] : result.peer) {
    std::cout << result.peer_name << " " << name << "  " << value << "\n";
  }
  for (const auto& [name, value] : result.ratios) {
    std::cout << "ratio " << name << "  " << value << "\n";
  }
  if (result.ratio > 0) std::cout << "ratio  " << result.ratio << "\n";
}

// Takes `word` and the value after it; whether it is an option at all.
bool TakeOption(const char* word, const char* value, Options* options) {
  const bool known =
      std::strcmp(word, "--members") == 0   ? absl::SimpleAtoi(value, &options->members)
      : std::strcmp(word, "--keys") == 0    ? absl::SimpleAtoi(value, &options->keys)
      : std::strcmp(word, "--seconds") == 0 ? absl::SimpleAtod(value, &options->seconds)
      : std::strcmp(word, "--rounds") == 0  ? absl::SimpleAtoi(value, &options->rounds)
                                            : false;
  return known && options->members > 0 && options->keys > 0 && options->seconds > 0 &&
         options->rounds > 0;
}

}  // namespace
}  // namespace skiff::bench

int main(int argc, char** argv) {
  using skiff::bench::kBenches;
  skiff::bench::CleanUpOnSignals();
  std::string name;
  skiff::bench::Options options;
  bool json = false;
  bool usage = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--list") {
      for (const auto& bench : kBenches) std::cout << bench.name << "  " << bench.what << "\n";
      return 0;
    }
    if (word == "--json") {
      json = true;
    } else if (word[0] != '-') {
      name = word;
    } else if (i + 1 == argc || !skiff::bench::TakeOption(argv[i], argv[i + 1], &options)) {
      usage = true;
    } else {
      ++i;
    }
  }
  for (const auto& bench : kBenches) {
    if (usage || name != bench.name) continue;
    const auto result = bench.run(options);
    if (!result.ok()) {
      std::cerr << "error: " << std::string(result.status().message()) << "\n";
      return 1;
    }
    skiff::bench::Print(bench, *result, json);
    return 0;
  }
  std::cerr << "usage: skiff-bench --list | NAME [--json] [--members N] [--keys N] [--seconds S] "
               "[--rounds N]\n";
  return 2;
}
