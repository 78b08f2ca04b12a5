#include "cluster/harness.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/errors.h"
#include "base/notification.h"
#include "base/status.h"
#include "cluster/kind_name.h"

namespace skiff::cluster {
namespace {

constexpr absl::Duration kHeartbeat = absl::Seconds(10);
constexpr absl::Duration kLongestWait = absl::Milliseconds(10);
constexpr absl::Duration kLongest = absl::Hours(24 * 36525);
constexpr absl::Duration kLookAgain = absl::Milliseconds(1);
// In virtual time, with several members: how often to look.
constexpr absl::Duration kLookAtMembers = absl::Milliseconds(20);
// Until one that led before they were restored leads again.
constexpr absl::Duration kLookForLeader = absl::Milliseconds(1);
constexpr absl::Duration kLongestElection = absl::Seconds(10);
constexpr size_t kMostTold = 10;
// Whose looks at nodes follow the nodes' heartbeats.
constexpr char kNodeController[] = "node-controller";
constexpr char kHeartbeats[] = "coordination.k8s.io/leases/kube-node-lease/";

// Null if the reason is none of these.
decltype(WriteRule::error) ErrorFor(const Fault& fault) {
  const std::string& reason = fault.error;
  const auto same = [](absl::Status error) {
    return
        [error = std::move(error)](const api::ResourceInfo&, absl::string_view) { return error; };
  };
  if (reason == "Conflict" || reason == "Forbidden") {
    return [make = reason == "Conflict" ? &api::Conflict : &api::Forbidden,
            message = fault.message](const api::ResourceInfo& resource, absl::string_view name) {
      return make(resource, name, message);
    };
  }
  if (reason == "InternalError") return same(api::InternalError(fault.message));
  if (reason == "ServiceUnavailable") return same(api::ServiceUnavailable(fault.message));
  if (reason == "Timeout") return same(api::ServerTimeout(fault.message));
  if (reason == "TooManyRequests") return same(api::TooManyRequests(fault.message, 1));
  return nullptr;
}

absl::Status CheckDelay(const Fault& fault) {
  if (fault.delay >= absl::ZeroDuration() && fault.delay <= absl::Hours(1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("fault delay: a write takes 0 to 1 hour longer");
}

std::string Some(const std::vector<std::string>& all) {
  std::vector<std::string> some(all.begin(), all.begin() + std::min(all.size(), kMostTold));
  if (some.size() < all.size()) some.push_back(absl::StrCat(all.size() - some.size(), " more"));
  return absl::StrJoin(some, ", ");
}

}  // namespace

class Harness::Saved final : public SavedCluster {
 public:
  std::shared_ptr<const store::Snapshot> store;
  MemberGroup::State members;  // Instead of that.
  std::vector<LocalNodes::State> nodes;
  StoreFaults faults;
  absl::Duration elapsed;  // On the virtual clock.
  uint64_t seed = 0;       // Of all that comes after.
};

Harness::Harness(Parts parts) : parts_(std::move(parts)) {
  // Of several members each beats all the time.
  if (parts_.virtual_time == nullptr || parts_.members != nullptr) return;
  VirtualTime::Heartbeats heartbeats;
  heartbeats.period = kHeartbeat;
  heartbeats.timers = [this] {
    std::set<Executor::TimerId> out;
    std::set<std::string> names;
    for (const auto& [name, timer] : HealthyNodes()) {
      out.insert(timer);
      names.insert(name);
    }
    out.merge(parts_.control_plane->controllers().SilenceTimers(names));
    return out;
  };
  heartbeats.skipped = [this](absl::Duration time) { PassBy(time); };
  parts_.virtual_time->SetHeartbeats(std::move(heartbeats));
}

// Those of whom nobody has anything to say but that they live.
std::map<std::string, Executor::TimerId> Harness::HealthyNodes() {
  std::map<std::string, Executor::TimerId> out = parts_.nodes->Heartbeats();
  const auto snapshot = parts_.control_plane->store().snapshot();
  std::erase_if(out, [&](const auto& entry) {
    const api::ObjectPtr found =
        snapshot->Get(store::Key(api::ResourceOf<corev1::Node>(), "", entry.first));
    if (found == nullptr) return true;
    const auto& node = found->As<corev1::Node>();
    const auto& conditions = node.status().conditions();
    const bool ready = std::any_of(conditions.begin(), conditions.end(), [](const auto& each) {
      return each.type() == "Ready" && each.status() == "True";
    });
    // Pods that tolerate it for a while are driven away when that is over.
    const auto& taints = node.spec().taints();
    return !ready || std::any_of(taints.begin(), taints.end(),
                                 [](const auto& each) { return each.effect() == "NoExecute"; });
  });
  return out;
}

void Harness::PassBy(absl::Duration time) {
  std::set<std::string> names;
  for (const auto& [name, timer] : HealthyNodes()) names.insert(name);
  parts_.control_plane->controllers().SkipSilence(names, time);
  parts_.nodes->SkipHeartbeats(time);
}

absl::Status Harness::Seeded(absl::Status status) const {
  if (status.ok() || parts_.virtual_time == nullptr) return status;
  absl::Status out(status.code(), absl::StrCat(status.message(), " (virtual time ",
                                               absl::FormatTime(absl::RFC3339_full,
                                                                parts_.virtual_time->clock().Now(),
                                                                absl::UTCTimeZone()),
                                               ", seed ", parts_.seed, ")"));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { out.SetPayload(url, payload); });
  return out;
}

absl::Status Harness::Advance(absl::Duration duration) {
  if (parts_.virtual_time == nullptr) {
    return absl::FailedPreconditionError(
        "the cluster's clock is the real one; open it with a virtual clock to advance it");
  }
  if (duration < absl::ZeroDuration() || duration > kLongest) {
    return absl::InvalidArgumentError("time advances by 0 to 100 years");
  }
  MutexLock lock(&mutex_);
  SKIFF_RETURN_IF_ERROR(Wait(duration));
  if (!Stuck()) return absl::OkStatus();
  return Seeded(absl::DeadlineExceededError(absl::StrCat(
      "time cannot pass, for what is to be done now has no end: busy are ", Some(Hot()))));
}

// ---- settling -----------------------------------------------------------------------------------

ControlPlane* Harness::Plane() const {
  return parts_.members == nullptr ? parts_.control_plane : parts_.members->leading();
}

void Harness::OnDriver(absl::FunctionRef<void()> task) {
  if (parts_.virtual_time != nullptr) return parts_.virtual_time->Run(task);
  AtOnce(task);
}

void Harness::AtOnce(absl::FunctionRef<void()> task) {
  if (parts_.members == nullptr) return task();
  parts_.members->Run(task);
}

// Every loop after the store's, so that what the store had at the beginning has reached them.
// Of one member of several, they run only where it leads.
void Harness::LookAtLoops(ControlPlane* plane, Busy* found) {
  Busy& busy = *found;
  MutexLock steady(&plane->steady());
  if (!plane->running()) return;
  RunOn(plane->control_loop(), [&] {
    if (plane->controllers().Settled(absl::ZeroDuration())) return;
    const size_t before = busy.who.size();
    for (const auto& view : plane->controllers().Inspect()) {
      if (view.queued.empty() && view.in_flight.empty() && view.waiting.empty()) continue;
      busy.who.push_back(absl::StrCat(view.name, " on ",
                                      Some(!view.queued.empty()      ? view.queued
                                           : !view.in_flight.empty() ? view.in_flight
                                                                     : view.waiting)));
    }
    if (busy.who.size() == before) busy.who.emplace_back("the controllers' views or wake-ups");
  });
  RunOn(plane->scheduler_loop(), [&] {
    if (plane->scheduler().Settled()) return;
    busy.who.push_back(absl::StrCat("scheduler on ", Some(plane->scheduler().Inspect().queued)));
  });
}

Harness::Busy Harness::Look() {
  Busy busy;
  AtOnce([&] {
    ControlPlane* const plane = Plane();
    if (plane == nullptr) {
      busy.who.emplace_back("the members, of whom none leads");
      return;
    }
    RunOn(plane->store_loop(), [&] { busy.revision = plane->server().revision(); });
    if (plane->switching()) busy.who.emplace_back("a member that begins or ends to lead");
    LookAtLoops(plane, &busy);
    if (parts_.members != nullptr && !parts_.members->Even()) {
      busy.who.emplace_back("members that are behind or have writes to answer");
    }
  });
  RunOn(parts_.nodes->loop(), [&] {
    for (const auto& view : parts_.nodes->Inspect()) {
      if (view.alive && view.reachable && !view.settled) busy.who.push_back(view.name);
    }
  });
  const HostedControllers* hosted = parts_.hosted->get();
  if (hosted != nullptr && hosted->loop() != nullptr) {
    RunOn(hosted->loop(), [&] {
      for (const auto& controller : hosted->all()) {
        if (!controller->Settled(absl::ZeroDuration())) busy.who.push_back(controller->name());
      }
    });
  }
  return busy;
}

void Harness::EndWaits() {
  ended_ = true;
  if (parts_.virtual_time != nullptr) parts_.virtual_time->Interrupt();
}

absl::Status Harness::Wait(absl::Duration time) {
  if (parts_.virtual_time != nullptr) parts_.virtual_time->Advance(time);
  // In pieces: the cluster may be closed meanwhile.
  for (absl::Duration left = parts_.virtual_time == nullptr ? time : absl::ZeroDuration();
       left > absl::ZeroDuration() && !ended_; left -= kLongestWait) {
    Notification passed;
    parts_.front->PostAfter(std::min(left, kLongestWait), [&] { passed.Notify(); });
    passed.WaitForNotification();
  }
  return ended_ ? absl::UnavailableError("the cluster is closed") : absl::OkStatus();
}

absl::Status Harness::Unsettled(const std::vector<std::string>& who) const {
  return Seeded(absl::DeadlineExceededError(
      absl::StrCat("timed out waiting for the cluster to settle: busy are ", Some(who))));
}

// Who goes on at this instant of virtual time.
std::vector<std::string> Harness::Hot() {
  const std::map<std::string, uint64_t> before = Reconciles(/*hosted=*/true);
  parts_.virtual_time->Run([] {});
  std::vector<std::string> out;
  for (const auto& [name, count] : Reconciles(/*hosted=*/true)) {
    const auto it = before.find(name);
    if (count > (it == before.end() ? 0 : it->second)) out.push_back(name);
  }
  return out;
}

absl::Status Harness::Settle(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  const Clock& clock = parts_.front->clock();
  const absl::Duration end = clock.Monotonic() + timeout;
  uint64_t settled_at = 0;
  while (true) {
    const Busy busy = Look();
    if (Stuck()) return Unsettled(Hot());
    if (busy.who.empty()) {
      // Once more in real time: one loop may have given another something to do behind our back.
      if (parts_.virtual_time != nullptr || settled_at == busy.revision) return absl::OkStatus();
      settled_at = busy.revision;
      continue;
    }
    settled_at = 0;
    const absl::Duration left = end - clock.Monotonic();
    if (left <= absl::ZeroDuration() || ended_) return Unsettled(busy.who);
    absl::Duration step = parts_.members == nullptr ? kLookAgain : kLookAtMembers;
    if (parts_.virtual_time != nullptr && parts_.members == nullptr) {
      parts_.virtual_time->Run([&] { step = parts_.virtual_time->sim().UntilNext(); });
      if (step == absl::InfiniteDuration()) return Unsettled(busy.who);
    }
    SKIFF_RETURN_IF_ERROR(Wait(std::min(left, std::max(step, absl::Nanoseconds(1)))));
  }
}

std::map<std::string, uint64_t> Harness::Reconciles(bool hosted) {
  std::map<std::string, uint64_t> out;
  if (hosted && *parts_.hosted != nullptr && (*parts_.hosted)->loop() != nullptr) {
    RunOn((*parts_.hosted)->loop(), [&] {
      for (const auto& each : (*parts_.hosted)->all()) out[each->name()] = each->reconciles();
    });
  }
  AtOnce([&] {
    ControlPlane* const plane = Plane();
    if (plane == nullptr) return;
    MutexLock steady(&plane->steady());
    if (!plane->running()) return;
    RunOn(plane->control_loop(), [&] {
      for (const auto& view : plane->controllers().Inspect()) {
        if (view.name != kNodeController) out[view.name] = view.reconciles;
      }
    });
  });
  return out;
}

absl::Status Harness::AssertIdle(absl::Duration span) {
  if (span < absl::ZeroDuration() || span > kLongest) {
    return absl::InvalidArgumentError("a cluster is idle for 0 to 100 years");
  }
  MutexLock lock(&mutex_);
  const Busy busy = Look();
  if (!busy.who.empty()) {
    return Seeded(absl::FailedPreconditionError(
        absl::StrCat("the cluster has not settled: busy are ", Some(busy.who))));
  }
  const std::map<std::string, uint64_t> before = Reconciles();
  std::vector<std::string> moved;
  store::WatchSink sink;
  sink.on_events = [&](const std::shared_ptr<const std::vector<store::Event>>& events) {
    for (const store::Event& event : *events) {
      if (absl::StartsWith(event.key, kHeartbeats)) continue;
      const char* what = event.type == store::Event::Type::kDelete ? "deleted "
                         : event.previous == nullptr               ? "created "
                                                                   : "updated ";
      moved.push_back(absl::StrCat(what, event.key));
    }
  };
  sink.on_end = [](const absl::Status&) {};
  ControlPlane* watched = nullptr;  // No fault comes meanwhile.
  AtOnce([&] { watched = Plane(); });
  if (watched == nullptr) {
    return Seeded(absl::FailedPreconditionError("no member of the control plane leads any more"));
  }
  SKIFF_ASSIGN_OR_RETURN(auto watch,
                         watched->store().StartWatch("", busy.revision, std::move(sink)));
  const absl::Status waited = Wait(span);
  // The sink runs on the store's loop, and so ends there.
  RunOn(watched->store_loop(), [&] { watch.reset(); });
  SKIFF_RETURN_IF_ERROR(waited);
  for (const auto& [name, count] : Reconciles()) {
    const auto it = before.find(name);
    const uint64_t known = it == before.end() ? 0 : it->second;
    if (count > known) moved.push_back(absl::StrCat(count - known, " reconciles of ", name));
  }
  if (moved.empty()) return absl::OkStatus();
  return Seeded(absl::FailedPreconditionError(absl::StrCat(
      "the cluster did not stay idle for ", absl::FormatDuration(span), ": ", Some(moved))));
}

// ---- faults -------------------------------------------------------------------------------------

absl::Status Harness::FailWrites(const Fault& fault) {
  if (fault.count < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("fault count: ", fault.count, " is less than 1"));
  }
  if (!fault.verb.empty() && fault.verb != "create" && fault.verb != "update" &&
      fault.verb != "delete") {
    return absl::InvalidArgumentError(
        absl::StrCat("fault verb: \"", fault.verb, "\" is not one of create, update, delete"));
  }
  WriteRule rule;
  rule.left = fault.count;
  rule.verb = fault.verb;
  if (!fault.object_kind.empty()) {
    SKIFF_ASSIGN_OR_RETURN(rule.resource, ResolveKind(fault.object_kind));
  }
  rule.name_space = fault.name_space;
  rule.name = fault.name;
  rule.error = ErrorFor(fault);
  if (rule.error == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fault error: \"", fault.error,
        "\" is not one of Conflict, Forbidden, InternalError, ServiceUnavailable, Timeout, "
        "TooManyRequests"));
  }
  StoreFaults faults = parts_.faults->Get();
  faults.rules.push_back(std::move(rule));
  parts_.faults->Set(std::move(faults));
  return absl::OkStatus();
}

