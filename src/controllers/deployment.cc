#include "controllers/deployment.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "api/int_or_string.h"
#include "api/time.h"

namespace skiff::controllers {
namespace {

constexpr char kHashLabel[] = "pod-template-hash";
constexpr char kRevision[] = "deployment.kubernetes.io/revision";
constexpr char kDesired[] = "deployment.kubernetes.io/desired-replicas";
constexpr char kMax[] = "deployment.kubernetes.io/max-replicas";

using SetPtr = std::unique_ptr<appsv1::ReplicaSet>;

std::string Bytes(const google::protobuf::Message& message) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
  return out;
}

int64_t RevisionOf(const api::Object& object) {
  const auto it = object.meta().annotations().find(kRevision);
  int64_t revision = 0;
  return it != object.meta().annotations().end() && absl::SimpleAtoi(it->second, &revision)
             ? revision
             : 0;
}

// The reconcile of one deployment, in steps over shared facts.
class Walk {
 public:
  explicit Walk(const DeploymentObserved& observed)
      : observed_(observed), deployment_(observed.deployment->As<appsv1::Deployment>()) {
    const int replicas = deployment_.spec().replicas();
    const auto& rolling = deployment_.spec().strategy().rolling_update();
    if (!recreate()) {
      max_surge_ = api::ScaledValue(rolling.max_surge(), replicas, api::Rounding::kUp).value_or(1);
      max_unavailable_ =
          api::ScaledValue(rolling.max_unavailable(), replicas, api::Rounding::kDown).value_or(0);
      if (max_surge_ == 0 && max_unavailable_ == 0) max_unavailable_ = 1;
    }
    const std::string hash = TemplateHash(deployment_.spec().template_());
    // The oldest first: they are the first to give way.
    std::vector<api::ObjectPtr> sets = observed.replica_sets;
    std::sort(sets.begin(), sets.end(), [](const auto& a, const auto& b) {
      const int64_t left = a->meta().creation_timestamp().seconds();
      const int64_t right = b->meta().creation_timestamp().seconds();
      return left != right ? left < right : a->meta().name() < b->meta().name();
    });
    for (const api::ObjectPtr& set : sets) {
      const auto& labels = set->meta().labels();
      const auto it = labels.find(kHashLabel);
      if (it != labels.end() && it->second == hash) {
        new_set_ = set;
      } else {
        old_sets_.push_back(set);
      }
      last_revision_ = std::max(last_revision_, RevisionOf(*set));
    }
    hash_ = hash;
  }

  Plan Run() {
    Claim(*observed_.deployment, deployment_.spec().selector(), observed_.replica_sets,
          observed_.strays, &plan_);
    if (!plan_.writes.empty()) return std::move(plan_);
    if (!deployment_.metadata().has_deletion_timestamp()) {
      if (deployment_.spec().paused() || WasResized()) {
        Resize();
      } else {
        Roll();
      }
      CleanUp();
    }
    WriteStatus();
    return std::move(plan_);
  }

 private:
  bool recreate() const { return deployment_.spec().strategy().type() == "Recreate"; }
  static const appsv1::ReplicaSet& Typed(const api::ObjectPtr& set) {
    return set->As<appsv1::ReplicaSet>();
  }
  int OldReplicas() const {
    int sum = 0;
    for (const api::ObjectPtr& set : old_sets_) sum += Typed(set).spec().replicas();
    return sum;
  }
  int OldPods() const {
    int sum = 0;
    for (const api::ObjectPtr& set : old_sets_) {
      sum += std::max(Typed(set).status().replicas(), Typed(set).spec().replicas());
    }
    return sum;
  }

  std::vector<api::ObjectPtr> ActiveSets() const {
    std::vector<api::ObjectPtr> out;
    if (new_set_ != nullptr && Typed(new_set_).spec().replicas() > 0) out.push_back(new_set_);
    for (const api::ObjectPtr& set : old_sets_) {
      if (Typed(set).spec().replicas() > 0) out.push_back(set);
    }
    return out;
  }

  // Whether the size asked for is another than the one that the sets were scaled for: they follow
  // in proportion before the roll goes on, so that a big change in the middle of one does not go to
  // one side alone.
  bool WasResized() const {
    const std::vector<api::ObjectPtr> active = ActiveSets();
    // Recreate has no proportions: all but the new set are on their way to nothing.
    if (recreate() && active.size() > 1) return false;
    for (const api::ObjectPtr& set : active) {
      const auto it = set->meta().annotations().find(kDesired);
      int desired = 0;
      if (it != set->meta().annotations().end() && absl::SimpleAtoi(it->second, &desired) &&
          desired != deployment_.spec().replicas()) {
        return true;
      }
    }
    return false;
  }

