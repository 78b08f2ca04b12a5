#include "cluster/member_group.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "store/member_note.h"

namespace skiff::cluster {
namespace {

raft::MemberId IdOf(int member) { return static_cast<raft::MemberId>(member + 1); }

}  // namespace

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
    out->network_ = std::make_unique<raft::SimNetwork>(&time->sim());
    for (int i = 0; i < out->options_.count; ++i) {
      const raft::MemberId id = IdOf(i);
      out->initial_.voters.insert(id);
      out->initial_.notes[id] =
          store::MemberNote(absl::StrCat("member-", i), absl::StrCat("sim:", id));
      out->members_[i].disk = std::make_unique<raft::SimDisk>(Rng(time->sim().rng().Next()));
    }
    for (int i = 0; i < out->options_.count && started.ok(); ++i) started = out->Start(i);
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

absl::Status MemberGroup::Start(int member) {
  Member& one = members_[member];
  ControlPlaneOptions options;
  options.controllers_off = options_.controllers_off;
  options.plugins = options_.plugins;
  options.storage = one.disk->Open();
  options.meet = [this, member](Loop* loop) {
    auto out = std::make_unique<store::Membership>();
    out->id = IdOf(member);
    out->initial = initial_;
    out->transport = network_->Join(out->id, loop);
    out->tick = options_.tick;
    return out;
  };
  SKIFF_ASSIGN_OR_RETURN(one.plane, ControlPlane::Open(std::move(options), time_, sink_, metrics_));
  if (!one.cut) client_.Add(member, &one.plane->server(), one.plane->store_loop());
  return absl::OkStatus();
}

void MemberGroup::End(int member) {
  Member& one = members_[member];
  client_.Remove(member);
  if (one.plane == nullptr) return;
  one.plane->Stop();
  one.plane.reset();
}

int MemberGroup::leader() const {
  for (int i = 0; i < options_.count; ++i) {
    if (members_[i].plane != nullptr && !members_[i].cut && members_[i].plane->running()) return i;
  }
  return -1;
}

bool MemberGroup::Even() const {
  const ControlPlane* first = leading();
  if (first == nullptr) return false;
  const uint64_t revision = members_[leader()].plane->server().revision();
  for (const Member& each : members_) {
    if (each.plane == nullptr || each.cut) continue;
    if (each.plane->server().revision() < revision) return false;
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

absl::Status MemberGroup::Cut(int member, bool cut) {
  SKIFF_RETURN_IF_ERROR(Check(member));
  Member& one = members_[member];
  one.cut = cut;
  if (cut) {
    network_->Isolate(IdOf(member));
    client_.Remove(member);
  } else {
    network_->Rejoin(IdOf(member));
    if (one.plane != nullptr) client_.Add(member, &one.plane->server(), one.plane->store_loop());
  }
  return absl::OkStatus();
}

absl::Status MemberGroup::SlowDisk(int member, absl::Duration delay) {
  if (member >= 0) SKIFF_RETURN_IF_ERROR(Check(member));
  for (int i = 0; i < options_.count; ++i) {
    if (member < 0 || member == i) disk(i).SlowWrites(delay, delay);
  }
  return absl::OkStatus();
}

absl::Status MemberGroup::FailDisk(int member, bool on) {
  if (member >= 0) SKIFF_RETURN_IF_ERROR(Check(member));
  for (int i = 0; i < options_.count; ++i) {
    if (member >= 0 && member != i) continue;
    disk(i).FailWrites(on ? raft::SimDisk::kAll : 0,
                       absl::ResourceExhaustedError("the disk is full"));
  }
  return absl::OkStatus();
}

}  // namespace skiff::cluster
