// From a put to its event at a watcher: one put at a time by one client, alone and while others put
// beside what is watched. Ours in process and over HTTP, and etcd's.
#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/bench.h"
#include "bench/etcd_client.h"
#include "bench/http_client.h"
#include "bench/in_process.h"
#include "bench/servers.h"

namespace skiff::bench {
namespace {

constexpr int kOthers = 64;
constexpr int kOtherKeys = 16;
constexpr int kEtcdConnections = 8;
constexpr char kMaps[] = "/api/v1/namespaces/default/configmaps";
constexpr char kOtherMaps[] = "/api/v1/namespaces/others/configmaps";

bool IsSuccess(int status) { return status >= 200 && status < 300; }
std::string OtherName(int client, int64_t number) {
  return absl::StrCat("m-", client, "-", number % kOtherKeys);
}

// A put is answered when both its answer and its event are here; how long each event took.
class Deliveries {
 public:
  void Asked(Done done) {
    asked_ = Clock::now();
    done_ = std::move(done);
    waiting_ = 2;
  }
  void PutAnswered(bool ok) {
    if (!ok) waiting_ = 1;
    Part(ok);
  }
  void EventSeen() {
    if (waiting_ == 0) return;
    latencies_ms_.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - asked_).count());
    Part(true);
  }
  // "<name>_p50_ms", "<name>_p99_ms", and starts anew.
  void TakeInto(const std::string& name, std::map<std::string, std::vector<double>>* to) {
    if (latencies_ms_.empty()) return;
    (*to)[name + "_p50_ms"].push_back(Quantile(latencies_ms_, 0.5));
    (*to)[name + "_p99_ms"].push_back(Quantile(latencies_ms_, 0.99));
    latencies_ms_.clear();
  }

 private:
  using Clock = std::chrono::steady_clock;
  void Part(bool ok) {
    if (--waiting_ == 0) std::exchange(done_, nullptr)(ok);
  }
  Clock::time_point asked_;
  Done done_;
  int waiting_ = 0;
  std::vector<double> latencies_ms_;
};

// Client 0 puts what is watched, the others what is not.
Request Beside(Request watched, Request other) {
  return [watched = std::move(watched), other = std::move(other)](int client, int64_t number,
                                                                  Done done) {
    (client == 0 ? watched : other)(client, number, std::move(done));
  };
}

absl::Status RunOn(Sockets* sockets, int clients, double seconds, const Request& request) {
  ClosedLoop loop(clients, {seconds, 0}, request);
  loop.Start();
  SKIFF_RETURN_IF_ERROR(sockets->RunUntil([&loop] { return loop.finished(); }));
  return loop.Result().status();
}

// Whose watches are measured.
class Side {
 public:
  virtual ~Side() = default;
  virtual absl::Status Open(const std::string& dir) = 0;
  // One client puts what is watched, all others what is not.
  virtual absl::Status Run(int clients, double seconds) = 0;

  Deliveries deliveries;
};

class EtcdSide : public Side {
 public:
  explicit EtcdSide(int members) : members_(members) {}
  absl::Status Open(const std::string& dir) override {
    SKIFF_ASSIGN_OR_RETURN(servers_, Servers::StartEtcd(dir, members_));
    client_ = std::make_unique<EtcdClient>(&sockets_, servers_->ports(), kEtcdConnections);
    bool begun = false;
    client_->Watch(0, "watched/", [this, &begun](absl::string_view value) {
      value.empty() ? static_cast<void>(begun = true) : deliveries.EventSeen();
    });
    return sockets_.RunUntil([&begun] { return begun; });
  }
  absl::Status Run(int clients, double seconds) override {
    return RunOn(&sockets_, clients, seconds,
                 Beside(
                     [this](int client, int64_t number, Done done) {
                       deliveries.Asked(std::move(done));
                       client_->Put(client, "watched/m", Value(number),
                                    [this](bool ok) { deliveries.PutAnswered(ok); });
                     },
                     [this](int client, int64_t number, Done done) {
                       client_->Put(client, "others/" + OtherName(client, number), Value(number),
                                    std::move(done));
                     }));
  }

 private:
  const int members_;
  std::unique_ptr<Servers> servers_;
  Sockets sockets_;
  std::unique_ptr<EtcdClient> client_;
};