  void Resize() {
    const int wanted = deployment_.spec().replicas();
    std::vector<api::ObjectPtr> active = ActiveSets();
    if (active.size() > 1 && !recreate()) return ResizeInProportion(std::move(active));
    if (!active.empty()) return Scale(active[0], wanted, /*annotate=*/true);
    // All are empty: the newest takes the size.
    api::ObjectPtr newest = new_set_;
    for (const api::ObjectPtr& set : old_sets_) {
      if (new_set_ == nullptr && (newest == nullptr || RevisionOf(*set) > RevisionOf(*newest))) {
        newest = set;
      }
    }
    if (newest != nullptr) Scale(newest, wanted, /*annotate=*/true);
  }

  // Each set gets its share of the change, the biggest what rounding leaves over.
  void ResizeInProportion(std::vector<api::ObjectPtr> active) {
    const int wanted = deployment_.spec().replicas();
    const int allowed = wanted > 0 ? wanted + max_surge_ : 0;
    int total = 0;
    for (const api::ObjectPtr& set : active) total += Typed(set).spec().replicas();
    const int change = allowed - total;
    std::sort(active.begin(), active.end(), [](const auto& a, const auto& b) {
      const int left = Typed(a).spec().replicas();
      const int right = Typed(b).spec().replicas();
      return left != right ? left > right : RevisionOf(*a) > RevisionOf(*b);
    });
    std::vector<int> target;
    int left = change;
    for (const api::ObjectPtr& set : active) {
      const int64_t replicas = Typed(set).spec().replicas();
      // Rounded to the nearest, towards zero from the middle; never past what is left to give.
      int share = static_cast<int>((2 * replicas * std::abs(change) + total - 1) / (2 * total));
      share = std::min(share, std::abs(left)) * (change < 0 ? -1 : 1);
      left -= share;
      target.push_back(static_cast<int>(replicas) + share);
    }
    target[0] += left;
    for (size_t i = 0; i < active.size(); ++i) {
      Scale(active[i], std::max(target[i], 0), /*annotate=*/true);
    }
  }

  void Roll() {
    const int wanted = deployment_.spec().replicas();
    if (new_set_ == nullptr) {
      // Recreate: the old pods are gone before the first new one comes.
      if (recreate() && OldPods() > 0) {
        for (const api::ObjectPtr& set : old_sets_) Scale(set, 0);
        return;
      }
      const int room = recreate() ? wanted : wanted + max_surge_ - OldReplicas();
      Create(std::clamp(room, 0, wanted));
      return;
    }
    EnsureRevision();
    const int current = Typed(new_set_).spec().replicas();
    if (recreate()) {
      for (const api::ObjectPtr& set : old_sets_) Scale(set, 0);
      Scale(new_set_, OldPods() == 0 ? wanted : current);
      return;
    }
    // Even where its size stays, its revision may change.
    const int room = std::max(wanted + max_surge_ - OldReplicas() - current, 0);
    Scale(new_set_, std::min(current + room, wanted));
    ScaleDownOld(wanted);
  }

  // Old sets give way as far as availability allows, unhealthy pods first.
  void ScaleDownOld(int wanted) {
    const int min_available = wanted - max_unavailable_;
    const auto& fresh = Typed(new_set_);
    int total = fresh.spec().replicas() + OldReplicas();
    const int new_unavailable = fresh.spec().replicas() - fresh.status().available_replicas();
    int budget = total - min_available - std::max(new_unavailable, 0);
    std::map<std::string, int> target;
    for (const api::ObjectPtr& set : old_sets_)
      target[set->meta().name()] = Typed(set).spec().replicas();
    // What is not available in the old sets costs nothing to remove.
    for (const api::ObjectPtr& set : old_sets_) {
      int& replicas = target[set->meta().name()];
      const int unhealthy = std::max(0, replicas - Typed(set).status().available_replicas());
      const int cut = std::clamp(std::min(unhealthy, budget), 0, replicas);
      replicas -= cut;
      budget -= cut;
    }
    int available = fresh.status().available_replicas();
    for (const api::ObjectPtr& set : old_sets_) {
      available += std::min(Typed(set).status().available_replicas(), target[set->meta().name()]);
    }
    int spare = available - min_available;
    for (const api::ObjectPtr& set : old_sets_) {
      int& replicas = target[set->meta().name()];
      const int cut = std::clamp(spare, 0, replicas);
      replicas -= cut;
      spare -= cut;
      if (replicas != Typed(set).spec().replicas()) Scale(set, replicas);
    }
  }

