#include "node/pod_status.h"

#include <catch2/catch.hpp>

#include "api/time.h"
#include "tests/api/from_json.h"

namespace skiff::node {
namespace {

using runtime::ContainerPhase;
using runtime::ContainerState;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

struct Table {
  corev1::Pod pod = api::FromJson<corev1::Pod>(
      R"({"metadata":{"name":"p","namespace":"default","uid":"u","generation":1},
          "spec":{"restartPolicy":"Always","terminationGracePeriodSeconds":30,
                  "containers":[{"name":"a","image":"web"}]}})");
  PodMemory memory;
  StatusInputs inputs;

  Table() {
    inputs.memory = &memory;
    inputs.pod_ip = "10.1.0.7";
    inputs.host_ip = "10.1.0.1";
    inputs.now = kNow;
    inputs.state.emplace();
    inputs.state->uid = "u";
    inputs.state->alive = true;
  }
  ContainerState& Put(const std::string& name, ContainerPhase phase, int attempt = 0) {
    ContainerState& state = inputs.state->containers.emplace_back();
    state.name = name;
    state.attempt = attempt;
    state.phase = phase;
    state.id = "linux://" + name + std::to_string(attempt);
    state.image_id = "sha256:1";
    state.started_at = kNow - absl::Seconds(60);
    return state;
  }
  ContainerState& Exit(const std::string& name, int code, int attempt = 0) {
    ContainerState& state = Put(name, ContainerPhase::kExited, attempt);
    state.exit_code = code;
    state.reason = code == 0 ? "Completed" : "Error";
    state.finished_at = kNow - absl::Seconds(1);
    return state;
  }
  // What is reported now becomes what was reported before.
  corev1::PodStatus Report() {
    *pod.mutable_status() = MakeStatus(pod, inputs);
    return pod.status();
  }
  void Lose() { inputs.state.reset(); }
};

std::string Condition(const corev1::PodStatus& status, const std::string& type) {
  for (const corev1::PodCondition& condition : status.conditions()) {
    if (condition.type() == type) return condition.status() + " " + condition.reason();
  }
  return "";
}

TEST_CASE("AnEmptyPodIsPendingAndSaysWhatItWaitsFor") {
  Table table;
  const corev1::PodStatus status = table.Report();
  CHECK(status.phase() == "Pending");
  CHECK(status.container_statuses(0).state().waiting().reason() == "ContainerCreating");
  CHECK(Condition(status, "Ready") == "False ContainersNotReady");
  CHECK(Condition(status, "PodReadyToStartContainers") == "True ");
  CHECK(status.pod_ip() == "10.1.0.7");
  CHECK(status.pod_ips(0).ip() == "10.1.0.7");
  CHECK(status.observed_generation() == 1);
}

TEST_CASE("AReportThatIsMadeAgainIsTheSame") {
  Table table;
  table.Put("a", ContainerPhase::kRunning);
  const corev1::PodStatus first = table.Report();
  table.inputs.now += absl::Minutes(5);
  CHECK(table.Report().SerializeAsString() == first.SerializeAsString());
}

TEST_CASE("ARunningContainerIsReadyWhenItsProbesSaySo") {
  Table table;
  table.Put("a", ContainerPhase::kRunning);
  CHECK(Condition(table.Report(), "Ready") == "True ");
  table.inputs.ready["a"] = false;
  CHECK_FALSE(table.Report().container_statuses(0).ready());
  CHECK(Condition(table.pod.status(), "ContainersReady") == "False ContainersNotReady");
  table.inputs.ready["a"] = true;
  table.memory.started["a"] = false;
  CHECK_FALSE(table.Report().container_statuses(0).started());
  CHECK_FALSE(table.Report().container_statuses(0).ready());
  table.memory.started["a"] = true;
  table.memory.post_start.insert("a");
  CHECK_FALSE(table.Report().container_statuses(0).ready());
}

TEST_CASE("AClosedReadinessGateKeepsThePodUnready") {
  Table table;
  table.pod.mutable_spec()->add_readiness_gates()->set_condition_type("example.com/live");
  table.Put("a", ContainerPhase::kRunning);
  CHECK(Condition(table.Report(), "Ready") == "False ReadinessGatesNotReady");
  CHECK(Condition(table.pod.status(), "ContainersReady") == "True ");
  corev1::PodCondition* gate = table.pod.mutable_status()->add_conditions();
  gate->set_type("example.com/live");
  gate->set_status("True");
  CHECK(Condition(table.Report(), "Ready") == "True ");
  CHECK(Condition(table.pod.status(), "example.com/live") == "True ");
}

TEST_CASE("ATimeOfTransitionStaysUntilTheConditionTurns") {
  Table table;
  table.Report();
  const auto since = [&] {
    for (const auto& condition : table.pod.status().conditions()) {
      if (condition.type() == "Ready") return api::ToAbsl(condition.last_transition_time());
    }
    return absl::InfinitePast();
  };
  table.inputs.now = kNow + absl::Seconds(30);
  table.Report();
  CHECK(since() == kNow);
  table.Put("a", ContainerPhase::kRunning);
  table.Report();
  CHECK(since() == kNow + absl::Seconds(30));
}

TEST_CASE("ACrashLoopShowsTheLastEndAndTheBackOff") {
  Table table;
  table.memory.crashes["a"] = 3;
  table.Exit("a", 7, 2);
  const corev1::ContainerStatus status = table.Report().container_statuses(0);
  CHECK(status.state().waiting().reason() == "CrashLoopBackOff");
  CHECK(status.state().waiting().message() ==
        "back-off 20s restarting failed container=a pod=p_default(u)");
  CHECK(status.last_state().terminated().exit_code() == 7);
  CHECK(status.restart_count() == 2);
  CHECK(table.pod.status().phase() == "Running");
  // The next attempt remembers it.
  table.inputs.state->containers.clear();
  table.Put("a", ContainerPhase::kRunning, 3);
  const corev1::ContainerStatus next = table.Report().container_statuses(0);
  CHECK(next.state().has_running());
  CHECK(next.restart_count() == 3);
  CHECK(next.last_state().terminated().exit_code() == 7);
}

TEST_CASE("TheLastStateIsTheAttemptBeforeNotTheOneBeforeThat") {
  Table table;
  table.pod.mutable_spec()->set_restart_policy("OnFailure");
  for (int attempt = 0; attempt < 3; ++attempt) {
    table.inputs.state->containers.clear();
    table.Put("a", ContainerPhase::kRunning, attempt);
    table.Report();
    table.inputs.state->containers.clear();
    table.Exit("a", 10 + attempt, attempt);
    table.Report();
  }
  const auto& status = table.pod.status().container_statuses(0);
  CHECK(status.state().terminated().exit_code() == 12);
  CHECK(status.last_state().terminated().exit_code() == 11);
}

TEST_CASE("ThePhaseFollowsThePolicyAndTheExitCodes") {
  struct Row {
    const char* policy;
    int code;
    const char* phase;
  };
  for (const Row& row :
       {Row{"Never", 0, "Succeeded"}, Row{"Never", 2, "Failed"}, Row{"OnFailure", 0, "Succeeded"},
        Row{"OnFailure", 2, "Running"}, Row{"Always", 0, "Running"}}) {
    INFO(row.policy << " " << row.code);
    Table table;
    table.pod.mutable_spec()->set_restart_policy(row.policy);
    table.Exit("a", row.code);
    CHECK(table.Report().phase() == row.phase);
  }
}

TEST_CASE("AFinalPhaseWaitsForEverythingToStopAndThenStays") {
  Table table;
  table.pod.mutable_spec()->set_active_deadline_seconds(10);
  table.Put("a", ContainerPhase::kRunning);
  table.Report();
  table.inputs.now = kNow + absl::Seconds(10);
  CHECK(table.Report().phase() == "Running");
  table.inputs.state->containers.clear();
  table.Exit("a", 143);
  CHECK(table.Report().phase() == "Failed");
  CHECK(table.pod.status().reason() == "DeadlineExceeded");
  CHECK(Condition(table.pod.status(), "Ready") == "False PodFailed");
  table.Lose();
  CHECK(table.Report().phase() == "Failed");
  CHECK(table.pod.status().reason() == "DeadlineExceeded");
}

TEST_CASE("TheStatusesOfAFinishedPodOutliveItsSandbox") {
  Table table;
  table.pod.mutable_spec()->set_restart_policy("Never");
  ContainerState& state = table.Exit("a", 137);
  state.reason = "OOMKilled";
  state.message = "last words";
  const corev1::PodStatus before = table.Report();
  SECTION("its cgroup is gone, and with it what the kernel counted") {
    state.reason = "Error";
    table.inputs.state->alive = false;
    CHECK(table.Report().container_statuses(0).state().terminated().reason() == "OOMKilled");
  }
  SECTION("all of it is gone") {
    table.Lose();
    CHECK(table.Report().container_statuses(0).SerializeAsString() ==
          before.container_statuses(0).SerializeAsString());
  }
}

TEST_CASE("AContainerThatWasLostHasEndedSomehow") {
  Table table;
  table.pod.mutable_spec()->set_restart_policy("Never");
  table.Put("a", ContainerPhase::kRunning);
  table.Report();
  table.Lose();
  const corev1::PodStatus status = table.Report();
  CHECK(status.phase() == "Failed");
  CHECK(status.container_statuses(0).state().terminated().reason() == "ContainerStatusUnknown");
  CHECK(status.container_statuses(0).state().terminated().exit_code() == 137);
}

TEST_CASE("ALostContainerThatRunsAgainCountsARestart") {
  Table table;
  table.Put("a", ContainerPhase::kRunning);
  table.Report();
  table.inputs.state->containers.clear();
  table.Report();
  table.Put("a", ContainerPhase::kRunning, 1);
  const corev1::ContainerStatus status = table.Report().container_statuses(0);
  CHECK(status.restart_count() == 1);
  CHECK(status.last_state().terminated().container_id() == "linux://a0");
  CHECK(status.last_state().terminated().exit_code() == 137);
}

TEST_CASE("AnImageThatIsMissingIsWaitedFor") {
  Table table;
  table.memory.failures["a"] = {0, false, "ErrImagePull", "no such image", kNow, 1};
  CHECK(table.Report().container_statuses(0).state().waiting().reason() == "ErrImagePull");
  table.memory.failures["a"].count = 2;
  CHECK(table.Report().container_statuses(0).state().waiting().reason() == "ImagePullBackOff");
  CHECK(table.pod.status().phase() == "Pending");
}

TEST_CASE("AContainerThatCannotStartEndsWith128") {
  Table table;
  table.pod.mutable_spec()->set_restart_policy("Never");
  table.memory.failures["a"] = {0, true, "StartError", "no such file", kNow, 1};
  const corev1::ContainerStatus status = table.Report().container_statuses(0);
  CHECK(status.state().terminated().exit_code() == 128);
  CHECK(status.state().terminated().reason() == "StartError");
  CHECK(status.state().terminated().message() == "no such file");
  CHECK(table.pod.status().phase() == "Failed");
}

TEST_CASE("InitContainersHoldTheOthersBack") {
  Table table;
  table.pod.mutable_spec()->add_init_containers()->set_name("i");
  table.Put("i", ContainerPhase::kRunning);
  CHECK(table.Report().phase() == "Pending");
  CHECK(table.pod.status().container_statuses(0).state().waiting().reason() == "PodInitializing");
  CHECK(Condition(table.pod.status(), "Initialized") == "False ContainersNotInitialized");
  table.inputs.state->containers.clear();
  table.Exit("i", 0);
  table.Put("a", ContainerPhase::kRunning);
  CHECK(table.Report().phase() == "Running");
  CHECK(table.pod.status().init_container_statuses(0).ready());
  CHECK(Condition(table.pod.status(), "Initialized") == "True ");
}

TEST_CASE("WhatOthersSaidOfThePodStays") {
  Table table;
  corev1::PodCondition* scheduled = table.pod.mutable_status()->add_conditions();
  scheduled->set_type("PodScheduled");
  scheduled->set_status("True");
  table.pod.mutable_status()->set_nominated_node_name("n1");
  table.pod.mutable_status()->set_qos_class("Burstable");
  const corev1::PodStatus status = table.Report();
  CHECK(Condition(status, "PodScheduled") == "True ");
  CHECK(status.nominated_node_name() == "n1");
  CHECK(status.qos_class() == "Burstable");
}

}  // namespace
}  // namespace skiff::node