class HttpSide : public Side {
 public:
  explicit HttpSide(int members) : members_(members) {}
  absl::Status Open(const std::string& dir) override {
    SKIFF_ASSIGN_OR_RETURN(servers_, Servers::StartSkiff(dir, members_));
    // The last connection is the watch's.
    client_ = std::make_unique<HttpClient>(&sockets_, servers_->ports(), kOthers + 1);
    SKIFF_RETURN_IF_ERROR(Make("/api/v1/namespaces", R"({"metadata":{"name":"others"}})"));
    for (int client = 1; client < kOthers; ++client) {
      for (int number = 0; number < kOtherKeys; ++number) {
        SKIFF_RETURN_IF_ERROR(Make(kOtherMaps, ConfigMapJson(OtherName(client, number), Value(0))));
      }
    }
    bool begun = false;
    int events = 0;
    client_->Stream(kOthers, absl::StrCat(kMaps, "?watch=1&fieldSelector=metadata.name%3Dwatched"),
                    [&](absl::string_view line) {
                      line.empty() ? static_cast<void>(begun = true) : static_cast<void>(++events);
                    });
    SKIFF_RETURN_IF_ERROR(sockets_.RunUntil([&begun] { return begun; }));
    SKIFF_RETURN_IF_ERROR(Make(kMaps, ConfigMapJson("watched", Value(0))));
    SKIFF_RETURN_IF_ERROR(sockets_.RunUntil([&events] { return events > 0; }));
    client_->SetLine(kOthers, [this](absl::string_view) { deliveries.EventSeen(); });
    return absl::OkStatus();
  }
  absl::Status Run(int clients, double seconds) override {
    return RunOn(&sockets_, clients, seconds,
                 Beside(
                     [this](int client, int64_t, Done done) {
                       deliveries.Asked(std::move(done));
                       Replace(client, kMaps, "watched",
                               [this](bool ok) { deliveries.PutAnswered(ok); });
                     },
                     [this](int client, int64_t number, Done done) {
                       Replace(client, kOtherMaps, OtherName(client, number), std::move(done));
                     }));
  }

 private:
  void Replace(int client, const char* maps, const std::string& name, Done done) {
    client_->Ask(
        client, "PUT", absl::StrCat(maps, "/", name), ConfigMapJson(name, Value(++values_)),
        [done = std::move(done)](int status, absl::string_view) { done(IsSuccess(status)); });
  }
  absl::Status Make(const std::string& path, const std::string& body) {
    int answer = 0;
    client_->Ask(0, "POST", path, body,
                 [&answer](int status, absl::string_view) { answer = status; });
    SKIFF_RETURN_IF_ERROR(sockets_.RunUntil([&answer] { return answer != 0; }));
    if (IsSuccess(answer)) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("POST ", path, " was answered with ", answer));
  }

  const int members_;
  std::unique_ptr<Servers> servers_;
  Sockets sockets_;
  std::unique_ptr<HttpClient> client_;
  int64_t values_ = 0;  // Puts take the next: a replacement that changes nothing is no event.
};

class InProcessSide : public Side {
 public:
  absl::Status Open(const std::string& dir) override {
    SKIFF_ASSIGN_OR_RETURN(store_, InProcess::Open(dir));
    store::WatchSink sink;
    sink.on_events = [this](const std::shared_ptr<const std::vector<store::Event>>& events) {
      for (size_t i = 0; i < events->size(); ++i) deliveries.EventSeen();
    };
    sink.on_end = [](const absl::Status&) {};
    SKIFF_ASSIGN_OR_RETURN(
        watch_,
        store_->store()->StartWatch(store::Prefix(api::ResourceOf<corev1::ConfigMap>(), "watched"),
                                    store_->store()->snapshot()->revision(), std::move(sink)));
    return absl::OkStatus();
  }
  absl::Status Run(int clients, double seconds) override {
    const auto result = store_->Run(
        clients, {seconds, 0},
        Beside(
            [this](int, int64_t number, Done done) {
              deliveries.Asked(std::move(done));
              store_->Put(
                  "m", Value(number), [this](bool ok) { deliveries.PutAnswered(ok); }, "watched");
            },
            [this](int client, int64_t number, Done done) {
              store_->Put(OtherName(client, number), Value(number), std::move(done), "others");
            }));
    return result.status();
  }

 private:
  std::unique_ptr<InProcess> store_;
  std::unique_ptr<store::Watch> watch_;  // Goes first.
};

using Samples = std::map<std::string, std::vector<double>>;

}  // namespace

absl::StatusOr<Result> StoreWatch(const Options& options) {
  const Scratch scratch;
  std::map<std::string, std::unique_ptr<Side>> sides;
  sides["etcd"] = std::make_unique<EtcdSide>(options.members);
  sides["http"] = std::make_unique<HttpSide>(options.members);
  if (options.members == 1) sides["in_process"] = std::make_unique<InProcessSide>();
  std::map<std::string, Samples> samples;
  for (const auto& [name, side] : sides) {
    SKIFF_RETURN_IF_ERROR(side->Open(scratch.path() + "/" + name));
  }
  for (int round = 0; round < options.rounds; ++round) {
    for (const int clients : {1, kOthers}) {
      for (const auto& [name, side] : sides) {
        SKIFF_RETURN_IF_ERROR(side->Run(clients, options.seconds));
        side->deliveries.TakeInto(clients == 1 ? "alone" : absl::StrCat("with_", clients),
                                  &samples[name]);
      }
    }
  }
  Result result;
  result.peer_name = "etcd";
  for (const auto& [side, figures] : samples) {
    for (const auto& [figure, rounds] : figures) {
      if (side == "etcd") {
        result.peer[figure] = Quantile(rounds, 0.5);
        continue;
      }
      const std::string name = absl::StrCat(side, "_", figure);
      result.figures[name] = Quantile(rounds, 0.5);
      result.ratios[name] = Quantile(samples["etcd"][figure], 0.5) / result.figures[name];
    }
  }
  result.ratio = result.ratios["http_alone_p99_ms"];
  return result;
}

}  // namespace skiff::bench
