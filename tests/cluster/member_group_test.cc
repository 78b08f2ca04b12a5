// Control planes of several members in one process: what is promised holds while they die, are cut
// off and come back.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <mutex>

#include "absl/cleanup/cleanup.h"
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
}

std::vector<std::string> Names(Cluster& cluster, const char* kind) {
  const auto listed = api::JsonValue::Parse(*cluster.List({kind, "", "", ""}));
  std::vector<std::string> out;
  for (const api::JsonValue& each : listed->Find("items")->items()) {
    out.push_back(each.Find("metadata")->Find("name")->text());
  }
  return out;
}

absl::Status MakeMap(Cluster& cluster, const std::string& name) {
  return cluster
      .Create(absl::StrCat(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")", name,
                           R"("}})"))
      .status();
}

TEST_CASE("WritesThatMatchFailWhicheverMemberTheyGoTo") {
  const auto cluster = Open(3);
  Good(cluster->InjectFault(
      Fault::FailWrites(2, "create", "configmaps", "default", "a*", "Forbidden")));
  CHECK(MakeMap(*cluster, "b").ok());
  CHECK(absl::IsPermissionDenied(MakeMap(*cluster, "a1")));
  Good(cluster->InjectFault(Fault::KillMember(Leader(*cluster))));
  Good(cluster->Settle(kSoon));
  CHECK(absl::IsPermissionDenied(MakeMap(*cluster, "a1")));
  CHECK(MakeMap(*cluster, "a1").ok());
  Good(cluster->InjectFault(Fault::FailWrites(5, "create", "pods")));
  Scale(*cluster, 2);
  Good(cluster->InjectFault(Fault::FailWrites(5, "create", "configmaps")));
  Good(cluster->InjectFault(Fault::HealWrites()));
  CHECK(MakeMap(*cluster, "a2").ok());
}

TEST_CASE("SettlingTakesNoTimeWhereNothingIsUnderWay") {
  const auto cluster = Open(3);
  Scale(*cluster, 2);
  const absl::Time begin = cluster->Now();
  Good(cluster->Settle(absl::Milliseconds(1)));
  CHECK(cluster->Now() == begin);
  Good(cluster->AssertIdle(absl::Minutes(1)));
  Good(cluster->InjectFault(Fault::KillMember((Leader(*cluster) + 1) % 3)));
  const api::JsonValue members = Members(*cluster);
  for (const api::JsonValue& each : members.items()) {
    CHECK((each.Find("revision")->text() == "0") == !each.Find("alive")->boolean());
  }
}

TEST_CASE("SettlingInRealTimeGivesUpWhenItIsTold") {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.members = 3;
  const auto cluster = Cluster::Open(options).value();
  Good(cluster->Settle(kSoon));
  Good(cluster->InjectFault(Fault::SlowDisk(absl::Seconds(20))));
  Good(cluster->InjectFault(Fault::PressNode("node-0", "DiskPressure")));
  const absl::Time begin = absl::Now();
  CHECK(absl::IsDeadlineExceeded(cluster->Settle(absl::Milliseconds(100))));
  CHECK(absl::Now() - begin < absl::Seconds(15));
  Good(cluster->Close(/*stop_pods=*/true));
}

TEST_CASE("SimulatedMembersAreListedAndLeadInTurn") {
  const auto cluster = Open(3);
  for (int round = 0; round < 2; ++round) {
    const auto members = cluster->Members();
    INFO(members.status());
    REQUIRE(members.ok());
    REQUIRE(members->size() == 3);
    for (int i = 0; i < 3; ++i) {
      const MemberInfo& each = (*members)[i];
      CHECK(each.id == absl::StrCat(i + 1));
      CHECK(each.name == absl::StrCat("member-", i));
      CHECK(each.voter);
      CHECK(each.active);
      CHECK(each.behind == 0);
      CHECK(each.leader == (i == Leader(*cluster)));
      CHECK(each.self == each.leader);
    }
    const int next = (Leader(*cluster) + 1) % 3;
    Good(cluster->LeadMember(absl::StrCat("member-", next)));
    Good(cluster->Settle(kSoon));
    CHECK(Leader(*cluster) == next);
  }
  const int killed = (Leader(*cluster) + 1) % 3;
  Good(cluster->InjectFault(Fault::KillMember(killed)));
  Good(cluster->Advance(absl::Minutes(1)));
  CHECK_FALSE(cluster->Members().value()[killed].active);
  const absl::Status added = cluster->AddMember("d", "10.0.0.1:1").status();
  CHECK(absl::IsFailedPrecondition(added));
  CHECK(absl::StrContains(added.message(), "simulated"));
  for (int i = 0; i < 3; ++i) cluster->InjectFault(Fault::KillMember(i)).IgnoreError();
  CHECK(absl::IsUnavailable(cluster->Members().status()));
}

