// What a benchmark is asked and gives: figures, its peer's where it has one, and the ratio (above
// 1: we are ahead); and the directories and processes it uses, which go with whoever made them and,
// where a signal ends the program, with the program.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace skiff::bench {

struct Result {
  std::map<std::string, double> figures;
  std::string peer_name;  // Empty: no peer.
  std::map<std::string, double> peer;
  double ratio = 0;  // 0: none.
  // Where one says too little.
  std::map<std::string, double> ratios;
};

struct Options {
  int members = 1;         // Of the peer's cluster, and of ours where it is served over a network.
  int64_t keys = 100'000;  // store-size; the largest of store-growth.
  double seconds = 1;      // Of one load in one round.
  int rounds = 5;
};

absl::StatusOr<Result> Boot();
absl::StatusOr<Result> JobLatency();
absl::StatusOr<Result> Idle();
absl::StatusOr<Result> ApiCreate();
absl::StatusOr<Result> StorePut(const Options& options);
absl::StatusOr<Result> StoreRead(const Options& options);
absl::StatusOr<Result> StoreWatch(const Options& options);
absl::StatusOr<Result> StoreSize(const Options& options);
absl::StatusOr<Result> StoreGrowth(const Options& options);
absl::StatusOr<Result> Failover(const Options& options);
absl::StatusOr<Result> SimHour();
absl::StatusOr<Result> Restore();

// The value below which `part` (0 to 1) of the samples lie.
double Quantile(std::vector<double> samples, double part);
double Milliseconds(const std::function<void()>& work);
// A directory on a real disk that goes with this object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};
// Starts a program with its output in `log`; its pid.
int Spawn(const std::vector<std::string>& argv, const std::string& log);
// SIGTERM, and waits.
void End(int pid);
// From now on SIGINT, SIGTERM and SIGHUP end what was spawned and remove what is scratch before
// they end this program. Before any thread is started.
void CleanUpOnSignals();

}  // namespace skiff::bench