absl::Status Harness::Crash(const Fault& fault) {
  const std::string name_space = fault.name_space.empty() ? "default" : fault.name_space;
  absl::StatusOr<api::ObjectPtr> found =
      absl::UnavailableError("no member of the control plane leads");
  AtOnce([&] {
    if (Plane() == nullptr) return;
    found = Plane()->server().GetNow(api::ResourceOf<corev1::Pod>(), name_space, fault.name);
  });
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr pod, std::move(found));
  const std::string& node = pod->As<corev1::Pod>().spec().node_name();
  if (node.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("pod \"", fault.name, "\" is on no node yet: nothing of it can crash"));
  }
  return Annotate(parts_.nodes->Crash(node, pod->meta().uid(), fault.container, fault.exit_code),
                  absl::StrCat("pod \"", fault.name, "\""));
}

absl::Status Harness::BreakDisk(const Fault& fault) {
  if (fault.member > 0) {
    return absl::NotFoundError(
        absl::StrCat("there is no member ", fault.member, ": the only one is 0"));
  }
  StoreFaults faults = parts_.faults->Get();
  if (fault.kind == Fault::Kind::kHealWrites) {
    faults = {};
  } else if (fault.kind == Fault::Kind::kFailDisk) {
    faults.full = fault.on;
  } else {
    SKIFF_RETURN_IF_ERROR(CheckDelay(fault));
    faults.delay = fault.delay;
  }
  parts_.faults->Set(std::move(faults));
  return absl::OkStatus();
}