TEST_CASE("ASnapshotOfSeveralMembersBecomesAClusterOfOne") {
  const auto cluster = Open(3, 7, 0);
  Good(MakeMap(*cluster, "kept"));
  const std::string dir = absl::StrCat("/tmp/skiff-group-", getpid());
  std::filesystem::remove_all(dir);
  std::filesystem::create_directory(dir);
  const absl::Cleanup clean = [&] { std::filesystem::remove_all(dir); };
  const auto saved = cluster->SaveSnapshot(dir + "/snapshot");
  INFO(saved.status());
  REQUIRE(saved.ok());
  CHECK(saved->objects > 0);
  for (int i = 0; i < 2; ++i) Good(cluster->InjectFault(Fault::KillMember(i)));
  CHECK(absl::IsUnavailable(cluster->SaveSnapshot(dir + "/none").status()));
  CHECK_FALSE(std::filesystem::exists(dir + "/none"));
  Good(Cluster::RestoreSnapshot(dir + "/snapshot", dir + "/data").status());
  ClusterOptions options;
  options.data_dir = dir + "/data";
  options.runtime = RuntimeKind::kFake;
  options.nodes = 0;
  const auto restored = Cluster::Open(options);
  INFO(restored.status());
  REQUIRE(restored.ok());
  Good((*restored)->Get({"configmaps", "default", "kept"}).status());
}

std::string Everything(Cluster& cluster) {
  std::string out = absl::FormatTime(cluster.Now());
  for (const char* kind : {"pods", "events", "deployments", "nodes", "leases"}) {
    absl::StrAppend(&out, *cluster.List({kind, "", "", ""}));
  }
  return out;
}

TEST_CASE("RestoredMembersGoOnAsTheSavedOnesDid") {
  const auto cluster = Open(3, 7, 3);
  Scale(*cluster, 4);
  const int leader = Leader(*cluster);
  const absl::Time saved_at = cluster->Now();
  const auto saved = cluster->Save();
  INFO(saved.status());
  REQUIRE(saved.ok());
  CHECK(Leader(*cluster) == leader);
  CHECK(cluster->Now() - saved_at < absl::Milliseconds(100));
  const auto go_on = [&] {
    CHECK(Names(*cluster, "pods").size() == 4);
    Scale(*cluster, 6);
    Good(cluster->InjectFault(Fault::KillMember(Leader(*cluster))));
    Good(cluster->InjectFault(Fault::SlowDisk(absl::Milliseconds(30), (leader + 1) % 3)));
    Good(cluster->InjectFault(Fault::KillNode("node-1")));
    Scale(*cluster, 5);
    Good(cluster->Advance(absl::Minutes(10)));
    return absl::StrCat(Everything(*cluster), *cluster->Inspect());
  };
  const std::string after = go_on();
  for (int i = 0; i < 2; ++i) {
    const absl::Time begin = absl::Now();
    Good(cluster->Restore(*saved));
    WARN("restoring took " << absl::FormatDuration(absl::Now() - begin));
    CHECK(Leader(*cluster) == leader);
    CHECK(go_on() == after);
  }
}

TEST_CASE("WhatWasBrokenWhenMembersWereSavedIsBrokenWhenTheyAreRestored") {
  const auto cluster = Open(3);
  Scale(*cluster, 2);
  const int dead = (Leader(*cluster) + 1) % 3;
  const int cut = (Leader(*cluster) + 2) % 3;
  Good(cluster->InjectFault(Fault::KillMember(dead)));
  Good(cluster->InjectFault(Fault::FailWrites(1, "create", "configmaps")));
  const auto one_dead = cluster->Save();
  REQUIRE(one_dead.ok());
  CHECK(absl::IsInternal(MakeMap(*cluster, "a")));
  Good(cluster->InjectFault(Fault::PartitionMember(cut)));
  const auto none_leads = cluster->Save();
  REQUIRE(none_leads.ok());
  Good(cluster->InjectFault(Fault::RestartMember(dead)));
  Good(cluster->InjectFault(Fault::PartitionMember(cut, false)));
  Scale(*cluster, 3);
  Good(cluster->Restore(*none_leads));
  CHECK_FALSE(Members(*cluster).items()[dead].Find("alive")->boolean());
  CHECK_FALSE(Members(*cluster).items()[cut].Find("reachable")->boolean());
  CHECK(absl::IsDeadlineExceeded(cluster->Settle(absl::Seconds(20))));
  Good(cluster->InjectFault(Fault::PartitionMember(cut, false)));
  Scale(*cluster, 4);
  Good(cluster->Restore(*one_dead));
  CHECK_FALSE(Members(*cluster).items()[dead].Find("alive")->boolean());
  CHECK(Members(*cluster).items()[cut].Find("reachable")->boolean());
  CHECK(absl::IsInternal(MakeMap(*cluster, "a")));
  CHECK(MakeMap(*cluster, "a").ok());
  const auto one = Open(1);
  CHECK(absl::IsInvalidArgument(one->Restore(*one_dead)));
}