  void Create(int replicas) {
    auto set = std::make_unique<appsv1::ReplicaSet>();
    metav1::ObjectMeta* meta = set->mutable_metadata();
    meta->set_name(absl::StrCat(deployment_.metadata().name(), "-", hash_));
    meta->set_namespace_(deployment_.metadata().namespace_());
    *meta->mutable_labels() = deployment_.spec().template_().metadata().labels();
    (*meta->mutable_labels())[kHashLabel] = hash_;
    Annotate(meta, last_revision_ + 1);
    *meta->add_owner_references() = MakeControllerRef(*observed_.deployment);
    set->mutable_spec()->set_replicas(replicas);
    set->mutable_spec()->set_min_ready_seconds(deployment_.spec().min_ready_seconds());
    *set->mutable_spec()->mutable_selector() = deployment_.spec().selector();
    (*set->mutable_spec()->mutable_selector()->mutable_match_labels())[kHashLabel] = hash_;
    *set->mutable_spec()->mutable_template_() = deployment_.spec().template_();
    (*set->mutable_spec()->mutable_template_()->mutable_metadata()->mutable_labels())[kHashLabel] =
        hash_;
    Note(meta->name(), 0, replicas);
    plan_.writes.push_back(client::Write::Create(std::move(set)));
    SetRevision(last_revision_ + 1);
    progress_reason_ = "NewReplicaSetCreated";
    progress_message_ =
        absl::StrCat("Created new replica set \"", deployment_.metadata().name(), "-", hash_, "\"");
  }

  void Annotate(metav1::ObjectMeta* meta, int64_t revision) const {
    auto& annotations = *meta->mutable_annotations();
    annotations[kRevision] = absl::StrCat(revision);
    annotations[kDesired] = absl::StrCat(deployment_.spec().replicas());
    annotations[kMax] = absl::StrCat(deployment_.spec().replicas() + max_surge_);
  }

  // A template that comes back (a rollback) is the newest revision again.
  void EnsureRevision() {
    const int64_t own = RevisionOf(*new_set_);
    revised_ = own;
    if (own < last_revision_ || own == 0) revised_ = last_revision_ + 1;
    SetRevision(revised_);
  }

  void SetRevision(int64_t revision) {
    if (RevisionOf(*observed_.deployment) == revision) return;
    auto changed = observed_.deployment->CopyAs<appsv1::Deployment>();
    (*changed->mutable_metadata()->mutable_annotations())[kRevision] = absl::StrCat(revision);
    plan_.writes.push_back(client::Write::Update(std::move(changed)));
    revision_written_ = true;
  }

  // `annotate`: note the size that it was scaled for even where its own size stays.
  void Scale(const api::ObjectPtr& set, int replicas, bool annotate = false) {
    const int before = Typed(set).spec().replicas();
    const int64_t revision = set == new_set_ && revised_ != 0 ? revised_ : RevisionOf(*set);
    auto changed = set->CopyAs<appsv1::ReplicaSet>();
    changed->mutable_spec()->set_replicas(replicas);
    Annotate(changed->mutable_metadata(), revision);
    const bool annotations_differ = !Same(changed->metadata(), set->meta());
    if (before == replicas && revision == RevisionOf(*set) && !(annotate && annotations_differ)) {
      return;
    }
    plan_.writes.push_back(client::Write::Update(std::move(changed)));
    if (before != replicas) Note(set->meta().name(), before, replicas);
  }

  void Note(const std::string& set, int before, int after) {
    plan_.events.push_back({observed_.deployment, "Normal", "ScalingReplicaSet",
                            absl::StrCat("Scaled ", after > before ? "up" : "down", " replica set ",
                                         set, " from ", before, " to ", after)});
  }

  // Old, empty sets beyond the limit are history.
  void CleanUp() {
    if (!Complete()) return;
    std::vector<api::ObjectPtr> empty;
    for (const api::ObjectPtr& set : old_sets_) {
      if (Typed(set).spec().replicas() == 0 && Typed(set).status().replicas() == 0 &&
          !set->meta().has_deletion_timestamp()) {
        empty.push_back(set);
      }
    }
    std::sort(empty.begin(), empty.end(),
              [](const auto& a, const auto& b) { return RevisionOf(*a) < RevisionOf(*b); });
    const int limit = deployment_.spec().revision_history_limit();
    for (int i = 0; i + limit < static_cast<int>(empty.size()); ++i) {
      plan_.writes.push_back(client::Write::Delete(*empty[i]));
    }
  }

  bool Complete() const {
    if (new_set_ == nullptr) return false;
    const auto& fresh = Typed(new_set_);
    const int wanted = deployment_.spec().replicas();
    return fresh.status().replicas() == wanted && fresh.status().available_replicas() == wanted &&
           OldPods() == 0;
  }

