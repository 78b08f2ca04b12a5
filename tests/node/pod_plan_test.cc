#include "node/pod_plan.h"

#include <catch2/catch.hpp>

#include "tests/api/from_json.h"

namespace skiff::node {
namespace {

using Action = PodPlan::Action;
using runtime::ContainerPhase;
using runtime::ContainerState;
using runtime::PodState;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

corev1::Pod PodOf(const std::string& spec, const std::string& status = "{}",
                  const std::string& meta = "") {
  return api::FromJson<corev1::Pod>(R"({"metadata":{"name":"p","namespace":"default","uid":"u")" +
                                    meta + R"(},"spec":)" + spec + R"(,"status":)" + status + "}");
}

std::string Spec(const std::string& policy) {
  return R"({"restartPolicy":")" + policy +
         R"(","terminationGracePeriodSeconds":30,"containers":[{"name":"a"}]})";
}

PodState Alive(std::vector<ContainerState> containers = {}) {
  PodState state;
  state.uid = "u";
  state.alive = true;
  state.containers = std::move(containers);
  return state;
}

ContainerState Running(const std::string& name, int attempt = 0) {
  ContainerState state;
  state.name = name;
  state.attempt = attempt;
  state.phase = ContainerPhase::kRunning;
  state.started_at = kNow - absl::Seconds(60);
  return state;
}

ContainerState Exited(const std::string& name, int code, int attempt = 0,
                      absl::Time at = kNow - absl::Seconds(1)) {
  ContainerState state = Running(name, attempt);
  state.phase = ContainerPhase::kExited;
  state.exit_code = code;
  state.finished_at = at;
  return state;
}

PodPlan Plan(const corev1::Pod& pod, const std::optional<PodState>& state,
             const PodMemory& memory = {}, absl::Time now = kNow) {
  return PlanPod(pod, state, memory, now);
}

TEST_CASE("APodThatIsNotThereGetsASandboxAndThenItsContainers") {
  const corev1::Pod pod = PodOf(Spec("Always"));
  CHECK(Plan(pod, std::nullopt).action == Action::kStartSandbox);
  PodState dead = Alive();
  dead.alive = false;
  CHECK(Plan(pod, dead).action == Action::kStartSandbox);
  const PodPlan plan = Plan(pod, Alive());
  CHECK(plan.action == Action::kStartContainer);
  CHECK(plan.container == "a");
  CHECK(plan.attempt == 0);
  CHECK(Plan(pod, Alive({Running("a")})).action == Action::kNone);
}

TEST_CASE("AContainerThatIsOnItsWayIsLeftAlone") {
  ContainerState created;
  created.name = "a";
  const PodPlan plan = Plan(PodOf(Spec("Always")), Alive({created}));
  CHECK(plan.action == Action::kNone);
  CHECK(plan.wake_at == absl::InfiniteFuture());
}

TEST_CASE("TheRestartPolicyDecidesAfterEachExitCode") {
  struct Row {
    const char* policy;
    int code;
    bool restarts;
  };
  for (const Row& row :
       {Row{"Always", 0, true}, Row{"Always", 1, true}, Row{"OnFailure", 0, false},
        Row{"OnFailure", 3, true}, Row{"Never", 0, false}, Row{"Never", 3, false}}) {
    INFO(row.policy << " " << row.code);
    const corev1::Pod pod = PodOf(Spec(row.policy));
    const PodState state = Alive({Exited("a", row.code)});
    const PodPlan plan = Plan(pod, state);
    CHECK((plan.action == Action::kStartContainer) == row.restarts);
    if (row.restarts) CHECK(plan.attempt == 1);
    bool failed = false;
    CHECK(IsFinished(pod, state, {}, &failed) == !row.restarts);
    if (!row.restarts) CHECK(failed == (row.code != 0));
  }
}

