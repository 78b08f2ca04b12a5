#include "cluster/custom_controller.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "api/selector.h"
#include "base/status.h"
#include "cluster/callback.h"
#include "cluster/kind_name.h"
#include "controllers/controllers.h"
#include "controllers/plan.h"

namespace skiff::cluster {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(5);
constexpr absl::Duration kLongestRetry = absl::Minutes(1);
constexpr int kDoublings = 14;  // From the first to the longest.

thread_local const Objects* called_for = nullptr;

ReconcileRequest RequestOf(const std::string& key) {
  const size_t slash = key.find('/');
  return {key.substr(0, slash), key.substr(slash + 1)};
}

}  // namespace

// What the callback sees of the cluster.
class CustomController::Face final : public ControllerClient {
 public:
  explicit Face(CustomController* controller) : controller_(controller) {}

  absl::StatusOr<std::string> Get(const ObjectRef& object) override {
    SKIFF_RETURN_IF_ERROR(Open());
    SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr found, controller_->objects_->Get(object));
    return *found->Json();
  }
  absl::StatusOr<std::string> List(const ListQuery& query) override {
    SKIFF_RETURN_IF_ERROR(Open());
    return controller_->objects_->ListJson(query);
  }
  absl::StatusOr<std::vector<Applied>> Apply(const std::string& manifest,
                                             const std::string& name_space) override {
    SKIFF_RETURN_IF_ERROR(Open());
    auto applied = controller_->objects_->Apply(manifest, name_space);
    if (!applied.ok()) return applied;
    for (const Applied& each : *applied) {
      if (each.outcome != Applied::Outcome::kUnchanged) wrote.push_back({"apply", each.object, ""});
    }
    return applied;
  }
  absl::StatusOr<std::string> Create(const std::string& manifest,
                                     const std::string& name_space) override {
    SKIFF_RETURN_IF_ERROR(Open());
    return Noted("create", controller_->objects_->Create(manifest, name_space));
  }
  absl::StatusOr<std::string> Update(const std::string& manifest,
                                     const std::string& name_space) override {
    SKIFF_RETURN_IF_ERROR(Open());
    return Noted("update", controller_->objects_->Update(manifest, name_space, ""));
  }
  absl::StatusOr<std::string> UpdateStatus(const std::string& manifest,
                                           const std::string& name_space) override {
    SKIFF_RETURN_IF_ERROR(Open());
    return Noted("update status", controller_->objects_->Update(manifest, name_space, "status"));
  }
  absl::Status Delete(const ObjectRef& object,
                      std::optional<int64_t> grace_period_seconds) override {
    SKIFF_RETURN_IF_ERROR(Open());
    SKIFF_RETURN_IF_ERROR(controller_->objects_->Delete(object, grace_period_seconds));
    wrote.push_back({"delete", object, ""});
    return absl::OkStatus();
  }
  absl::Status RecordEvent(const ObjectRef& about, const std::string& type,
                           const std::string& reason, const std::string& message) override {
    SKIFF_RETURN_IF_ERROR(Open());
    SKIFF_ASSIGN_OR_RETURN(api::ObjectPtr object, controller_->objects_->Get(about));
    controller_->loop_->Post([controller = controller_, alive = controller_->alive_,
                              object = std::move(object), type, reason, message] {
      if (*alive && !controller->stopped_) {
        controller->events_.Record(*object, type, reason, message);
      }
    });
    return absl::OkStatus();
  }
  absl::Time Now() const override { return controller_->loop_->clock().Now(); }

  std::vector<Wrote> wrote;

 private:
  absl::StatusOr<std::string> Noted(const char* verb, absl::StatusOr<std::string> stored) {
    if (stored.ok()) wrote.push_back({verb, {}, *stored});
    return stored;
  }
  absl::Status Open() const {
    if (*controller_->closing_) return absl::UnavailableError("the cluster is closed");
    return absl::OkStatus();
  }

  CustomController* const controller_;
};

