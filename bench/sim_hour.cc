// How long an hour of virtual time takes, with everybody saying all the while that they live.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/bench.h"
#include "skiff/cluster.h"

namespace skiff::bench {
namespace {

// Of the given number of members: seconds that the hour took, and that opening did.
absl::Status Hour(int members, const std::string& name, std::map<std::string, double>* figures) {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.clock = ClockKind::kVirtual;
  options.seed = 1;
  options.members = members;
  options.nodes = 100;
  absl::Status status;
  std::unique_ptr<Cluster> cluster;
  const double opened = Milliseconds([&] {
    auto made = Cluster::Open(options);
    status = made.status();
    if (made.ok()) cluster = *std::move(made);
  });
  SKIFF_RETURN_IF_ERROR(status);
  const double passed = Milliseconds([&] { status = cluster->Advance(absl::Hours(1)); });
  SKIFF_RETURN_IF_ERROR(status);
  (*figures)[absl::StrCat(name, "_open_ms")] = opened;
  (*figures)[absl::StrCat(name, "_hour_ms")] = passed;
  return cluster->Close(true);
}

}  // namespace

absl::StatusOr<Result> SimHour() {
  Result result;
  SKIFF_RETURN_IF_ERROR(Hour(1, "one_member", &result.figures));
  SKIFF_RETURN_IF_ERROR(Hour(3, "three_members", &result.figures));
  return result;
}

}  // namespace skiff::bench
