// What many keys of 1 KiB take: memory, disk, and the time from a start until they are served. And
// what a write and an object cost as their number grows.
#include <gperftools/malloc_extension.h>
#include <sys/resource.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "bench/bench.h"
#include "bench/etcd_client.h"
#include "bench/http_client.h"
#include "bench/in_process.h"
#include "bench/servers.h"

namespace skiff::bench {
namespace {

constexpr int kClients = 512;
constexpr int kEtcdConnections = 8;
constexpr char kMaps[] = "/api/v1/namespaces/default/configmaps";

std::string Name(int64_t key) { return absl::StrCat("m-", key); }

// Of this process, in use.
double HeapMib() {
  size_t bytes = 0;
  MallocExtension::instance()->GetNumericProperty("generic.current_allocated_bytes", &bytes);
  return static_cast<double>(bytes) / (1 << 20);
}

// Until this process does next to nothing: what a fill leaves RocksDB to do is the fill's cost.
void AwaitQuiet() {
  const auto used = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
  };
  constexpr absl::Duration kWindow = absl::Milliseconds(500);
  absl::Duration before;
  do {
    before = used();
    absl::SleepFor(kWindow);
  } while (used() - before > kWindow / 20);
}

absl::Status RunOn(Sockets* sockets, int64_t requests, const Request& request) {
  ClosedLoop loop(kClients, {0, requests}, request);
  loop.Start();
  SKIFF_RETURN_IF_ERROR(sockets->RunUntil([&loop] { return loop.finished(); }));
  return loop.Result().status();
}

using Values = std::map<std::string, double>;

// Fills and restarts what `start` starts on `dir`; `fill` fills.
absl::Status Measure(const std::string& dir, const std::string& name,
                     const std::function<absl::StatusOr<std::unique_ptr<Servers>>()>& start,
                     const std::function<absl::Status(const Servers&)>& fill, Values* values) {
  {
    SKIFF_ASSIGN_OR_RETURN(const auto servers, start());
    (*values)[name + "idle_rss_mib"] = servers->resident_mib();
    absl::Status status;
    (*values)[name + "fill_s"] = Milliseconds([&] { status = fill(*servers); }) / 1000;
    SKIFF_RETURN_IF_ERROR(status);
    (*values)[name + "rss_mib"] = servers->resident_mib();
  }
  (*values)[name + "disk_mib"] = DiskMib(dir);
  absl::StatusOr<std::unique_ptr<Servers>> again = absl::UnknownError("");
  (*values)[name + "restart_s"] = Milliseconds([&] { again = start(); }) / 1000;
  SKIFF_RETURN_IF_ERROR(again.status());
  (*values)[name + "restarted_rss_mib"] = (*again)->resident_mib();
  return absl::OkStatus();
}

absl::Status FillSkiff(const Servers& servers, int64_t keys) {
  Sockets sockets;
  HttpClient client(&sockets, servers.ports(), kClients);
  int64_t next = 0;
  return RunOn(&sockets, keys, [&](int connection, int64_t, Done done) {
    const int64_t key = next++;
    client.Ask(connection, "POST", kMaps, ConfigMapJson(Name(key), Value(key)),
               [done = std::move(done)](int status, absl::string_view) { done(status == 201); });
  });
}

absl::Status FillEtcd(const Servers& servers, int64_t keys) {
  Sockets sockets;
  EtcdClient client(&sockets, servers.ports(), kEtcdConnections);
  int64_t next = 0;
  return RunOn(&sockets, keys, [&](int connection, int64_t, Done done) {
    const int64_t key = next++;
    client.Put(connection, Name(key), Value(key), std::move(done));
  });
}

absl::Status MeasureInProcess(const std::string& dir, int64_t keys, Values* values) {
  {
    SKIFF_ASSIGN_OR_RETURN(const auto store, InProcess::Open(dir));
    int64_t next = 0;
    const auto filled = store->Run(kClients, {0, keys}, [&](int, int64_t, Done done) {
      const int64_t key = next++;
      store->Put(Name(key), Value(key), std::move(done));
    });
    SKIFF_RETURN_IF_ERROR(filled.status());
    (*values)["in_process_fill_s"] = static_cast<double>(keys) / filled->per_second;
  }
  (*values)["in_process_disk_mib"] = DiskMib(dir);
  MallocExtension::instance()->ReleaseFreeMemory();
  const double before = HeapMib();
  absl::StatusOr<std::unique_ptr<InProcess>> again = absl::UnknownError("");
  (*values)["in_process_restart_s"] = Milliseconds([&] { again = InProcess::Open(dir); }) / 1000;
  SKIFF_RETURN_IF_ERROR(again.status());
  (*values)["in_process_heap_mib"] = HeapMib() - before;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Result> StoreSize(const Options& options) {
  const Scratch scratch;
  const std::string ours = scratch.path() + "/skiff";
  const std::string theirs = scratch.path() + "/etcd";
  Result result;
  result.peer_name = "etcd";
  result.figures["keys"] = static_cast<double>(options.keys);
  SKIFF_RETURN_IF_ERROR(Measure(
      theirs, "", [&] { return Servers::StartEtcd(theirs, 1); },
      [&](const Servers& servers) { return FillEtcd(servers, options.keys); }, &result.peer));
  SKIFF_RETURN_IF_ERROR(Measure(
      ours, "", [&] { return Servers::StartSkiff(ours); },
      [&](const Servers& servers) { return FillSkiff(servers, options.keys); }, &result.figures));
  for (const char* figure : {"rss_mib", "restarted_rss_mib", "disk_mib", "restart_s"}) {
    result.ratios[figure] = result.peer[figure] / result.figures[figure];
  }
  result.ratio = result.ratios["restart_s"];
  SKIFF_RETURN_IF_ERROR(MeasureInProcess(scratch.path() + "/store", options.keys, &result.figures));
  return result;
}

absl::StatusOr<Result> StoreGrowth(const Options& options) {
  constexpr int64_t kSample = 20'000;  // Puts whose cost is taken at each size.
  const Scratch scratch;
  const std::string dir = scratch.path() + "/store";
  Result result;
  std::unique_ptr<InProcess> store;
  // Memory is taken after a reopening: objects, and no past of theirs.
  const auto reopen = [&]() -> absl::StatusOr<double> {
    store.reset();
    const double before = HeapMib();
    SKIFF_ASSIGN_OR_RETURN(store, InProcess::Open(dir));
    return HeapMib() - before;
  };
  SKIFF_RETURN_IF_ERROR(reopen().status());
  SKIFF_ASSIGN_OR_RETURN(const double empty_mib, reopen());
  int64_t filled = 0;
  std::vector<double> write_us;
  for (int64_t size = 1000; size <= options.keys; size *= 10) {
    const auto fill = store->Run(kClients, {0, size - filled}, [&](int, int64_t, Done done) {
      const int64_t key = filled++;
      store->Put(Name(key), Value(key), std::move(done));
    });
    SKIFF_RETURN_IF_ERROR(fill.status());
    AwaitQuiet();
    std::vector<double> rounds;
    for (int round = 0; round < options.rounds; ++round) {
      int64_t next = 0;  // Old objects again, all over the store.
      SKIFF_ASSIGN_OR_RETURN(
          const Figures puts, store->Run(kClients, {0, kSample}, [&](int, int64_t, Done done) {
            const int64_t number = ++next;
            store->Put(Name(number * 7919 % size), Value(number), std::move(done));
          }));
      rounds.push_back(1e6 / puts.per_second);
    }
    write_us.push_back(Quantile(rounds, 0.5));
    result.figures[absl::StrCat("write_us_at_", size)] = write_us.back();
    SKIFF_ASSIGN_OR_RETURN(const double mib, reopen());
    result.figures[absl::StrCat("heap_bytes_per_object_at_", size)] =
        (mib - empty_mib) * (1 << 20) / static_cast<double>(size);
  }
  if (write_us.empty()) return absl::InvalidArgumentError("--keys: at least 1000");
  result.figures["write_us_last_to_first"] = write_us.back() / write_us.front();
  return result;
}

}  // namespace skiff::bench
