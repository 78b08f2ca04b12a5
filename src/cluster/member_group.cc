#include "cluster/member_group.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "store/member_note.h"

namespace skiff::cluster {
absl::StatusOr<std::unique_ptr<MemberGroup>> MemberGroup::Open(MemberGroupOptions options,
                                                               VirtualTime* time,
                                                               std::shared_ptr<LogSink> sink,
                                                               Metrics* metrics) {
  std::unique_ptr<MemberGroup> out(new MemberGroup());
  out->options_ = std::move(options);
  out->time_ = time;
  out->sink_ = std::move(sink);
  out->metrics_ = metrics;
  out->members_.resize(out->options_.count);
  absl::Status started;
  time->Run([&] {
    for (int i = 0; i < out->options_.count; ++i) {
      const auto id = static_cast<raft::MemberId>(i + 1);
      out->members_[i].id = id;
      out->initial_.voters.insert(id);
      out->initial_.notes[id] = out->Note(i);
    }
    out->MakeMachines();
    for (int i = 0; i < out->options_.count && started.ok(); ++i) {
      started = out->Start(i, /*stands=*/i == 0 && time->paced());
    }
  });
  SKIFF_RETURN_IF_ERROR(started);
  return out;
}

MemberGroup::~MemberGroup() { Stop(); }

void MemberGroup::Stop() {
  time_->Run([this] {
    for (int i = 0; i < options_.count; ++i) End(i);
  });
}

void MemberGroup::MakeMachines() {
  network_ = std::make_unique<raft::SimNetwork>(&time_->sim());
  for (Member& each : members_) MakeDisk(&each);
}

void MemberGroup::MakeDisk(Member* member) {
  member->disk = std::make_unique<raft::SimDisk>(Rng(time_->sim().rng().Next()));
}

std::string MemberGroup::Note(int member) const {
  return store::MemberNote(absl::StrCat("member-", id(member) - 1),
                           absl::StrCat("sim:", id(member)));
}

absl::Status MemberGroup::Start(int member, bool stands) {
  Member& one = members_[member];
  ControlPlaneOptions options;
  options.controllers_off = options_.controllers_off;
  options.plugins = options_.plugins;
  options.storage = one.disk->Open();
  options.faults = &write_faults_;
  options.meet = [this, member, stands](Loop* loop) {
    auto out = std::make_unique<store::Membership>();
    out->id = id(member);
    out->initial = initial_;
    if (Joins(member)) {
      out->initial.voters.clear();
      for (int i = 0; i < options_.count; ++i) out->initial.notes[id(i)] = Note(i);
    }
    out->transport = network_->Join(out->id, loop);
    out->tick = options_.tick;
    out->stands = stands;
    return out;
  };
  Loops* const loops = options_.machine ? options_.machine(member) : time_;
  SKIFF_ASSIGN_OR_RETURN(one.plane, ControlPlane::Open(std::move(options), loops, sink_, metrics_));
  one.plane->store().CountWrites();
  if (!one.cut) Reach(member);
  return absl::OkStatus();
}

void MemberGroup::Reach(int member) {
  apiserver::Server* const server = &plane(member)->server();
  client_.Add(member, server, plane(member)->store_loop());
  if (on_reach_) on_reach_(member, server);
}

void MemberGroup::Lose(int member, const absl::Status& watches_end) {
  client_.Remove(member, watches_end);
  if (on_reach_) on_reach_(member, nullptr);
}

void MemberGroup::OnReach(std::function<void(int member, apiserver::Server* server)> listener) {
  on_reach_ = std::move(listener);
  for (int i = 0; i < options_.count; ++i) {
    if (plane(i) != nullptr && !cut(i)) on_reach_(i, &plane(i)->server());
  }
}

void MemberGroup::End(int member, const absl::Status& watches_end) {
  Member& one = members_[member];
  if (one.plane == nullptr) return;
  Lose(member, watches_end);
  one.plane->Stop();
  if (on_reach_) gone_.push_back(std::move(one.plane));
  one.plane.reset();
}

int MemberGroup::leader() const {
  for (int i = 0; i < options_.count; ++i) {
    if (members_[i].plane != nullptr && !members_[i].cut && members_[i].plane->running()) return i;
  }
  return -1;
}

ControlPlane* MemberGroup::AnyReachable() const {
  if (leader() >= 0) return leading();
  for (const Member& each : members_) {
    if (each.plane != nullptr && !each.cut) return each.plane.get();
  }
  return nullptr;
}

bool MemberGroup::Even() const {
  const ControlPlane* first = leading();
  if (first == nullptr) return false;
  const uint64_t revision = members_[leader()].plane->server().revision();
  for (const Member& each : members_) {
    if (each.plane == nullptr || each.cut) continue;
    if (each.plane->server().revision() < revision || each.plane->store().under_way() > 0) {
      return false;
    }
  }
  return true;
}

absl::Status MemberGroup::Check(int member) const {
  if (member >= 0 && member < options_.count) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("there is no member ", member, ": they are 0 to ", options_.count - 1));
}

