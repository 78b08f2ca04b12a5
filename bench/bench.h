// What a benchmark gives: figures, its peer's where it has one, and the ratio (above 1: we are
// ahead).
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
};

absl::StatusOr<Result> Boot();
absl::StatusOr<Result> JobLatency();
absl::StatusOr<Result> Idle();
absl::StatusOr<Result> ApiCreate();

// The value below which `part` (0 to 1) of the samples lie.
double Quantile(std::vector<double> samples, double part);
double Milliseconds(const std::function<void()>& work);
// A directory that goes with this object.
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

}  // namespace skiff::bench