TEST_CASE("TheBackOffDoublesFromTenSecondsToFiveMinutes") {
  const int seconds[] = {0, 0, 10, 20, 40, 80, 160, 300, 300, 300};
  for (int crashes = 0; crashes < 10; ++crashes) {
    CHECK(CrashBackoff(crashes) == absl::Seconds(seconds[crashes]));
  }
  CHECK(CrashBackoff(1000) == absl::Minutes(5));
}

TEST_CASE("ACrashedContainerWaitsForItsBackOff") {
  const corev1::Pod pod = PodOf(Spec("Always"));
  PodMemory memory;
  memory.crashes["a"] = 3;
  const PodState state = Alive({Exited("a", 1, 2, kNow)});
  const PodPlan early = Plan(pod, state, memory, kNow + absl::Seconds(19));
  CHECK(early.action == Action::kNone);
  CHECK(early.wake_at == kNow + absl::Seconds(20));
  const PodPlan due = Plan(pod, state, memory, kNow + absl::Seconds(20));
  CHECK(due.action == Action::kStartContainer);
  CHECK(due.attempt == 3);
}

TEST_CASE("WhatCannotStartYetIsTriedAgainWithTheSameAttempt") {
  const corev1::Pod pod = PodOf(Spec("Never"));
  PodMemory memory;
  memory.failures["a"] = {0, false, "ErrImagePull", "not found", kNow, 1};
  CHECK(Plan(pod, Alive(), memory).wake_at == kNow + absl::Seconds(2));
  const PodPlan again = Plan(pod, Alive(), memory, kNow + absl::Seconds(2));
  CHECK(again.action == Action::kStartContainer);
  CHECK(again.attempt == 0);
  memory.failures["a"].terminal = true;
  bool failed = false;
  CHECK(IsFinished(pod, Alive(), memory, &failed));
  CHECK(failed);
}

const char kInit[] = R"({"restartPolicy":"Always","initContainers":[{"name":"i"},{"name":"j"}],
                         "containers":[{"name":"a"},{"name":"b"}]})";

TEST_CASE("InitContainersRunOneAfterTheOtherAndBeforeTheRest") {
  const corev1::Pod pod = PodOf(kInit);
  CHECK(Plan(pod, Alive()).container == "i");
  CHECK(Plan(pod, Alive()).init);
  CHECK(Plan(pod, Alive({Running("i")})).action == Action::kNone);
  CHECK(Plan(pod, Alive({Exited("i", 0)})).container == "j");
  const PodPlan again = Plan(pod, Alive({Exited("i", 1)}));
  CHECK(again.container == "i");
  CHECK(again.attempt == 1);
  CHECK(Plan(pod, Alive({Exited("i", 0), Exited("j", 0)})).container == "a");
  CHECK(Plan(pod, Alive({Exited("i", 0), Exited("j", 0), Running("a")})).container == "b");
}

TEST_CASE("AFailedInitContainerOfAPodThatNeverRestartsEndsIt") {
  corev1::Pod pod = PodOf(kInit);
  pod.mutable_spec()->set_restart_policy("Never");
  bool failed = false;
  CHECK(IsFinished(pod, Alive({Exited("i", 1)}), {}, &failed));
  CHECK(failed);
  CHECK(Plan(pod, Alive({Exited("i", 1)})).action == Action::kNone);
}

const char kSidecar[] =
    R"({"restartPolicy":"Never","terminationGracePeriodSeconds":30,
        "initContainers":[{"name":"s","restartPolicy":"Always"},
                          {"name":"t","restartPolicy":"Always"}],
        "containers":[{"name":"a"}]})";

TEST_CASE("ASidecarThatHasStartedLetsTheOthersStart") {
  const corev1::Pod pod = PodOf(kSidecar);
  PodMemory memory;
  memory.started["s"] = false;
  CHECK(Plan(pod, Alive({Running("s")}), memory).action == Action::kNone);
  memory.started["s"] = true;
  CHECK(Plan(pod, Alive({Running("s")}), memory).container == "t");
  CHECK(Plan(pod, Alive({Running("s"), Running("t")})).container == "a");
  // It is started again whatever the pod's policy, also while the work goes on.
  const PodPlan again = Plan(pod, Alive({Exited("s", 0), Running("t"), Running("a")}));
  CHECK(again.container == "s");
  CHECK(again.attempt == 1);
}