TEST_CASE("AWatchGoesOnOverARestoreOfSeveralMembers") {
  const auto cluster = Open(3);
  const auto saved = cluster->Save();
  REQUIRE(saved.ok());
  std::mutex mutex;
  std::map<std::string, int> there;
  const auto watch = cluster->Watch(
      {"configmaps", "default", "", ""},
      [&](const WatchEvent& event) {
        const auto object = api::JsonValue::Parse(event.object_json);
        const std::lock_guard lock(mutex);
        there[object->Find("metadata")->Find("name")->text()] +=
            event.type == WatchEvent::Type::kAdded     ? 1
            : event.type == WatchEvent::Type::kDeleted ? -1
                                                       : 0;
      },
      [](const absl::Status&) {});
  REQUIRE(watch.ok());
  for (int round = 0; round < 2; ++round) {
    Good(MakeMap(*cluster, "a"));
    Good(cluster->Settle(kSoon));
    {
      const std::lock_guard lock(mutex);
      CHECK(there["a"] == 1);
    }
    Good(cluster->Restore(*saved));
    Good(MakeMap(*cluster, "b"));
    Good(cluster->Settle(kSoon));
    {
      const std::lock_guard lock(mutex);
      CHECK(there["a"] == 0);
      CHECK(there["b"] == 1);
    }
    Good(cluster->Restore(*saved));
  }
}

std::unique_ptr<Cluster> OpenInRealTime(const std::string& listen = "") {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.members = 3;
  options.nodes = 2;
  options.listen = listen;
  auto cluster = Cluster::Open(options);
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  return *std::move(cluster);
}

TEST_CASE("SeveralMembersLiveInRealTimeAsWell") {
  const auto cluster = OpenInRealTime();
  CHECK(absl::IsFailedPrecondition(cluster->Advance(absl::Seconds(1))));
  CHECK(cluster->seed() == 0);
  const auto web = [&](int replicas) {
    Good(cluster->Apply(Web(replicas)).status());
    Good(cluster->Wait({"deployments", "default", "web"}, Available(replicas), kSoon));
  };
  web(2);
  const int leader = Leader(*cluster);
  REQUIRE(leader >= 0);
  CHECK(cluster->Members().value()[leader].leader);
  Good(cluster->InjectFault(Fault::FailWrites(1, "create", "configmaps")));
  CHECK(absl::IsInternal(MakeMap(*cluster, "a")));
  Good(cluster->InjectFault(Fault::KillMember(leader)));
  Good(cluster->Settle(kSoon));
  web(4);
  CHECK(Leader(*cluster) != leader);
  Good(cluster->InjectFault(Fault::RestartMember(leader)));
  Good(cluster->Settle(kSoon));
  const auto saved = cluster->Save();
  REQUIRE(saved.ok());
  web(1);
  Good(cluster->Restore(*saved));
  Good(cluster->Settle(kSoon));
  Good(cluster->Wait({"deployments", "default", "web"}, Available(4), absl::ZeroDuration()));
  Good(cluster->AssertIdle(absl::Milliseconds(50)));
}

// What a GET of the path is answered, with its head.
std::string Fetch(const std::string& url, const std::string& path) {
  const size_t colon = url.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(url.substr(colon + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const absl::Cleanup shut = [fd] { close(fd); };
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  REQUIRE(write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size()));
  std::string out(65536, ' ');
  size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < out.size(); size += static_cast<size_t>(got)) {
    got = read(fd, out.data() + size, out.size() - size);
    if (got <= 0) break;
  }
  out.resize(size);
  return out;
}

TEST_CASE("HttpIsServedByWhicheverMemberCanBeReached") {
  const auto cluster = OpenInRealTime("http://127.0.0.1:0");
  Good(MakeMap(*cluster, "kept"));
  const std::string path = "/api/v1/namespaces/default/configmaps/kept";
  CHECK(absl::StrContains(Fetch(cluster->url(), path), "HTTP/1.1 200"));
  for (int i = 0; i < 3; ++i) {
    Good(cluster->InjectFault(i == 1 ? Fault::PartitionMember(i) : Fault::KillMember(i)));
    if (i == 0) CHECK(absl::StrContains(Fetch(cluster->url(), path), "HTTP/1.1 200"));
  }
  CHECK(absl::StrContains(Fetch(cluster->url(), path), "HTTP/1.1 503"));
  for (int i = 0; i < 3; ++i) {
    Good(cluster->InjectFault(i == 1 ? Fault::PartitionMember(i, false) : Fault::RestartMember(i)));
  }
  Good(cluster->Settle(kSoon));
  CHECK(absl::StrContains(Fetch(cluster->url(), path), "HTTP/1.1 200"));
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
  options.data_dir = "/tmp/skiff-group-none";
  const absl::Status kept = Cluster::Open(options).status();
  CHECK(absl::IsInvalidArgument(kept));
  CHECK(absl::StrContains(kept.message(), "skiff server"));
  options.data_dir.clear();
  options.clock = ClockKind::kVirtual;
  options.listen = "127.0.0.1:0";
  const absl::Status served = Cluster::Open(options).status();
  CHECK(absl::IsInvalidArgument(served));
  CHECK(absl::StrContains(served.message(), "option listen"));
  options.listen.clear();
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
