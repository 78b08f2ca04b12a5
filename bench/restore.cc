// How long a fixture takes: a whole cluster brought back to a state it was saved in, after a test
// has changed it.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/bench.h"
#include "skiff/cluster.h"

namespace skiff::bench {
namespace {

constexpr int kRounds = 50;
constexpr char kDeployment[] = R"({"apiVersion":"apps/v1","kind":"Deployment",
  "metadata":{"name":"web","namespace":"default"},
  "spec":{"replicas":40,"selector":{"matchLabels":{"app":"web"}},
    "template":{"metadata":{"labels":{"app":"web"}},
      "spec":{"containers":[{"name":"c","image":"web:v1"}]}}}})";

std::string Map(int number) {
  return absl::StrCat(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m-)", number,
                      R"(","namespace":"default"},"data":{"key":"value"}})");
}

// Forty pods that run on four nodes.
absl::StatusOr<std::unique_ptr<Cluster>> OpenFilled(int members) {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.clock = ClockKind::kVirtual;
  options.seed = 1;
  options.members = members;
  options.nodes = 4;
  SKIFF_ASSIGN_OR_RETURN(auto cluster, Cluster::Open(options));
  SKIFF_RETURN_IF_ERROR(cluster->Create(kDeployment).status());
  SKIFF_RETURN_IF_ERROR(cluster->Settle(absl::Minutes(1)));
  return cluster;
}

absl::Status Measure(int members, const std::string& name, std::map<std::string, double>* figures) {
  SKIFF_ASSIGN_OR_RETURN(const auto cluster, OpenFilled(members));
  SKIFF_ASSIGN_OR_RETURN(const auto saved, cluster->Save());
  absl::Status status;
  std::vector<double> restored;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 10; ++i) status.Update(cluster->Create(Map(i)).status());
    restored.push_back(Milliseconds([&] { status.Update(cluster->Restore(saved)); }));
    SKIFF_RETURN_IF_ERROR(status);
  }
  (*figures)[absl::StrCat(name, "_p50_ms")] = Quantile(restored, 0.5);
  (*figures)[absl::StrCat(name, "_p99_ms")] = Quantile(restored, 0.99);
  return cluster->Close(true);
}

}  // namespace

absl::StatusOr<Result> Restore() {
  Result result;
  SKIFF_RETURN_IF_ERROR(Measure(1, "one_member", &result.figures));
  SKIFF_RETURN_IF_ERROR(Measure(3, "three_members", &result.figures));
  return result;
}

}  // namespace skiff::bench
