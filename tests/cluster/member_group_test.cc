// Control planes of several members in one process: what is promised holds while they die, are cut
// off and come back.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "skiff/cluster.h"

namespace skiff {
namespace {

const absl::Duration kSoon = absl::Minutes(1);

std::unique_ptr<Cluster> Open(int members, uint64_t seed = 7, int nodes = 2) {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.clock = ClockKind::kVirtual;
  options.seed = seed;
  options.members = members;
  options.nodes = nodes;
  auto cluster = Cluster::Open(options);
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  return *std::move(cluster);
}

void Good(const absl::Status& status) {
  INFO(status);
  REQUIRE(status.ok());
}

std::string Web(int replicas) {
  return absl::StrCat(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},
                          "spec":{"replicas":)",
                      replicas, R"(,"selector":{"matchLabels":{"app":"web"}},"template":{
                        "metadata":{"labels":{"app":"web"}},"spec":{
                        "containers":[{"name":"web","image":"web:v1"}]}}}})");
}

api::JsonValue Members(Cluster& cluster) {
  const auto text = cluster.Inspect();
  INFO(text.status());
  REQUIRE(text.ok());
  auto parsed = api::JsonValue::Parse(*text);
  REQUIRE(parsed.ok());
  return *parsed->Find("members");
}

// -1: none leads.
int Leader(Cluster& cluster) {
  const api::JsonValue members = Members(cluster);
  for (size_t i = 0; i < members.items().size(); ++i) {
    const api::JsonValue& one = members.items()[i];
    if (one.Find("leads")->boolean() && one.Find("reachable")->boolean()) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

std::string Available(int replicas) {
  return absl::StrCat("jsonpath={.status.availableReplicas}=", replicas);
}

void Scale(Cluster& cluster, int replicas) {
  Good(cluster.Apply(Web(replicas)).status());
  Good(cluster.Settle(kSoon));
  Good(cluster.Wait({"deployments", "default", "web"}, Available(replicas), absl::ZeroDuration()));
}

TEST_CASE("ThreeMembersServeAsOneDoes") {
  const auto cluster = Open(3);
  REQUIRE(Members(*cluster).items().size() == 3);
  CHECK(Leader(*cluster) >= 0);
  Scale(*cluster, 3);
  Good(cluster->AssertIdle(absl::Minutes(5)));
  Good(cluster->Delete({"deployments", "default", "web"}));
  Good(cluster->Settle(kSoon));
  CHECK(absl::IsNotFound(cluster->Get({"deployments", "default", "web"}).status()));
  CHECK(absl::IsFailedPrecondition(cluster->Save().status()));
  CHECK(absl::IsFailedPrecondition(cluster->Members().status()));
}

TEST_CASE("AnotherMemberLeadsWhenTheLeaderDies") {
  const auto cluster = Open(3);
  Scale(*cluster, 2);
  for (int round = 0; round < 3; ++round) {
    const int leader = Leader(*cluster);
    REQUIRE(leader >= 0);
    Good(cluster->InjectFault(Fault::KillMember(leader)));
    Scale(*cluster, 3 + round);
    CHECK(Leader(*cluster) != leader);
    Good(cluster->InjectFault(Fault::RestartMember(leader)));
  }
  Good(cluster->Settle(kSoon));
  const api::JsonValue members = Members(*cluster);
  for (const api::JsonValue& each : members.items()) CHECK(each.Find("alive")->boolean());
}

TEST_CASE("ALeaderThatIsCutOffLeadsNoMore") {
  const auto cluster = Open(5);
  Scale(*cluster, 2);
  const int leader = Leader(*cluster);
  Good(cluster->InjectFault(Fault::PartitionMember(leader)));
  Scale(*cluster, 4);
  CHECK_FALSE(Members(*cluster).items()[leader].Find("leads")->boolean());
  Good(cluster->InjectFault(Fault::PartitionMember(leader, false)));
  Good(cluster->Settle(kSoon));
}

TEST_CASE("WithoutAMajorityNothingIsDoneUntilItIsBack") {
  const auto cluster = Open(3);
  Scale(*cluster, 2);
  Good(cluster->InjectFault(Fault::KillMember(0)));
  Good(cluster->InjectFault(Fault::KillMember(1)));
  const absl::Status refused = cluster->Apply(Web(5)).status();
  INFO(refused);
  CHECK((absl::IsUnavailable(refused) || absl::IsDeadlineExceeded(refused)));
  CHECK(absl::IsDeadlineExceeded(cluster->Settle(absl::Seconds(20))));
  Good(cluster->InjectFault(Fault::KillMember(2)));
  CHECK(absl::IsUnavailable(cluster->Get({"deployments", "default", "web"}).status()));
  for (int i = 0; i < 3; ++i) Good(cluster->InjectFault(Fault::RestartMember(i)));
  Good(cluster->Advance(absl::Minutes(1)));
  Scale(*cluster, 3);
}

TEST_CASE("MembersGetOverBadDisksAndNetworks") {
  const auto cluster = Open(3);
  Good(cluster->InjectFault(Fault::SlowDisk(absl::Milliseconds(200), 0)));
  Good(cluster->InjectFault(Fault::FailDisk(true, 1)));
  Good(cluster->InjectFault(Fault::Network(0.05, 0.1, absl::Milliseconds(20))));
  Good(cluster->Advance(absl::Minutes(1)));
  Scale(*cluster, 3);
  Good(cluster->InjectFault(Fault::HealWrites()));
  Good(cluster->InjectFault(Fault::Network(0)));
  Scale(*cluster, 5);
}

TEST_CASE("WhatMembersCannotBeIsRefused") {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.members = 3;
  const absl::Status real = Cluster::Open(options).status();
  CHECK(absl::IsInvalidArgument(real));
  CHECK(absl::StrContains(real.message(), "virtual clock"));
  options.clock = ClockKind::kVirtual;
  options.members = 8;
  CHECK(absl::IsInvalidArgument(Cluster::Open(options).status()));
  const auto cluster = Open(3);
  CHECK(absl::IsNotFound(cluster->InjectFault(Fault::KillMember(3))));
  Good(cluster->InjectFault(Fault::KillMember(2)));
  CHECK(absl::IsFailedPrecondition(cluster->InjectFault(Fault::KillMember(2))));
  CHECK(absl::IsInvalidArgument(cluster->InjectFault(Fault::Network(1.5))));
  const auto one = Open(1);
  CHECK(absl::IsInvalidArgument(one->InjectFault(Fault::KillMember(0))));
}

std::string Story(uint64_t seed) {
  const auto cluster = Open(3, seed);
  Scale(*cluster, 3);
  Good(cluster->InjectFault(Fault::KillMember(Leader(*cluster))));
  Scale(*cluster, 5);
  std::string out = *cluster->Inspect();
  for (const char* kind : {"pods", "events", "deployments"}) {
    absl::StrAppend(&out, *cluster->List({kind, "", "", ""}));
  }
  return out;
}

TEST_CASE("TheSameSeedGivesTheSameHistoryOfSeveralMembers") { CHECK(Story(3) == Story(3)); }

}  // namespace
}  // namespace skiff