absl::StatusOr<CustomController::Definition> CustomController::Check(const Controller& controller) {
  if (controller.name.empty()) return absl::InvalidArgumentError("a controller has no name");
  const std::string what = absl::StrCat("controller \"", controller.name, "\"");
  if (controllers::ControllerManager::Names().contains(controller.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": the cluster has one of its own of that name"));
  }
  if (!controller.reconcile) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": it has no callback"));
  }
  Definition out;
  out.controller = controller;
  const absl::StatusOr<const api::ResourceInfo*> kind = ResolveKind(controller.kind);
  if (!kind.ok()) return Annotate(kind.status(), what);
  out.resource = *kind;
  const auto labels = api::LabelSelector::Parse(controller.label_selector);
  if (!labels.ok()) return Annotate(labels.status(), absl::StrCat(what, ": label selector"));
  for (const std::string& owned : controller.owns) {
    const absl::StatusOr<const api::ResourceInfo*> resource = ResolveKind(owned);
    if (!resource.ok()) return Annotate(resource.status(), what);
    out.owned.push_back(*resource);
  }
  return out;
}

CustomController::CustomController(Definition definition, client::Client* client, Executor* loop,
                                   WorkPool* worker, Objects* objects,
                                   const std::atomic<bool>* closing, Gate* calls, Logger logger,
                                   Metrics* metrics)
    : definition_(std::move(definition)),
      loop_(loop),
      worker_(worker),
      objects_(objects),
      closing_(closing),
      calls_(calls),
      logger_(std::move(logger)),
      events_(client, loop, definition_.controller.name),
      primary_(client, loop, *definition_.resource,
               {.label_selector = definition_.controller.label_selector}) {
  if (metrics != nullptr) {
    const std::map<std::string, std::string> labels = {{"controller", name()}};
    reconciles_ = &metrics->Counter("skiff_controller_reconciles_total",
                                    "Keys that a controller has looked at", labels);
    errors_ = &metrics->Counter("skiff_controller_errors_total",
                                "Plans of a controller that could not be committed", labels);
  }
  primary_.AddHandler(
      [this](const api::ObjectPtr& before, const api::ObjectPtr& now) { OnOwner(before, now); });
  for (const api::ResourceInfo* resource : definition_.owned) {
    owned_.push_back(std::make_unique<client::Informer>(client, loop, *resource));
    owned_.back()->AddHandler(
        [this](const api::ObjectPtr& before, const api::ObjectPtr& now) { OnOwned(before, now); });
  }
}

CustomController::~CustomController() { *alive_ = false; }

void CustomController::Start() {
  stopped_ = false;
  primary_.Start();
  for (const auto& informer : owned_) informer->Start();
}

void CustomController::Stop() {
  stopped_ = true;
  primary_.Stop();
  for (const auto& informer : owned_) informer->Stop();
  for (const auto& [key, wake] : wakes_) loop_->Cancel(wake.timer);
  wakes_.clear();
}

bool CustomController::current() const {
  return primary_.current() && std::all_of(owned_.begin(), owned_.end(),
                                           [](const auto& each) { return each->current(); });
}

bool CustomController::Settled(absl::Duration within) const {
  return current() && order_.empty() && !calling_ && NextWake() > loop_->clock().Now() + within;
}

// "create configmaps default/web".
std::string CustomController::Named(const Wrote& wrote) {
  ObjectRef object = wrote.object;
  if (const auto json = api::JsonValue::Parse(wrote.json); json.ok()) {
    const auto text = [](const api::JsonValue* of, const char* member) {
      const api::JsonValue* found = of == nullptr ? nullptr : of->Find(member);
      return found == nullptr ? "" : found->text();
    };
    object.kind = text(&*json, "kind");
    object.name_space = text(json->Find("metadata"), "namespace");
    object.name = text(json->Find("metadata"), "name");
  }
  const auto kind = ResolveKind(object.kind);
  const bool placed = kind.ok() && (*kind)->namespaced;
  return absl::StrCat(wrote.verb, " ", kind.ok() ? (*kind)->qualified() : object.kind, " ",
                      placed ? object.name_space : "", placed ? "/" : "", object.name);
}

controllers::Runner::View CustomController::Inspect() const {
  controllers::Runner::View view;
  view.name = name();
  view.queued.assign(order_.begin(), order_.end());
  if (calling_) view.in_flight.push_back(*calling_);
  view.failures = failures_;
  view.next_wake = NextWake();
  view.reconciles = count_;
  view.last_key = last_key_;
  for (const Wrote& each : last_wrote_) view.last_writes.push_back(Named(each));
  return view;
}

absl::Time CustomController::NextWake() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [key, wake] : wakes_) next = std::min(next, wake.at);
  return loop_->clock().Now() + (next - loop_->clock().Monotonic());
}