absl::Status Harness::BreakMember(const Fault& fault) {
  MemberGroup& members = *parts_.members;
  SKIFF_RETURN_IF_ERROR(CheckDelay(fault));
  for (const double share : {fault.loss, fault.duplicate}) {
    if (!(share >= 0 && share <= 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("fault loss, duplicate: ", share, " is no share from 0 to 1"));
    }
  }
  absl::Status result;
  members.Run([&] {
    raft::NetworkFaults network;
    switch (fault.kind) {
      case Fault::Kind::kKillMember:
        result = members.Kill(fault.member);
        break;
      case Fault::Kind::kRestartMember:
        result = members.Restart(fault.member);
        break;
      case Fault::Kind::kPartitionMember:
        result = members.Cut(fault.member, fault.on);
        break;
      case Fault::Kind::kSlowDisk:
        result = members.SlowDisk(fault.member, fault.delay);
        break;
      case Fault::Kind::kFailDisk:
        result = members.FailDisk(fault.member, fault.on);
        break;
      case Fault::Kind::kHealWrites:
        parts_.faults->Set({});
        members.SlowDisk(-1, absl::ZeroDuration()).IgnoreError();
        members.FailDisk(-1, false).IgnoreError();
        break;
      default:
        network.loss = fault.loss;
        network.duplicate = fault.duplicate;
        if (fault.delay > absl::ZeroDuration()) {
          network.delay_min = std::min(network.delay_min, fault.delay);
          network.delay_max = fault.delay;
        }
        members.SetNetwork(network);
    }
  });
  return result;
}

