// Clients that each have one request under way until time is up, or until enough was asked for.
//
// Threads: Start, and whatever the requests' answers call, on one thread; the rest on any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/notification.h"
#include "bench/bench.h"

namespace skiff::bench {

using Done = std::function<void(bool ok)>;
// Asks; `done` is called once, later. Numbers count each client's requests.
using Request = std::function<void(int client, int64_t number, Done done)>;

struct Figures {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

class ClosedLoop {
 public:
  struct Limits {
    double seconds = 0;    // 0: none.
    int64_t requests = 0;  // 0: none.
  };
  ClosedLoop(int clients, Limits limits, Request request);

  void Start();
  bool finished() const { return finished_; }
  void Wait() const { done_.WaitForNotification(); }
  // Once it is finished.
  absl::StatusOr<Figures> Result() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    int64_t number = 0;
    Clock::time_point asked;
  };
  void Ask(int client);
  void Answered(int client, bool ok);

  const Limits limits_;
  const Request request_;
  std::vector<Client> clients_;
  Clock::time_point begin_;
  Clock::time_point end_;
  int64_t asked_ = 0;
  int64_t failed_ = 0;
  int running_ = 0;
  std::vector<double> latencies_ms_;
  std::atomic<bool> finished_ = false;
  Notification done_;
};

// 1 KiB of letters and digits that does not compress; another number, another value.
std::string Value(int64_t number);

// Rounds of the same load: each figure's median.
Figures Median(const std::vector<Figures>& rounds);
// Puts it under "<name>_per_second", "<name>_p50_ms" and "<name>_p99_ms".
void Add(const std::string& name, const Figures& figures, std::map<std::string, double>* to);

}  // namespace skiff::bench