  void WriteStatus() {
    // The revision is written on the object itself: the status follows in the next round, on the
    // newer object, rather than conflict with it.
    if (revision_written_) return;
    auto changed = observed_.deployment->CopyAs<appsv1::Deployment>();
    appsv1::DeploymentStatus* status = changed->mutable_status();
    int replicas = 0, ready = 0, available = 0, terminating = 0;
    for (const api::ObjectPtr& set : observed_.replica_sets) {
      replicas += Typed(set).status().replicas();
      ready += Typed(set).status().ready_replicas();
      available += Typed(set).status().available_replicas();
      terminating += Typed(set).status().terminating_replicas();
    }
    status->set_replicas(replicas);
    status->set_updated_replicas(new_set_ == nullptr ? 0 : Typed(new_set_).status().replicas());
    status->set_ready_replicas(ready);
    status->set_available_replicas(available);
    status->set_unavailable_replicas(std::max(0, deployment_.spec().replicas() - available));
    status->set_terminating_replicas(terminating);
    status->set_observed_generation(deployment_.metadata().generation());
    const bool enough = available >= deployment_.spec().replicas() - max_unavailable_;
    SetCondition("Available", enough ? "True" : "False",
                 enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                 enough ? "Deployment has minimum availability."
                        : "Deployment does not have minimum availability.",
                 false, status);
    SetProgress(status);
    if (!Same(changed->status(), deployment_.status())) {
      plan_.writes.push_back(client::Write::Update(std::move(changed), "status"));
    }
  }

  void SetProgress(appsv1::DeploymentStatus* status) {
    const std::string name = new_set_ == nullptr ? "" : new_set_->meta().name();
    if (Complete()) {
      return SetCondition("Progressing", "True", "NewReplicaSetAvailable",
                          absl::StrCat("ReplicaSet \"", name, "\" has successfully progressed."),
                          false, status);
    }
    const auto& before = deployment_.status();
    const bool moved = before.updated_replicas() != status->updated_replicas() ||
                       before.available_replicas() != status->available_replicas() ||
                       before.replicas() != status->replicas() || !plan_.writes.empty();
    const appsv1::DeploymentCondition* known = nullptr;
    for (const auto& condition : before.conditions()) {
      if (condition.type() == "Progressing") known = &condition;
    }
    if (deployment_.spec().paused()) {
      if (known != nullptr && known->reason() == "ProgressDeadlineExceeded") return;
      return SetCondition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused",
                          false, status);
    }
    if (known != nullptr && known->reason() == "DeploymentPaused") {
      return SetCondition("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed",
                          true, status);
    }
    if (known == nullptr || moved || known->reason() == "NewReplicaSetAvailable") {
      return SetCondition(
          "Progressing", "True", progress_reason_.empty() ? "ReplicaSetUpdated" : progress_reason_,
          progress_message_.empty() ? absl::StrCat("ReplicaSet \"", name, "\" is progressing.")
                                    : progress_message_,
          true, status);
    }
    if (known->reason() == "ProgressDeadlineExceeded") return;
    const absl::Time deadline = api::ToAbsl(known->last_update_time()) +
                                absl::Seconds(deployment_.spec().progress_deadline_seconds());
    if (observed_.now < deadline) return plan_.WakeAt(deadline);
    SetCondition("Progressing", "False", "ProgressDeadlineExceeded",
                 absl::StrCat("ReplicaSet \"", name, "\" has timed out progressing."), true,
                 status);
  }

  void SetCondition(const std::string& type, const std::string& value, const std::string& reason,
                    const std::string& message, bool touch, appsv1::DeploymentStatus* status) {
    auto* conditions = status->mutable_conditions();
    const auto* before = api::FindCondition(*conditions, type);
    const bool same = before != nullptr && before->status() == value && before->reason() == reason;
    auto* condition = api::SetCondition(type, value, reason, message, observed_.now, conditions);
    if (!same || touch) *condition->mutable_last_update_time() = api::MakeTime(observed_.now);
  }

  const DeploymentObserved& observed_;
  const appsv1::Deployment& deployment_;
  Plan plan_;
  api::ObjectPtr new_set_;
  std::vector<api::ObjectPtr> old_sets_;
  std::string hash_;
  int64_t last_revision_ = 0;
  int64_t revised_ = 0;
  int max_surge_ = 0;
  int max_unavailable_ = 0;
  bool revision_written_ = false;
  std::string progress_reason_;
  std::string progress_message_;
};

}  // namespace

std::string TemplateHash(const corev1::PodTemplateSpec& pod_template) {
  // FNV-1a over the deterministic encoding, in the alphabet of generated names.
  uint64_t hash = 14695981039346656037ull;
  for (const char c : Bytes(pod_template)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  }
  static constexpr char kAlphabet[] = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (int i = 0; i < 10; ++i, hash /= 27) out += kAlphabet[hash % 27];
  return out;
}

Plan ReconcileDeployment(const DeploymentObserved& observed) { return Walk(observed).Run(); }

}  // namespace skiff::controllers