absl::Status Harness::InjectFault(const Fault& fault) {
  MutexLock lock(&mutex_);
  // What came before it has happened.
  if (parts_.virtual_time != nullptr) parts_.virtual_time->Run([] {});
  if (parts_.members != nullptr && fault.kind > Fault::Kind::kFailWrites) {
    return BreakMember(fault);
  }
  switch (fault.kind) {
    case Fault::Kind::kKillNode:
      return parts_.nodes->Kill(fault.node);
    case Fault::Kind::kRestartNode:
      return parts_.nodes->Restart(fault.node);
    case Fault::Kind::kPartitionNode:
      return parts_.nodes->Cut(fault.node, fault.on);
    case Fault::Kind::kFillNode:
      return parts_.nodes->SetFull(fault.node, fault.on);
    case Fault::Kind::kPressNode:
      return parts_.nodes->SetPressure(fault.node, fault.condition, fault.on);
    case Fault::Kind::kCrashContainer:
      return Crash(fault);
    case Fault::Kind::kFailWrites:
      return FailWrites(fault);
    case Fault::Kind::kSlowDisk:
    case Fault::Kind::kFailDisk:
    case Fault::Kind::kHealWrites:
      return BreakDisk(fault);
    default:
      return absl::InvalidArgumentError(
          "fault: it is one of members, and the cluster has one; open it with members: 3");
  }
}