absl::Status MemberGroup::Kill(int member) {
  SKIFF_RETURN_IF_ERROR(Check(member));
  if (plane(member) == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("member ", member, " was killed; restart it first"));
  }
  members_[member].disk->Crash();
  End(member);
  return absl::OkStatus();
}

absl::Status MemberGroup::Restart(int member) {
  SKIFF_RETURN_IF_ERROR(Check(member));
  if (plane(member) != nullptr) SKIFF_RETURN_IF_ERROR(Kill(member));
  return Start(member);
}

// Whether it was not there from the beginning.
bool MemberGroup::Joins(int member) const { return !initial_.voters.contains(id(member)); }

absl::Status MemberGroup::Replace(int member) {
  SKIFF_RETURN_IF_ERROR(Check(member));
  if (plane(member) != nullptr) SKIFF_RETURN_IF_ERROR(Kill(member));
  Member& one = members_[member];
  const raft::MemberId lost = one.id;
  one = {};
  one.id = lost + static_cast<raft::MemberId>(options_.count);  // Nobody's, ever.
  MakeDisk(&one);
  return Start(member);
}

absl::Status MemberGroup::Cut(int member, bool cut) {
  SKIFF_RETURN_IF_ERROR(Check(member));
  Member& one = members_[member];
  one.cut = cut;
  if (cut) {
    network_->Isolate(id(member));
    Lose(member);
  } else {
    network_->Rejoin(id(member));
    if (one.plane != nullptr) Reach(member);
  }
  return absl::OkStatus();
}

void MemberGroup::SetDiskFaults(const Member& member) {
  member.disk->SlowWrites(member.write_delay, member.write_delay);
  member.disk->FailWrites(member.disk_full ? raft::SimDisk::kAll : 0,
                          absl::ResourceExhaustedError("the disk is full"));
}

absl::Status MemberGroup::SlowDisk(int member, absl::Duration delay) {
  if (member >= 0) SKIFF_RETURN_IF_ERROR(Check(member));
  for (int i = 0; i < options_.count; ++i) {
    if (member >= 0 && member != i) continue;
    members_[i].write_delay = delay;
    SetDiskFaults(members_[i]);
  }
  return absl::OkStatus();
}

absl::Status MemberGroup::FailDisk(int member, bool on) {
  if (member >= 0) SKIFF_RETURN_IF_ERROR(Check(member));
  for (int i = 0; i < options_.count; ++i) {
    if (member >= 0 && member != i) continue;
    members_[i].disk_full = on;
    SetDiskFaults(members_[i]);
  }
  return absl::OkStatus();
}

void MemberGroup::SetNetwork(const raft::NetworkFaults& faults) {
  network_faults_ = faults;
  network_->SetFaults(faults);
}

MemberGroup::State MemberGroup::Pause() {
  State state;
  state.leader = leader();
  state.network = network_faults_;
  for (const Member& each : members_) {
    state.members.push_back({each.id, each.disk->Save(), each.plane != nullptr, each.cut,
                             each.write_delay, each.disk_full});
  }
  for (int i = 0; i < options_.count; ++i) {
    End(i, absl::OutOfRangeError("the cluster was put back to a saved state"));
  }
  client_.Forget();
  return state;
}

absl::Status MemberGroup::Resume(const State& state) {
  MakeMachines();
  SetNetwork(state.network);
  for (int i = 0; i < options_.count; ++i) {
    const State::One& saved = state.members[i];
    Member& one = members_[i];
    one.id = saved.id;
    one.disk->Restore(saved.disk);
    one.cut = saved.cut;
    one.write_delay = saved.write_delay;
    one.disk_full = saved.disk_full;
    SetDiskFaults(one);
    if (one.cut) network_->Isolate(one.id);
    if (saved.alive) SKIFF_RETURN_IF_ERROR(Start(i, /*stands=*/i == state.leader));
  }
  return absl::OkStatus();
}

}  // namespace skiff::cluster
