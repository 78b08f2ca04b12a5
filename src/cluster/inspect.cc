// What every loop of a cluster is at, as JSON.
#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "cluster/harness.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;

JsonValue Strings(const std::vector<std::string>& all) {
  JsonValue out = JsonValue::Array();
  for (const std::string& each : all) out.items().push_back(JsonValue::String(each));
  return out;
}

JsonValue Number(uint64_t value) { return JsonValue::Number(static_cast<int64_t>(value)); }

JsonValue Time(absl::Time time) {
  if (time == absl::InfiniteFuture()) return JsonValue();
  return JsonValue::String(absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone()));
}

JsonValue OfController(const controllers::Runner::View& view) {
  JsonValue out = JsonValue::Object();
  out.Member("name") = JsonValue::String(view.name);
  out.Member("queueDepth") = Number(view.queued.size());
  out.Member("queued") = Strings(view.queued);
  out.Member("inFlight") = Strings(view.in_flight);
  out.Member("waitingForView") = Strings(view.waiting);
  JsonValue& failures = out.Member("failures") = JsonValue::Object();
  for (const auto& [key, count] : view.failures) failures.Member(key) = JsonValue::Number(count);
  out.Member("nextWake") = Time(view.next_wake);
  out.Member("reconciles") = Number(view.reconciles);
  JsonValue& plan = out.Member("lastPlan");
  if (view.last_key.empty()) return out;
  plan = JsonValue::Object();
  plan.Member("key") = JsonValue::String(view.last_key);
  plan.Member("writes") = Strings(view.last_writes);
  return out;
}

JsonValue OfScheduler(const scheduler::Scheduler::View& view, uint64_t revision) {
  JsonValue out = JsonValue::Object();
  out.Member("name") = JsonValue::String("scheduler");
  out.Member("queueDepth") = Number(view.queued.size());
  out.Member("queued") = Strings(view.queued);
  out.Member("inFlight") = JsonValue::Number(view.in_flight);
  out.Member("viewRevision") = Number(revision);
  out.Member("nodes") = Number(view.nodes);
  JsonValue& pending = out.Member("pending") = JsonValue::Array();
  for (const auto& [pod, why] : view.pending) {
    JsonValue& one = pending.items().emplace_back(JsonValue::Object());
    one.Member("pod") = JsonValue::String(pod);
    one.Member("why") = JsonValue::String(why);
  }
  return out;
}

JsonValue OfNode(const LocalNodes::View& view) {
  JsonValue out = JsonValue::Object();
  out.Member("name") = JsonValue::String(view.name);
  out.Member("alive") = JsonValue::Bool(view.alive);
  out.Member("reachable") = JsonValue::Bool(view.reachable);
  out.Member("settled") = JsonValue::Bool(view.settled);
  out.Member("running") = Strings(view.running);
  return out;
}

// Of one member of several, they run only where it leads.
void OfLoops(ControlPlane& plane, JsonValue* controllers, JsonValue* views, JsonValue* scheduler) {
  MutexLock steady(&plane.steady());
  if (!plane.running()) return;
  RunOn(plane.control_loop(), [&] {
    for (const auto& view : plane.controllers().Inspect()) {
      controllers->items().push_back(OfController(view));
    }
    for (const auto& [resource, revision] : plane.controllers().ViewRevisions()) {
      if (revision > 0) views->Member(resource) = Number(revision);
    }
  });
  RunOn(plane.scheduler_loop(), [&] {
    *scheduler = OfScheduler(plane.scheduler().Inspect(), plane.scheduler().view_revision());
  });
}

JsonValue OfMembers(const MemberGroup& members) {
  JsonValue out = JsonValue::Array();
  for (int i = 0; i < members.count(); ++i) {
    const ControlPlane* plane = members.plane(i);
    JsonValue& one = out.items().emplace_back(JsonValue::Object());
    one.Member("alive") = JsonValue::Bool(plane != nullptr);
    one.Member("reachable") = JsonValue::Bool(!members.cut(i));
    one.Member("leads") = JsonValue::Bool(plane != nullptr && plane->running());
    one.Member("revision") = Number(plane == nullptr ? 0 : members.plane(i)->server().revision());
  }
  return out;
}

}  // namespace

std::string Harness::Inspect() {
  MutexLock lock(&mutex_);
  std::string out;
  AtOnce([&] { out = View(Plane()).ToString(); });
  return out;
}

// Where none leads, without what only that has.
JsonValue Harness::View(ControlPlane* plane) {
  JsonValue out = JsonValue::Object();
  out.Member("time") = Time(parts_.front->clock().Now());
  out.Member("clock") = JsonValue::String(parts_.virtual_time != nullptr ? "virtual" : "real");
  out.Member("seed") = JsonValue::String(absl::StrCat(parts_.seed));
  out.Member("revision") = Number(plane == nullptr ? 0 : plane->server().revision());
  JsonValue controllers = JsonValue::Array();
  JsonValue views = JsonValue::Object();
  JsonValue scheduler = OfScheduler({}, 0);
  if (plane != nullptr) OfLoops(*plane, &controllers, &views, &scheduler);
  const HostedControllers* hosted = parts_.hosted->get();
  if (hosted != nullptr && hosted->loop() != nullptr) {
    RunOn(hosted->loop(), [&] {
      for (const auto& each : hosted->all()) {
        controllers.items().push_back(OfController(each->Inspect()));
      }
    });
  }
  out.Member("controllers") = std::move(controllers);
  out.Member("views") = std::move(views);
  out.Member("scheduler") = std::move(scheduler);
  JsonValue& nodes = out.Member("nodes") = JsonValue::Array();
  RunOn(parts_.nodes->loop(), [&] {
    for (const auto& view : parts_.nodes->Inspect()) nodes.items().push_back(OfNode(view));
  });
  if (parts_.members != nullptr) out.Member("members") = OfMembers(*parts_.members);
  return out;
}

}  // namespace skiff::cluster