// ---- saving and restoring -----------------------------------------------------------------------

std::shared_ptr<Harness::Saved> Harness::Pause() {
  auto saved = std::make_shared<Saved>();
  parts_.stop_hosted();
  saved->nodes = parts_.nodes->Pause();
  saved->faults = parts_.faults->Get();
  saved->seed = Rng::FromSystem().Next();
  if (parts_.members == nullptr) {
    parts_.control_plane->Pause();
    saved->store = parts_.control_plane->store().snapshot();
  }
  OnDriver([&] {
    if (parts_.virtual_time != nullptr) {
      saved->elapsed = parts_.virtual_time->clock().Monotonic();
      saved->seed = parts_.virtual_time->sim().rng().Next();
    }
    if (parts_.members != nullptr) saved->members = parts_.members->Pause();
  });
  return saved;
}

// A network that loses messages may keep it from them for long: then the cluster goes on without.
absl::Status Harness::AwaitLeader() {
  bool leads = false;
  const auto look = [&] { return leads = parts_.members->leader() >= 0; };
  for (absl::Duration passed; !leads && passed < kLongestElection; passed += kLookForLeader) {
    if (parts_.virtual_time == nullptr) {
      AtOnce([&] { look(); });
      if (!leads) SKIFF_RETURN_IF_ERROR(Wait(kLookForLeader));
      continue;
    }
    // In one go: the way to the driver and back would take longer than all of it.
    parts_.virtual_time->Run([&] {
      for (; !look() && passed < kLongestElection; passed += kLookForLeader) {
        parts_.virtual_time->sim().RunFor(kLookForLeader);
      }
    });
  }
  return absl::OkStatus();
}

