// The leader of three members is killed: how long until another has acknowledged a write.
#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/bench.h"
#include "bench/http_client.h"
#include "bench/servers.h"

namespace skiff::bench {
namespace {

constexpr int kMembers = 3;
constexpr int kKillsEachRound = 4;
constexpr char kMaps[] = "/api/v1/namespaces/default/configmaps";

// Asks one member until it acknowledges; the milliseconds it took.
absl::StatusOr<double> FirstWrite(int port, const std::string& name) {
  Sockets sockets;
  HttpClient client(&sockets, {port}, 1);
  const auto begin = std::chrono::steady_clock::now();
  for (int status = 0; status != 201;) {
    status = 0;
    client.Ask(0, "POST", kMaps, ConfigMapJson(name, "x"),
               [&status](int answer, absl::string_view) { status = answer; });
    SKIFF_RETURN_IF_ERROR(sockets.RunUntil([&status] { return status != 0; }));
  }
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

}  // namespace

absl::StatusOr<Result> Failover(const Options& options) {
  const Scratch scratch;
  SKIFF_ASSIGN_OR_RETURN(const auto servers,
                         Servers::StartSkiff(scratch.path() + "/skiff", kMembers));
  std::vector<double> took;
  for (int kill = 0; kill < options.rounds * kKillsEachRound; ++kill) {
    int leader = -1;
    while (leader < 0) leader = servers->Leader();
    const int other = (leader + 1) % kMembers;
    servers->Kill(leader);
    SKIFF_ASSIGN_OR_RETURN(const double ms, FirstWrite(servers->ports()[static_cast<size_t>(other)],
                                                       absl::StrCat("after-", kill)));
    took.push_back(ms);
    SKIFF_RETURN_IF_ERROR(servers->Restart(leader));
  }
  Result result;
  result.figures["kills"] = static_cast<double>(took.size());
  result.figures["p50_ms"] = Quantile(took, 0.5);
  result.figures["p99_ms"] = Quantile(took, 0.99);
  return result;
}

}  // namespace skiff::bench
