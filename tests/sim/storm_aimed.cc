// Weather that aims: what chance alone brings about too seldom. Each is a course of events in which
// a member that were careless at one place would lie (the dissertation, 3.6.2 and 6.4).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/storm.h"

namespace skiff::sim {
namespace {

constexpr absl::Duration kGlance = absl::Milliseconds(1);

}  // namespace

// One after the other, and whatever else happens between them.
void Storm::Storms() {
  const absl::Duration end = sim_.clock().Monotonic() + options_.length;
  for (;;) {
    sim_.RunFor(std::min(Between(300, 3000), end - sim_.clock().Monotonic()));
    if (sim_.clock().Monotonic() >= end) return;
    aimed_ = true;
    Still();
    if (Await([this] { return Leader() != nullptr; }, absl::Seconds(1))) {
      Member* leader = Leader();
      switch (rng_.Below(3)) {
        case 0:
          Depose(leader);
          break;
        case 1:
          HandOverUnheard(leader);
          break;
        default:
          BuryEntries(leader);
      }
    }
    reads_at_ = 0;
    aimed_ = false;
    Still();
  }
}

// As they see it, after a glance.
std::map<raft::MemberId, store::StoreStatus> Storm::Statuses() {
  const auto out = std::make_shared<std::map<raft::MemberId, store::StoreStatus>>();
  for (auto& [id, member] : members_) {
    if (member.store == nullptr) continue;
    member.store->Status(
        [out, id = id](store::StoreStatus status) { (*out)[id] = std::move(status); });
  }
  sim_.RunFor(kGlance);
  return std::exchange(*out, {});
}

// From now on everybody reads at this member, and writes at others.
void Storm::Focus(Member* member) {
  reads_at_ = member->id;
  hot_ = RandomKey();
  // As far apart as leases allow for: it believes that less time has passed than the others do.
  if (Chance(50)) return;
  for (auto& [id, each] : members_) each.clock->SetRate(&each == member ? 0.9 : 1.1);
}

void Storm::DelayAnswers(raft::MemberId to, absl::Duration delay) {
  raft::NetworkFaults faults;
  faults.delay_min = delay;
  faults.delay_max = delay + absl::Milliseconds(2);
  for (auto& [id, member] : members_) {
    if (id != to) network_.SetLinkFaults(id, to, faults);
  }
}

// What others answer a leader takes longer and longer, up to several elections. Then they hear of
// it no more and choose another, while it still hears, of old, that they follow it.
void Storm::Depose(Member* leader) {
  Say(absl::StrCat("member ", leader->id, " is to be deposed"));
  Focus(leader);
  const absl::Duration longest = Between(200, 1500);
  for (absl::Duration delay; delay < longest; delay += absl::Milliseconds(30)) {
    DelayAnswers(leader->id, delay);
    sim_.RunFor(absl::Milliseconds(40));
  }
  for (auto& [id, member] : members_) {
    if (id != leader->id) network_.Cut(leader->id, id);
  }
  sim_.RunFor(longest + Between(100, 500));
}

// Another leads, and who led before is told so late.
void Storm::HandOverUnheard(Member* leader) {
  std::vector<raft::MemberId> others;
  for (auto& [id, member] : members_) {
    if (id != leader->id && member.store != nullptr && voters_.count(id) != 0) others.push_back(id);
  }
  if (others.empty()) return;
  const raft::MemberId to = others[rng_.Below(others.size())];
  Say(absl::StrCat("member ", leader->id, " hands over to ", to, ", and is not told"));
  Focus(leader);
  DelayAnswers(leader->id, Between(40, 120));
  sim_.RunFor(Between(200, 400));
  if (leader->store == nullptr) return;
  leader->store->TransferLeadership(to, [](const absl::Status&) {});
  sim_.RunFor(Between(300, 600));
}

// Figure 8 of the paper: entries reach a minority; another leads, but nobody hears of it; the first
// leads again, and what it had reaches a majority, but nothing of its new term does; the second
// comes back, and has the longer right.
void Storm::BuryEntries(Member* first) {
  const store::StoreStatus before = Statuses()[first->id];
  std::vector<raft::MemberId> rest;
  for (const store::MemberStatus& member : before.members) {
    if (member.id != first->id && member.voter) rest.push_back(member.id);
  }
  const size_t voters = rest.size() + 1;
  if (first->store == nullptr || before.leader != first->id || voters < 3 || voters % 2 == 0)
    return;
  Say(absl::StrCat("entries of member ", first->id, " are to be buried"));
  network_.SetFaults({.delay_min = absl::Milliseconds(4), .delay_max = absl::Milliseconds(6)});
  network_.Isolate(first->id);
  // More than fits into one message.
  for (int i = 0; i < 4; ++i)
    Submit(2000 + i, first, {.keys = {RandomKey()}, .ballast = 350'000}, [] {});

  raft::MemberId second = 0;
  for (int i = 0; i < 3000 && second == 0; ++i) {
    for (const auto& [id, status] : Statuses()) {
      if (id != first->id && status.leader == id) second = id;
    }
  }
  if (second == 0) return;
  network_.Isolate(second);
  std::erase(rest, second);
  for (; rest.size() > voters / 2; rest.pop_back()) network_.Isolate(rest.back());
  sim_.RunFor(Between(10, 50));
  network_.Rejoin(first->id);

  // Nothing beyond what it had gets out.
  std::set<raft::MemberId> reached;
  for (int i = 0; i < 3000 && reached.size() < rest.size(); ++i) {
    const store::StoreStatus now = Statuses()[first->id];
    if (now.term == before.term || now.leader != first->id) continue;
    for (const store::MemberStatus& member : now.members) {
      if (member.match.value_or(0) <= before.commit) continue;
      if (std::count(rest.begin(), rest.end(), member.id) == 0) continue;
      network_.Cut(first->id, member.id);
      reached.insert(member.id);
    }
  }
  sim_.RunFor(Between(5, 40));
  Still();
  network_.Isolate(first->id);
  if (Chance(50)) {
    Stop(first, true);
    Restart(first, Between(500, 1500));
  }
  sim_.RunFor(absl::Milliseconds(1500));
}

}  // namespace skiff::sim