// The saved cluster goes on in the same way as those that are restored from it.
absl::Status Harness::Resume(const Saved& saved) {
  absl::Status resumed;
  OnDriver([&] {
    if (parts_.virtual_time != nullptr) {
      parts_.virtual_time->sim().Rewind(saved.elapsed, saved.seed);
    }
    if (parts_.members != nullptr) resumed = parts_.members->Resume(saved.members);
  });
  SKIFF_RETURN_IF_ERROR(resumed);
  if (parts_.members != nullptr) {
    if (saved.members.leader >= 0) SKIFF_RETURN_IF_ERROR(AwaitLeader());
  } else {
    parts_.control_plane->Reseed(saved.seed + 1);
    parts_.control_plane->Resume();
  }
  parts_.nodes->Resume(saved.nodes);
  return parts_.host_again();
}

absl::StatusOr<std::shared_ptr<const SavedCluster>> Harness::Save() {
  if (!parts_.restorable) {
    return absl::FailedPreconditionError(
        "only a cluster in memory whose pods are all simulated can be saved: open it without a "
        "data "
        "directory, with runtime fake and without runtimes of your own");
  }
  MutexLock lock(&mutex_);
  const std::shared_ptr<Saved> saved = Pause();
  SKIFF_RETURN_IF_ERROR(Resume(*saved));
  return saved;
}

absl::Status Harness::Restore(const std::shared_ptr<const SavedCluster>& saved) {
  const auto* state = dynamic_cast<const Saved*>(saved.get());
  if (state == nullptr) return absl::InvalidArgumentError("no saved cluster was given");
  if (!parts_.restorable) {
    return absl::FailedPreconditionError(
        "only a cluster in memory whose pods are all simulated can be restored");
  }
  const size_t members = parts_.members == nullptr ? 0 : parts_.members->count();
  if (state->members.members.size() != members) {
    return absl::InvalidArgumentError(
        absl::StrCat("the saved cluster has ", std::max<size_t>(state->members.members.size(), 1),
                     " members, this one ", std::max<size_t>(members, 1),
                     ": restore it in one opened with as many"));
  }
  MutexLock lock(&mutex_);
  Pause();
  if (parts_.members == nullptr) parts_.control_plane->Restore(state->store);
  parts_.faults->Set(state->faults);
  return Resume(*state);
}

}  // namespace skiff::cluster