void CustomController::OnOwner(const api::ObjectPtr& before, const api::ObjectPtr& now) {
  const api::ObjectPtr& any = now != nullptr ? now : before;
  if (any != nullptr) Enqueue(client::Informer::KeyOf(*any));
  Schedule();  // The view may be complete now.
}

// What its controlling owner is to hear of: not of objects that the selector leaves out.
void CustomController::OnOwned(const api::ObjectPtr& before, const api::ObjectPtr& now) {
  for (const api::ObjectPtr& object : {before, now}) {
    if (object == nullptr) continue;
    const metav1::OwnerReference* owner = controllers::ControllerOf(*object);
    if (owner == nullptr || owner->kind() != definition_.resource->kind ||
        owner->api_version() != definition_.resource->api_version()) {
      continue;
    }
    const std::string key = absl::StrCat(
        definition_.resource->namespaced ? object->meta().namespace_() : "", "/", owner->name());
    const api::ObjectPtr known = primary_.Get(key);
    if (known != nullptr && known->meta().uid() == owner->uid()) Enqueue(key);
  }
  Schedule();
}

void CustomController::Enqueue(const std::string& key) {
  if (stopped_) return;
  if (queued_.insert(key).second) order_.push_back(key);
  Schedule();
}

void CustomController::Schedule() {
  if (order_.empty() || std::exchange(scheduled_, true)) return;
  loop_->Post([this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    Process();
  });
}

// The first of the queue goes to the worker: the next one when it is done.
void CustomController::Process() {
  if (stopped_ || calling_ || order_.empty() || !current()) return;
  const std::string key = std::move(order_.front());
  order_.pop_front();
  calling_ = key;
  ++count_;
  queued_.erase(key);
  if (const auto wake = wakes_.extract(key)) loop_->Cancel(wake.mapped().timer);
  if (reconciles_ != nullptr) reconciles_->Increment();
  worker_->Run([this, alive = alive_, key] {
    const Gate::Pass pass(calls_);
    if (!pass.entered()) return;
    loop_->Post([this, alive, key, done = Call(key)]() mutable {
      if (*alive) OnDone(key, std::move(done));
    });
  });
}

bool CustomController::Calling(const Objects* objects) {
  return objects != nullptr && called_for == objects;
}

CustomController::Done CustomController::Call(const std::string& key) {
  Face face(this);
  // Calls of controllers of other clusters may come within it.
  const absl::Cleanup back = [before = std::exchange(called_for, objects_)] {
    called_for = before;
  };
  auto result = CallHost([&] { return definition_.controller.reconcile(face, RequestOf(key)); });
  if (!result.ok() ||
      result->requeue_after.value_or(absl::ZeroDuration()) >= absl::ZeroDuration()) {
    return {std::move(result), std::move(face.wrote)};
  }
  return {absl::InvalidArgumentError(absl::StrCat(
              "requeue_after: ", absl::FormatDuration(*result->requeue_after), " is less than 0")),
          std::move(face.wrote)};
}

void CustomController::OnDone(const std::string& key, Done done) {
  calling_.reset();
  if (stopped_) return;
  if (!done.wrote.empty()) {
    last_key_ = key;
    last_wrote_ = std::move(done.wrote);
  }
  const absl::StatusOr<ReconcileResult>& result = done.result;
  if (result.ok()) {
    failures_.erase(key);
    const absl::Duration again = result->requeue_after.value_or(absl::ZeroDuration());
    if (again > absl::ZeroDuration()) WakeLater(key, again);
  } else {
    if (errors_ != nullptr) errors_->Increment();
    logger_.Warning("%s %s: %s", name(), key, result.status().message());
    const int doublings = std::min(failures_[key]++, kDoublings);
    WakeLater(key, std::min(kFirstRetry * (1 << doublings), kLongestRetry));
  }
  Schedule();
}

void CustomController::WakeLater(const std::string& key, absl::Duration delay) {
  if (delay == absl::InfiniteDuration() || queued_.contains(key)) return;
  delay = std::max(delay, absl::Milliseconds(1));
  const Executor::TimerId timer = loop_->PostAfter(delay, [this, alive = alive_, key] {
    if (!*alive) return;
    wakes_.erase(key);
    Enqueue(key);
  });
  wakes_[key] = {timer, loop_->clock().Monotonic() + delay};
}

}  // namespace skiff::cluster