TEST_CASE("SidecarsAreStoppedLastTheLastOneFirst") {
  const corev1::Pod pod = PodOf(kSidecar);
  PodPlan plan = Plan(pod, Alive({Running("s"), Running("t"), Exited("a", 0)}));
  CHECK(plan.action == Action::kStopContainer);
  CHECK(plan.container == "t");
  plan = Plan(pod, Alive({Running("s"), Exited("t", 0), Exited("a", 0)}));
  CHECK(plan.container == "s");
}

TEST_CASE("ADeletedPodIsToldToEndThenKilledThenRemoved") {
  const corev1::Pod pod = PodOf(Spec("Always"), "{}",
                                R"(,"deletionTimestamp":"2023-11-14T22:13:20Z",
                                    "deletionGracePeriodSeconds":5)");
  PodMemory memory;
  PodPlan plan = Plan(pod, Alive({Running("a")}), memory);
  CHECK(plan.action == Action::kStopContainer);
  CHECK(plan.whole_pod);
  memory.ending_since = kNow;
  memory.stops["a"].term_sent = kNow;
  plan = Plan(pod, Alive({Running("a")}), memory, kNow + absl::Seconds(4));
  CHECK(plan.action == Action::kNone);
  CHECK(plan.wake_at == kNow + absl::Seconds(5));
  plan = Plan(pod, Alive({Running("a")}), memory, kNow + absl::Seconds(5));
  CHECK(plan.action == Action::kKillContainer);
  memory.stops["a"].killed = true;
  CHECK(Plan(pod, Alive({Running("a")}), memory, kNow + absl::Seconds(6)).action == Action::kNone);
  CHECK(Plan(pod, Alive({Exited("a", 137)}), memory).action == Action::kRemove);
  CHECK(Plan(pod, std::nullopt).action == Action::kRemove);
}

TEST_CASE("APreStopHookComesBeforeSigtermAndSharesItsGrace") {
  corev1::Pod pod = PodOf(Spec("Always"), "{}", R"(,"deletionTimestamp":"2023-11-14T22:13:20Z",
                                                     "deletionGracePeriodSeconds":10)");
  pod.mutable_spec()->mutable_containers(0)->mutable_lifecycle()->mutable_pre_stop();
  const PodState state = Alive({Running("a")});
  PodMemory memory;
  CHECK(Plan(pod, state, memory).action == Action::kPreStop);
  memory.ending_since = kNow;
  memory.stops["a"].hook = ContainerStop::Hook::kRunning;
  CHECK(Plan(pod, state, memory, kNow + absl::Seconds(9)).action == Action::kNone);
  SECTION("done in time") {
    memory.stops["a"].hook = ContainerStop::Hook::kDone;
    CHECK(Plan(pod, state, memory, kNow + absl::Seconds(3)).action == Action::kStopContainer);
  }
  SECTION("not done in time") {
    const absl::Time end = kNow + absl::Seconds(10);
    CHECK(Plan(pod, state, memory, end).action == Action::kStopContainer);
    memory.stops["a"].term_sent = end;
    CHECK(Plan(pod, state, memory, end + absl::Seconds(1)).action == Action::kNone);
    CHECK(Plan(pod, state, memory, end + absl::Seconds(2)).action == Action::kKillContainer);
  }
}

TEST_CASE("AnUnhealthyContainerHasItsGraceBeforeItIsKilled") {
  const corev1::Pod pod = PodOf(Spec("Always"));
  const PodState state = Alive({Running("a")});
  PodMemory memory;
  memory.stops["a"].since = kNow;
  memory.stops["a"].grace_seconds = 7;
  CHECK(Plan(pod, state, memory).action == Action::kStopContainer);
  memory.stops["a"].term_sent = kNow;
  CHECK(Plan(pod, state, memory).wake_at == kNow + absl::Seconds(7));
  const PodPlan plan = Plan(pod, state, memory, kNow + absl::Seconds(7));
  CHECK(plan.action == Action::kKillContainer);
  CHECK_FALSE(plan.whole_pod);
}

