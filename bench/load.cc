#include "bench/load.h"

#include "absl/strings/str_cat.h"
#include "base/rng.h"

namespace skiff::bench {

ClosedLoop::ClosedLoop(int clients, Limits limits, Request request)
    : limits_(limits), request_(std::move(request)), clients_(static_cast<size_t>(clients)) {}

void ClosedLoop::Start() {
  begin_ = end_ = Clock::now();
  running_ = static_cast<int>(clients_.size());
  for (int client = 0; client < static_cast<int>(clients_.size()); ++client) Ask(client);
}

void ClosedLoop::Ask(int client) {
  Client& self = clients_[static_cast<size_t>(client)];
  self.asked = Clock::now();
  const bool late = limits_.seconds > 0 &&
                    std::chrono::duration<double>(self.asked - begin_).count() > limits_.seconds;
  const bool enough = limits_.requests > 0 && asked_ >= limits_.requests;
  if (!late && !enough && failed_ == 0) {
    ++asked_;
    request_(client, self.number++, [this, client](bool ok) { Answered(client, ok); });
    return;
  }
  if (--running_ > 0) return;
  finished_ = true;
  done_.Notify();
}

void ClosedLoop::Answered(int client, bool ok) {
  end_ = Clock::now();
  if (!ok) ++failed_;
  const Client& self = clients_[static_cast<size_t>(client)];
  latencies_ms_.push_back(std::chrono::duration<double, std::milli>(end_ - self.asked).count());
  Ask(client);
}

absl::StatusOr<Figures> ClosedLoop::Result() const {
  if (failed_ > 0) return absl::InternalError(absl::StrCat(failed_, " requests failed"));
  Figures figures;
  if (latencies_ms_.empty()) return figures;
  figures.per_second = static_cast<double>(latencies_ms_.size()) /
                       std::chrono::duration<double>(end_ - begin_).count();
  figures.p50_ms = Quantile(latencies_ms_, 0.5);
  figures.p99_ms = Quantile(latencies_ms_, 0.99);
  return figures;
}

std::string Value(int64_t number) {
  constexpr size_t kSize = 1024;
  constexpr size_t kValues = 1021;  // A prime: numbers that go in steps still meet all of them.
  static const std::string* const all = [] {
    Rng rng(1);
    auto* out = new std::string();
    while (out->size() < kSize * kValues) {
      out->push_back(
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[rng.Below(62)]);
    }
    return out;
  }();
  return all->substr(static_cast<size_t>(number) % kValues * kSize, kSize);
}

Figures Median(const std::vector<Figures>& rounds) {
  const auto of = [&rounds](double Figures::*figure) {
    std::vector<double> samples;
    for (const Figures& round : rounds) samples.push_back(round.*figure);
    return Quantile(samples, 0.5);
  };
  return {of(&Figures::per_second), of(&Figures::p50_ms), of(&Figures::p99_ms)};
}

void Add(const std::string& name, const Figures& figures, std::map<std::string, double>* to) {
  (*to)[name + "_per_second"] = figures.per_second;
  (*to)[name + "_p50_ms"] = figures.p50_ms;
  (*to)[name + "_p99_ms"] = figures.p99_ms;
}

}  // namespace skiff::bench
