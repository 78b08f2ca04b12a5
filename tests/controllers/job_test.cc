// Jobs over time: counting, ending, waiting after failures, indexes and failure policies.
#include "controllers/job.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "controllers/job_pods.h"
#include "tests/controllers/world.h"

namespace skiff::controllers {
namespace {

// These tests play the nodes.
const std::set<std::string> kNoNodes = {"node-controller", "pod-garbage-collector"};

batchv1::JobStatus StatusOf(const World& world) {
  return world.Get<batchv1::Job>("work")->As<batchv1::Job>().status();
}

// "SuccessCriteriaMet Complete": the conditions that are true, in order.
std::string Conditions(const World& world) {
  std::string out;
  const batchv1::JobStatus status = StatusOf(world);
  for (const auto& condition : status.conditions()) {
    if (condition.status() == "True") {
      absl::StrAppend(&out, out.empty() ? "" : " ", condition.type());
    }
  }
  return out;
}

std::string Reason(const World& world) {
  const batchv1::JobStatus status = StatusOf(world);
  return status.conditions().empty() ? "" : status.conditions().rbegin()->reason();
}

std::vector<api::ObjectPtr> Active(const World& world) {
  std::vector<api::ObjectPtr> out;
  for (const api::ObjectPtr& pod : world.All<corev1::Pod>()) {
    if (IsPodActive(pod->As<corev1::Pod>())) out.push_back(pod);
  }
  return out;
}

int IndexOf(const api::ObjectPtr& pod) {
  int index = -1;
  return absl::SimpleAtoi(pod->meta().annotations().at(kCompletionIndex), &index) ? index : -1;
}

api::ObjectPtr OfIndex(const World& world, int index) {
  for (const api::ObjectPtr& pod : Active(world)) {
    if (IndexOf(pod) == index) return pod;
  }
  return nullptr;
}

int TimesTold(const World& world, const std::string& message) {
  for (const api::ObjectPtr& event : world.All<corev1::Event>()) {
    const auto& typed = event->As<corev1::Event>();
    if (typed.message() == message) return typed.count();
  }
  return 0;
}

bool Told(const World& world, const std::string& reason, const std::string& message) {
  for (const api::ObjectPtr& event : world.All<corev1::Event>()) {
    const auto& typed = event->As<corev1::Event>();
    if (typed.reason() == reason && typed.message() == message) return true;
  }
  return false;
}

std::unique_ptr<batchv1::Job> IndexedJob(int completions, int parallelism) {
  auto job = WorkJob(completions, parallelism);
  job->mutable_spec()->set_completion_mode("Indexed");
  return job;
}

batchv1::PodFailurePolicyRule* AddRule(batchv1::Job* job, const std::string& action) {
  auto* rule = job->mutable_spec()->mutable_pod_failure_policy()->add_rules();
  rule->set_action(action);
  return rule;
}

void OnExitCode(int code, batchv1::PodFailurePolicyRule* rule) {
  rule->mutable_on_exit_codes()->set_operator_("In");
  rule->mutable_on_exit_codes()->add_values(code);
}

void Start(World* world, std::unique_ptr<batchv1::Job> job) {
  world->Create(std::move(job));
  world->Settle();
}

TEST_CASE("AJobIsCompleteOnlyWhenNoPodOfItIsTerminating") {
  World world(7, kNoNodes);
  Start(&world, WorkJob(1, 1));
  const api::ObjectPtr pod = Active(world).at(0);
  world.Bind(pod);
  world.Settle();
  world.Delete(*world.Get<corev1::Pod>(pod->meta().name()));
  world.Settle();
  CHECK(StatusOf(world).terminating() == 1);
  CHECK(StatusOf(world).failed() == 1);
  world.Pass(absl::Seconds(11));
  REQUIRE(Active(world).size() == 1);
  world.Exit(Active(world)[0], 0);
  world.Settle();
  CHECK(Conditions(world) == "SuccessCriteriaMet");
  CHECK_FALSE(StatusOf(world).has_completion_time());
  world.FinishDeletion(pod->meta().name());
  world.Pass(absl::Seconds(1));
  CHECK(Conditions(world) == "SuccessCriteriaMet Complete");
  CHECK(StatusOf(world).has_completion_time());
  CHECK(StatusOf(world).terminating() == 0);
  CHECK(Told(world, "Completed", "Job completed"));
}

TEST_CASE("AJobIsFailedOnlyWhenItsLastPodHasStopped") {
  World world(7, kNoNodes);
  auto job = WorkJob(3, 3);
  job->mutable_spec()->set_backoff_limit(0);
  Start(&world, std::move(job));
  auto pods = Active(world);
  REQUIRE(pods.size() == 3);
  for (const auto& pod : pods) world.Bind(pod);
  world.Settle();
  pods = Active(world);
  world.Exit(pods[0], 1);
  world.Settle();
  CHECK(Conditions(world) == "FailureTarget");
  CHECK(Reason(world) == "BackoffLimitExceeded");
  CHECK(StatusOf(world).terminating() == 2);
  CHECK(StatusOf(world).active() == 0);
  CHECK(StatusOf(world).failed() == 3);
  world.FinishDeletion(pods[1]->meta().name());
  world.Settle();
  CHECK(Conditions(world) == "FailureTarget");
  // Even what ends well by then is no success of a failing job.
  world.FinishDeletion(pods[2]->meta().name(), 0);
  world.Pass(absl::Seconds(1));
  CHECK(Conditions(world) == "FailureTarget Failed");
  CHECK(StatusOf(world).succeeded() == 0);
  CHECK(Told(world, "BackoffLimitExceeded", "Job has reached the specified backoff limit"));
  CHECK(Told(world, "SuccessfulDelete", "Deleted pod: " + pods[1]->meta().name()));
  CHECK(TimesTold(world, "Deleted pod: " + pods[1]->meta().name()) == 1);
}

TEST_CASE("ADeletedPodIsCountedOnceAndReplaced") {
  World world(7, kNoNodes);
  Start(&world, WorkJob(2, 2));
  for (int i = 1; i <= 3; ++i) {
    world.Delete(*Active(world).at(0));
    world.Settle();
    CHECK(StatusOf(world).failed() == i);
    world.Pass(absl::Minutes(11));
    CHECK(Active(world).size() == 2);
    CHECK(StatusOf(world).failed() == i);
  }
  CHECK(StatusOf(world).active() == 2);
}

TEST_CASE("TheWaitAfterFailuresDoublesUpToTenMinutesAndEndsWithASuccess") {
  World world(7, kNoNodes);
  auto job = WorkJob(2, 1);
  job->mutable_spec()->set_backoff_limit(100);
  Start(&world, std::move(job));
  int wait_s = 10;
  for (int i = 0; i < 9; ++i) {
    REQUIRE(Active(world).size() == 1);
    world.Exit(Active(world)[0], 1);
    world.Settle();
    INFO("after failure " << i + 1);
    world.Pass(absl::Seconds(wait_s - 2));
    CHECK(Active(world).empty());
    world.Pass(absl::Seconds(3));
    CHECK(Active(world).size() == 1);
    wait_s = std::min(wait_s * 2, 600);
  }
  world.Exit(Active(world)[0], 0);
  world.Pass(absl::Seconds(1));
  REQUIRE(Active(world).size() == 1);
  world.Pass(absl::Seconds(5));
  world.Exit(Active(world)[0], 1);
  world.Pass(absl::Seconds(11));
  CHECK(Active(world).size() == 1);
}

TEST_CASE("AClockThatIsDaysOffDoesNotHoldUpAJob") {
  World world(7, kNoNodes);
  Start(&world, WorkJob(1, 1));
  world.Exit(Active(world).at(0), 1, "c", absl::Hours(48));
  world.Pass(absl::Seconds(21));
  REQUIRE(Active(world).size() == 1);
  world.Exit(Active(world)[0], 1, "c", absl::Seconds(5));
  world.Pass(absl::Seconds(21));
  CHECK(Active(world).empty());
  world.Pass(absl::Seconds(5));
  CHECK(Active(world).size() == 1);
}

// Deleting the failed pods does not spare the wait.
TEST_CASE("TheWaitAfterFailuresRemembersDeletedPods") {
  World world(7, kNoNodes);
  Start(&world, WorkJob(1, 1));
  for (int i = 0; i < 2; ++i) {
    world.Delete(*Active(world).at(0));
    world.Settle();
    CHECK(Active(world).empty());
    world.Pass(absl::Seconds(i == 0 ? 11 : 15));
  }
  CHECK(Active(world).empty());
  world.Pass(absl::Seconds(6));
  CHECK(Active(world).size() == 1);
}

TEST_CASE("WithReplacementPolicyFailedATerminatingPodKeepsItsPlace") {
  World world(7, kNoNodes);
  auto job = WorkJob(1, 1);
  job->mutable_spec()->set_pod_replacement_policy("Failed");
  Start(&world, std::move(job));
  const std::string name = Active(world).at(0)->meta().name();
  world.Bind(world.Get<corev1::Pod>(name));
  world.Settle();
  world.Delete(*world.Get<corev1::Pod>(name));
  world.Pass(absl::Minutes(1));
  CHECK(Active(world).empty());
  CHECK(StatusOf(world).failed() == 0);
  CHECK(StatusOf(world).terminating() == 1);
  world.FinishDeletion(name);
  world.Pass(absl::Seconds(11));
  CHECK(StatusOf(world).failed() == 1);
  CHECK(Active(world).size() == 1);
}

TEST_CASE("AFailurePolicyFailsTheJobAtOnceAndSaysWhichPodAndRule") {
  World world(7, kNoNodes);
  auto job = WorkJob(2, 2);
  OnExitCode(3, AddRule(job.get(), "Ignore"));
  OnExitCode(42, AddRule(job.get(), "FailJob"));
  Start(&world, std::move(job));
  const std::string name = Active(world).at(0)->meta().name();
  world.Exit(Active(world)[0], 42);
  world.Pass(absl::Seconds(1));
  CHECK(Conditions(world) == "FailureTarget Failed");
  CHECK(Reason(world) == "PodFailurePolicy");
  CHECK(StatusOf(world).conditions(1).message() ==
        absl::StrCat("Container c for pod default/", name,
                     " failed with exit code 42 matching FailJob rule at index 1"));
}

TEST_CASE("IgnoredFailuresAreReplacedButNotCounted") {
  World world(7, kNoNodes);
  auto job = WorkJob(1, 1);
  job->mutable_spec()->set_backoff_limit(0);
  OnExitCode(3, AddRule(job.get(), "Ignore"));
  auto* pattern = AddRule(job.get(), "Ignore")->add_on_pod_conditions();
  pattern->set_type("DisruptionTarget");
  pattern->set_status("True");
  Start(&world, std::move(job));
  world.Exit(Active(world).at(0), 3);
  world.Pass(absl::Minutes(2));
  auto disrupted = Active(world).at(0)->CopyAs<corev1::Pod>();
  disrupted->mutable_status()->set_phase("Failed");
  auto* condition = disrupted->mutable_status()->add_conditions();
  condition->set_type("DisruptionTarget");
  condition->set_status("True");
  world.Update(std::move(disrupted), "status");
  world.Pass(absl::Minutes(2));
  CHECK(StatusOf(world).failed() == 0);
  CHECK(Conditions(world).empty());
  REQUIRE(Active(world).size() == 1);
  world.Exit(Active(world)[0], 4);
  world.Settle();
  CHECK(Reason(world) == "BackoffLimitExceeded");
}

TEST_CASE("RestartsInPlaceCountAgainstTheBackoffLimit") {
  World world(7, kNoNodes);
  auto job = WorkJob(1, 1);
  job->mutable_spec()->set_backoff_limit(2);
  job->mutable_spec()->mutable_template_()->mutable_spec()->set_restart_policy("OnFailure");
  Start(&world, std::move(job));
  for (int restarts = 1; restarts <= 2; ++restarts) {
    CHECK(Conditions(world).empty());
    auto pod = Active(world).at(0)->CopyAs<corev1::Pod>();
    pod->mutable_status()->set_phase("Running");
    pod->mutable_status()->clear_container_statuses();
    pod->mutable_status()->add_container_statuses()->set_restart_count(restarts);
    world.Update(std::move(pod), "status");
    world.Settle();
  }
  CHECK(Reason(world) == "BackoffLimitExceeded");
}

TEST_CASE("AnIndexedJobRunsEachIndexOnce") {
  World world(7, kNoNodes);
  Start(&world, IndexedJob(5, 3));
  std::set<int> indexes;
  for (const auto& pod : Active(world)) {
    indexes.insert(IndexOf(pod));
    const auto& spec = pod->As<corev1::Pod>().spec();
    CHECK(spec.hostname() == absl::StrCat("work-", IndexOf(pod)));
    CHECK(spec.containers(0).env(0).name() == "JOB_COMPLETION_INDEX");
    CHECK(pod->meta().name().find(absl::StrCat("work-", IndexOf(pod), "-")) == 0);
  }
  CHECK(indexes == std::set<int>{0, 1, 2});
  world.Exit(OfIndex(world, 1), 0);
  world.Settle();
  CHECK(StatusOf(world).completed_indexes() == "1");
  REQUIRE(OfIndex(world, 3) != nullptr);
  world.Exit(OfIndex(world, 0), 1);  // To be done again.
  world.Settle();
  world.Exit(OfIndex(world, 2), 0);
  world.Pass(absl::Seconds(11));
  CHECK(StatusOf(world).completed_indexes() == "1,2");
  for (int i = 0; i < 10 && !Active(world).empty(); ++i) {
    world.Exit(Active(world)[0], 0);
    world.Pass(absl::Seconds(1));
  }
  CHECK(StatusOf(world).completed_indexes() == "0-4");
  CHECK(StatusOf(world).succeeded() == 5);
  CHECK(StatusOf(world).failed() == 1);
  CHECK(Conditions(world) == "SuccessCriteriaMet Complete");
}

TEST_CASE("WithALimitForEachIndexOneBadIndexDoesNotStopTheOthers") {
  World world(7, kNoNodes);
  auto job = IndexedJob(3, 3);
  job->mutable_spec()->set_backoff_limit_per_index(1);
  Start(&world, std::move(job));
  world.Exit(OfIndex(world, 0), 1);
  world.Settle();
  // The others do not wait for it, and it waits on its own.
  world.Exit(OfIndex(world, 1), 0);
  world.Settle();
  CHECK(OfIndex(world, 0) == nullptr);
  world.Pass(absl::Seconds(11));
  REQUIRE(OfIndex(world, 0) != nullptr);
  CHECK(OfIndex(world, 0)->meta().annotations().at(kIndexFailures) == "1");
  CHECK(StatusOf(world).failed() == 1);
  world.Exit(OfIndex(world, 0), 1);
  world.Pass(absl::Minutes(1));
  CHECK(OfIndex(world, 0) == nullptr);
  CHECK(StatusOf(world).failed_indexes() == "0");
  CHECK(Conditions(world).empty());
  world.Exit(OfIndex(world, 2), 0);
  world.Pass(absl::Seconds(1));
  CHECK(Conditions(world) == "FailureTarget Failed");
  CHECK(Reason(world) == "FailedIndexes");
  CHECK(StatusOf(world).completed_indexes() == "1,2");
  CHECK(StatusOf(world).failed() == 2);
}

// The failed pod alone knows how often its index has failed: deleting it is no way around.
TEST_CASE("AnIndexsFailuresAreRememberedAlthoughItsFailedPodIsDeleted") {
  World world(7, kNoNodes);
  auto job = IndexedJob(2, 2);
  job->mutable_spec()->set_backoff_limit_per_index(1);
  Start(&world, std::move(job));
  const api::ObjectPtr pod = OfIndex(world, 0);
  world.Exit(pod, 1);
  world.Settle();
  world.Delete(*pod);
  world.Pass(absl::Seconds(11));
  REQUIRE(OfIndex(world, 0) != nullptr);
  CHECK(OfIndex(world, 0)->meta().annotations().at(kIndexFailures) == "1");
  CHECK(world.Get<corev1::Pod>(pod->meta().name()) == nullptr);
}

TEST_CASE("FailIndexAndMaxFailedIndexesEndAJobEarly") {
  World world(7, kNoNodes);
  auto job = IndexedJob(4, 4);
  job->mutable_spec()->set_backoff_limit_per_index(5);
  job->mutable_spec()->set_max_failed_indexes(1);
  OnExitCode(9, AddRule(job.get(), "FailIndex"));
  Start(&world, std::move(job));
  world.Exit(OfIndex(world, 1), 9);
  world.Pass(absl::Minutes(1));
  CHECK(StatusOf(world).failed_indexes() == "1");
  CHECK(Conditions(world).empty());
  world.Exit(OfIndex(world, 2), 9);
  world.Settle();
  CHECK(Reason(world) == "MaxFailedIndexesExceeded");
}

TEST_CASE("ASuccessPolicyEndsAJobBeforeAllIndexesAreDone") {
  World world(7, kNoNodes);
  auto job = IndexedJob(4, 4);
  auto* rule = job->mutable_spec()->mutable_success_policy()->add_rules();
  rule->set_succeeded_indexes("0,2-3");
  rule->set_succeeded_count(1);
  Start(&world, std::move(job));
  world.Exit(OfIndex(world, 1), 0);
  world.Settle();
  CHECK(Conditions(world).empty());
  world.Exit(OfIndex(world, 2), 0);
  world.Pass(absl::Seconds(1));
  CHECK(Conditions(world) == "SuccessCriteriaMet Complete");
  CHECK(Reason(world) == "SuccessPolicy");
  CHECK(Active(world).empty());
}

TEST_CASE("AShrunkenJobStopsTheLeastUsefulPodsWithoutCountingThem") {
  World world(7, kNoNodes);
  Start(&world, WorkJob(9, 3));
  world.Become(Active(world).at(1), "Running", true);
  world.Settle();
  const std::string running = Active(world)[1]->meta().name();
  auto job = world.Get<batchv1::Job>("work")->CopyAs<batchv1::Job>();
  job->mutable_spec()->set_parallelism(1);
  world.Update(std::move(job));
  world.Settle();
  REQUIRE(Active(world).size() == 1);
  CHECK(Active(world)[0]->meta().name() == running);
  CHECK(StatusOf(world).failed() == 0);
  CHECK(world.All<corev1::Pod>().size() == 1);
}

TEST_CASE("PodsOfADeletedJobAreNotHeld") {
  World world(7, kNoNodes);
  Start(&world, WorkJob(2, 2));
  world.Bind(Active(world).at(0));
  world.Settle();
  world.Exit(Active(world)[0], 0);
  world.Delete(*world.Get<batchv1::Job>("work"));
  world.Settle();
  CHECK(world.All<corev1::Pod>().empty());
}

TEST_CASE("OrphansOfAJobLoseTheirTracking") {
  World world(7, kNoNodes);
  Start(&world, WorkJob(2, 2));
  world.Delete(*world.Get<batchv1::Job>("work"), "Orphan");
  world.Settle();
  REQUIRE(Active(world).size() == 2);
  for (const auto& pod : Active(world)) CHECK(pod->meta().finalizers().empty());
}

TEST_CASE("AJobThatSelectsByHandTakesOnItsPodsAndCountsThem") {
  World world(7, kNoNodes);
  auto stray = std::make_unique<corev1::Pod>();
  stray->mutable_metadata()->set_name("stray");
  stray->mutable_metadata()->set_namespace_("default");
  (*stray->mutable_metadata()->mutable_labels())["run"] = "7";
  stray->mutable_spec()->add_containers()->set_name("c");
  stray->mutable_spec()->mutable_containers(0)->set_image("x");
  world.Create(std::move(stray));
  auto job = WorkJob(1, 1);
  job->mutable_spec()->set_manual_selector(true);
  (*job->mutable_spec()->mutable_selector()->mutable_match_labels())["run"] = "7";
  auto* labels = job->mutable_spec()->mutable_template_()->mutable_metadata()->mutable_labels();
  (*labels)["run"] = "7";
  Start(&world, std::move(job));
  REQUIRE(world.All<corev1::Pod>().size() == 1);
  CHECK(HasFinalizer(world.Get<corev1::Pod>("stray")->meta(), kJobTracking));
  world.Exit(world.Get<corev1::Pod>("stray"), 0);
  world.Settle();
  CHECK(Conditions(world) == "SuccessCriteriaMet Complete");
}

TEST_CASE("AJobOfAnotherManagerIsLeftAlone") {
  World world(7, kNoNodes);
  auto job = WorkJob(1, 1);
  job->mutable_spec()->set_managed_by("example.com/queue");
  Start(&world, std::move(job));
  CHECK(world.All<corev1::Pod>().empty());
}

TEST_CASE("AFinishedJobAndItsPodsGoAfterTheirTime") {
  World world(7, kNoNodes);
  auto job = WorkJob(1, 1);
  job->mutable_spec()->set_ttl_seconds_after_finished(60);
  Start(&world, std::move(job));
  world.Exit(Active(world).at(0), 0);
  world.Pass(absl::Seconds(58));
  REQUIRE(world.Get<batchv1::Job>("work") != nullptr);
  world.Pass(absl::Seconds(3));
  CHECK(world.Get<batchv1::Job>("work") == nullptr);
  CHECK(world.All<corev1::Pod>().empty());
}

TEST_CASE("IndexesAreWrittenAsKubernetesWritesThem") {
  CHECK(FormatIndexes({}).empty());
  CHECK(FormatIndexes({0, 1, 3, 4, 5, 9}) == "0,1,3-5,9");
  CHECK(ParseIndexes("0,1,3-5,9", 100) == std::set<int>{0, 1, 3, 4, 5, 9});
  // What stands in a status may be anything.
  CHECK(ParseIndexes("-3,x,2-2000000000,7-5", 4) == std::set<int>{2, 3});
}

}  // namespace
}  // namespace skiff::controllers