TEST_CASE("TheDeadlineStopsWhatRuns") {
  corev1::Pod pod = PodOf(Spec("Always"), R"({"startTime":"2023-11-14T22:13:20Z"})");
  pod.mutable_spec()->set_active_deadline_seconds(60);
  const PodState state = Alive({Running("a")});
  CHECK(Plan(pod, state).wake_at == kNow + absl::Seconds(60));
  CHECK(Plan(pod, state, {}, kNow + absl::Seconds(60)).action == Action::kStopContainer);
}

TEST_CASE("AFinishedPodGivesUpItsSandboxOnceItsEndIsReported") {
  const PodState state = Alive({Exited("a", 0)});
  CHECK(Plan(PodOf(Spec("Never"), R"({"phase":"Running"})"), state).action == Action::kNone);
  const corev1::Pod done = PodOf(Spec("Never"), R"({"phase":"Succeeded"})");
  CHECK(Plan(done, state).action == Action::kRelease);
  PodMemory memory;
  memory.released = true;
  CHECK(Plan(done, state, memory).action == Action::kNone);
  CHECK(Plan(done, std::nullopt).action == Action::kNone);
}

const char kRanStatus[] =
    R"({"phase":"Running","containerStatuses":[{"name":"a","containerID":"linux://1",
        "restartCount":2,"state":{"running":{"startedAt":"2023-11-14T22:13:20Z"}}}]})";

TEST_CASE("WhatTheRuntimeHasLostCountsAsARestart") {
  const corev1::Pod pod = PodOf(Spec("Always"), kRanStatus);
  CHECK(Plan(pod, std::nullopt).action == Action::kStartSandbox);
  const PodPlan plan = Plan(pod, Alive());
  CHECK(plan.action == Action::kStartContainer);
  CHECK(plan.attempt == 3);
}

TEST_CASE("APodThatNeverRestartsFailsWhenItsContainersAreLost") {
  const corev1::Pod pod = PodOf(Spec("Never"), kRanStatus);
  bool failed = false;
  CHECK(IsFinished(pod, std::nullopt, {}, &failed));
  CHECK(failed);
  CHECK(Plan(pod, std::nullopt).action == Action::kNone);
}

TEST_CASE("InANewSandboxInitContainersRunAgain") {
  const std::string status =
      R"({"phase":"Running","initContainerStatuses":[{"name":"i","containerID":"linux://0",
          "restartCount":0,"state":{"terminated":{"exitCode":0}}},{"name":"j",
          "containerID":"linux://2","restartCount":1,"state":{"terminated":{"exitCode":0}}}],
          "containerStatuses":[{"name":"a","containerID":"linux://1","restartCount":0,
          "state":{"running":{}}}]})";
  const corev1::Pod pod = PodOf(kInit, status);
  PodPlan plan = Plan(pod, Alive());
  CHECK(plan.container == "i");
  CHECK(plan.attempt == 1);
  plan = Plan(pod, Alive({Exited("i", 0, 1)}));
  CHECK(plan.container == "j");
  CHECK(plan.attempt == 2);
}

TEST_CASE("AContainerThatSucceededIsNotRunAgainInANewSandbox") {
  const corev1::Pod pod =
      PodOf(R"({"restartPolicy":"OnFailure","containers":[{"name":"a"},{"name":"b"}]})",
            R"({"phase":"Running","containerStatuses":[
          {"name":"a","containerID":"linux://1","state":{"terminated":{"exitCode":0}}},
          {"name":"b","containerID":"linux://2","state":{"running":{}}}]})");
  const PodPlan plan = Plan(pod, Alive());
  CHECK(plan.container == "b");
  CHECK(plan.attempt == 1);
}

}  // namespace
}  // namespace skiff::node
