// Puts and reads of 1 KiB values by few and many clients: the store in this process, the API server
// over HTTP, and etcd over gRPC, in turns; each figure is the median of the rounds'.
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/bench.h"
#include "bench/etcd_client.h"
#include "bench/http_client.h"
#include "bench/in_process.h"
#include "bench/servers.h"

namespace skiff::bench {
namespace {

constexpr int kClients[] = {1, 64, 512};
constexpr int kMostClients = 512;
constexpr int kKeysPerClient = 16;  // Each client's own: it replaces them in turn.
constexpr int kKeys = kMostClients * kKeysPerClient;
constexpr int kEtcdConnections = kMostClients;
constexpr char kMaps[] = "/api/v1/namespaces/default/configmaps";

std::string Name(int64_t key) { return absl::StrCat("m-", key); }
std::string NameOf(int client, int64_t number) {
  return Name(client * kKeysPerClient + number % kKeysPerClient);
}
bool IsSuccess(int status) { return status >= 200 && status < 300; }

// Runs a load on connections that this thread serves.
absl::StatusOr<Figures> RunOn(Sockets* sockets, int clients, ClosedLoop::Limits limits,
                              Request request) {
  ClosedLoop loop(clients, limits, std::move(request));
  loop.Start();
  SKIFF_RETURN_IF_ERROR(sockets->RunUntil([&loop] { return loop.finished(); }));
  return loop.Result();
}

// `ask` for the first keys, each once.
Request EachKey(std::function<void(int client, int64_t key, Done done)> ask) {
  return [ask = std::move(ask), next = int64_t{0}](int client, int64_t, Done done) mutable {
    ask(client, next++, std::move(done));
  };
}

// Everything that is measured, filled with the same keys.
struct Bed {
  Scratch scratch;
  std::unique_ptr<InProcess> store;  // Null with several members.
  std::unique_ptr<Servers> skiff;
  std::unique_ptr<Servers> etcd;
  Sockets to_skiff;
  Sockets to_etcd;
  std::unique_ptr<HttpClient> http;
  std::unique_ptr<EtcdClient> grpc;
  int64_t values = 0;  // Puts take the next: a replacement that changes nothing is not written.
};

absl::Status Open(const Options& options, Bed* bed) {
  const ClosedLoop::Limits all{0, kKeys};
  SKIFF_ASSIGN_OR_RETURN(bed->etcd,
                         Servers::StartEtcd(bed->scratch.path() + "/etcd", options.members));
  bed->grpc = std::make_unique<EtcdClient>(&bed->to_etcd, bed->etcd->ports(), kEtcdConnections);
  SKIFF_RETURN_IF_ERROR(
      RunOn(&bed->to_etcd, kMostClients, all, EachKey([bed](int client, int64_t key, Done done) {
        bed->grpc->Put(client, Name(key), Value(key), std::move(done));
      })).status());
  if (options.members == 1) {
    SKIFF_ASSIGN_OR_RETURN(bed->store, InProcess::Open(bed->scratch.path() + "/store"));
    SKIFF_RETURN_IF_ERROR(bed->store
                              ->Run(kMostClients, all, EachKey([bed](int, int64_t key, Done done) {
                                      bed->store->Put(Name(key), Value(key), std::move(done));
                                    }))
                              .status());
  }
  SKIFF_ASSIGN_OR_RETURN(bed->skiff,
                         Servers::StartSkiff(bed->scratch.path() + "/skiff", options.members));
  bed->http = std::make_unique<HttpClient>(&bed->to_skiff, bed->skiff->ports(), kMostClients);
  return RunOn(&bed->to_skiff, kMostClients, all,
               EachKey([bed](int client, int64_t key, Done done) {
                 bed->http->Ask(client, "POST", kMaps, ConfigMapJson(Name(key), Value(key)),
                                [done](int status, absl::string_view) { done(IsSuccess(status)); });
               }))
      .status();
}

absl::StatusOr<Figures> HttpPuts(Bed* bed, int clients, ClosedLoop::Limits limits) {
  return RunOn(&bed->to_skiff, clients, limits, [bed](int client, int64_t number, Done done) {
    const std::string name = NameOf(client, number);
    bed->http->Ask(client, "PUT", absl::StrCat(kMaps, "/", name),
                   ConfigMapJson(name, Value(++bed->values)),
                   [done](int status, absl::string_view) { done(IsSuccess(status)); });
  });
}

absl::StatusOr<Figures> EtcdPuts(Bed* bed, int clients, ClosedLoop::Limits limits) {
  return RunOn(&bed->to_etcd, clients, limits, [bed](int client, int64_t number, Done done) {
    bed->grpc->Put(client, NameOf(client, number), Value(++bed->values), std::move(done));
  });
}

absl::StatusOr<Figures> InProcessPuts(Bed* bed, int clients, ClosedLoop::Limits limits) {
  return bed->store->Run(clients, limits, [bed](int client, int64_t number, Done done) {
    bed->store->Put(NameOf(client, number), Value(++bed->values), std::move(done));
  });
}

absl::StatusOr<Figures> HttpReads(Bed* bed, int clients, ClosedLoop::Limits limits, bool stale) {
  return RunOn(
      &bed->to_skiff, clients, limits, [bed, stale](int client, int64_t number, Done done) {
        bed->http->Ask(
            client, "GET",
            absl::StrCat(kMaps, "/", NameOf(client, number), stale ? "?resourceVersion=0" : ""), "",
            [done](int status, absl::string_view) { done(IsSuccess(status)); });
      });
}

absl::StatusOr<Figures> EtcdReads(Bed* bed, int clients, ClosedLoop::Limits limits, bool stale) {
  return RunOn(&bed->to_etcd, clients, limits, [bed, stale](int client, int64_t number, Done done) {
    bed->grpc->Get(client, NameOf(client, number), stale, std::move(done));
  });
}

// One thread that takes the present state and looks a key up, again and again.
double InProcessReads(Bed* bed, double seconds) {
  std::vector<std::string> keys;
  for (int key = 0; key < kKeys; ++key) keys.push_back(MapKey(Name(key)));
  const auto begin = std::chrono::steady_clock::now();
  int64_t reads = 0;
  int64_t found = 0;
  double passed = 0;
  while (passed < seconds) {
    for (int i = 0; i < 100; ++i, ++reads) {
      const size_t key = static_cast<size_t>(reads * 7919) % keys.size();
      if (bed->store->store()->snapshot()->Get(keys[key]) != nullptr) ++found;
    }
    passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  return static_cast<double>(found) / passed;
}

using Rounds = std::map<std::string, std::vector<Figures>>;

// Medians, and how `name` compares to the peer with as many clients, round by round.
void Report(const Rounds& ours, const Rounds& theirs, Result* result) {
  result->peer_name = "etcd";
  for (const auto& [name, rounds] : theirs) Add(name, Median(rounds), &result->peer);
  for (const auto& [name, rounds] : ours) {
    Add(name, Median(rounds), &result->figures);
    // "http_512" is beside "512".
    for (const auto& [peer_name, peer_rounds] : theirs) {
      if (!absl::EndsWith(name, "_" + peer_name)) continue;
      std::vector<double> rate;
      std::vector<double> p99;
      for (size_t i = 0; i < rounds.size(); ++i) {
        rate.push_back(rounds[i].per_second / peer_rounds[i].per_second);
        p99.push_back(peer_rounds[i].p99_ms / rounds[i].p99_ms);
      }
      result->ratios[name + "_per_second"] = Quantile(rate, 0.5);
      result->ratios[name + "_p99"] = Quantile(p99, 0.5);
    }
  }
}

}  // namespace

absl::StatusOr<Result> StorePut(const Options& options) {
  Bed bed;
  SKIFF_RETURN_IF_ERROR(Open(options, &bed));
  Rounds ours;
  Rounds theirs;
  const ClosedLoop::Limits limits{options.seconds, 0};
  for (int round = 0; round < options.rounds; ++round) {
    for (const int clients : kClients) {
      const std::string name = absl::StrCat(clients);
      SKIFF_ASSIGN_OR_RETURN(theirs[name].emplace_back(), EtcdPuts(&bed, clients, limits));
      SKIFF_ASSIGN_OR_RETURN(ours["http_" + name].emplace_back(), HttpPuts(&bed, clients, limits));
      if (bed.store == nullptr) continue;
      SKIFF_ASSIGN_OR_RETURN(ours["in_process_" + name].emplace_back(),
                             InProcessPuts(&bed, clients, limits));
    }
  }
  Result result;
  Report(ours, theirs, &result);
  result.ratio = result.ratios["http_512_per_second"];
  return result;
}

absl::StatusOr<Result> StoreRead(const Options& options) {
  Bed bed;
  SKIFF_RETURN_IF_ERROR(Open(options, &bed));
  Rounds ours;
  Rounds theirs;
  std::vector<double> in_process;
  const ClosedLoop::Limits limits{options.seconds, 0};
  for (int round = 0; round < options.rounds; ++round) {
    for (const int clients : kClients) {
      for (const bool stale : {true, false}) {
        const std::string name = absl::StrCat(stale ? "stale_" : "linearizable_", clients);
        SKIFF_ASSIGN_OR_RETURN(theirs[name].emplace_back(),
                               EtcdReads(&bed, clients, limits, stale));
        SKIFF_ASSIGN_OR_RETURN(ours["http_" + name].emplace_back(),
                               HttpReads(&bed, clients, limits, stale));
      }
    }
    if (bed.store != nullptr) in_process.push_back(InProcessReads(&bed, options.seconds));
  }
  Result result;
  Report(ours, theirs, &result);
  if (bed.store != nullptr) {
    // A lone member's published state holds every acknowledged write: stale is linearizable.
    result.figures["in_process_one_thread_per_second"] = Quantile(in_process, 0.5);
  }
  result.ratio = result.ratios["http_linearizable_512_per_second"];
  return result;
}

}  // namespace skiff::bench
