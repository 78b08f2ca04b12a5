// What happens to members in a storm, and who comes and goes.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "store/member_note.h"
#include "tests/sim/storm.h"

namespace skiff::sim {

// A disk in good order takes its time, too: a crash may come within any write.
void Storm::Calm(Member* member) {
  member->disk->ClearFaults();
  member->disk->SlowWrites(absl::Microseconds(100), absl::Milliseconds(3));
}

void Storm::Mischief() {
  if (aimed_) return;
  Member* member = Running();
  const uint64_t roll = rng_.Below(100);
  if (roll < 10) {
    raft::NetworkFaults weather;
    weather.delay_max = Between(2, Chance(20) ? 300 : 40);
    weather.loss = 0.25 * rng_.Unit() * rng_.Unit();
    weather.duplicate = 0.25 * rng_.Unit() * rng_.Unit();
    weather.reorder = 0.25 * rng_.Unit() * rng_.Unit();
    return network_.SetFaults(weather);
  }
  if (roll < 18) return network_.SetFaults({});
  if (roll < 40) return CutLinks();
  if (roll < 47) return network_.Heal();
  if (member == nullptr) return;
  if (roll < 62) return CrashMember(member);
  if (roll < 78) return DisturbDisk(member);
  if (roll < 86) return PauseMember(Chance(50) && Leader() != nullptr ? Leader() : member);
  if (roll < 92) return DisturbClock(member);
  HandOver();
}

void Storm::CutLinks() {
  std::vector<raft::MemberId> all;
  for (auto& [id, member] : members_) {
    if (!member.retired) all.push_back(id);
  }
  const auto any = [&] { return all[rng_.Below(all.size())]; };
  const Member* leader = Leader();
  const uint64_t roll = rng_.Below(100);
  if (roll < 35) {
    const raft::MemberId from = any();
    const raft::MemberId to = any();
    Say(absl::StrCat("nothing goes from ", from, " to ", to));
    network_.Cut(from, to);
    Later(Between(50, 3000), [this, from, to] { network_.Restore(from, to); });
  } else if (roll < 70) {
    const raft::MemberId one = leader != nullptr && Chance(60) ? leader->id : any();
    Say(absl::StrCat("member ", one, " is cut off"));
    network_.Isolate(one);
    Later(Between(50, 3000), [this, one] { network_.Rejoin(one); });
  } else {
    std::set<raft::MemberId> a;
    std::set<raft::MemberId> b;
    for (const raft::MemberId id : all) (Chance(50) ? a : b).insert(id);
    Say(absl::StrCat(a.size(), " are cut off from ", b.size()));
    network_.Partition(a, b);
    Later(Between(50, 3000), [this] { network_.Heal(); });
  }
}

void Storm::DisturbDisk(Member* member) {
  raft::SimDisk* disk = member->disk.get();
  const uint64_t roll = rng_.Below(100);
  Say(absl::StrCat("the disk of member ", member->id, " misbehaves: ", roll));
  const absl::Status broken = absl::InternalError("simulated disk: input/output error");
  const absl::Status full = absl::ResourceExhaustedError("simulated disk: it is full");
  if (roll < 30) {
    disk->SlowWrites(absl::Milliseconds(1), Between(10, 600));
  } else if (roll < 50) {
    disk->FailWrites(raft::SimDisk::kAll, Chance(50) ? full : broken);
  } else if (roll < 65) {
    disk->FailWrites(1 + static_cast<int>(rng_.Below(3)), Chance(50) ? full : broken);
  } else if (roll < 80) {
    disk->FailWritesAtRandom(0.1 + 0.4 * rng_.Unit(), broken);
  } else {
    disk->FailReads(0.6 * rng_.Unit());
  }
  After(Between(20, 3000), [this, member] { Calm(member); });
}

// Rates of any two differ by less than members are sure of (CoreOptions::max_drift).
void Storm::DisturbClock(Member* member) {
  member->clock->SetRate(0.9 + 0.2 * rng_.Unit());
  if (Chance(50)) {
    member->clock->Jump((Chance(50) ? -1 : 1) * Between(0, 1000) *
                        (Chance(50)   ? 1
                         : Chance(50) ? 1'000
                                      : 1'000'000));
  }
}

void Storm::PauseMember(Member* member) {
  if (member->store == nullptr) return;
  Say(absl::StrCat("member ", member->id, " is stopped"));
  member->loop->Pause();
  After(Between(10, Chance(50) ? 800 : 4000), [this, member, life = member->life] {
    if (member->store == nullptr || member->life != life) return;
    Say(absl::StrCat("member ", member->id, " goes on"));
    member->loop->Resume();
  });
}

void Storm::CrashMember(Member* member) {
  const bool crash = Chance(80);
  const bool several = Chance(15);
  for (auto& [id, each] : members_) {
    if (&each != member && !(several && Chance(60))) continue;
    if (each.store == nullptr) continue;
    ++result_.crashes;
    Stop(&each, crash);
    Restart(&each, Between(1, Chance(70) ? 300 : 3000));
  }
}

void Storm::Restart(Member* member, absl::Duration after) {
  After(after, [this, member] {
    if (member->wanted) Start(member);
  });
}

// Another program takes over the files of a member. One that is older than the log does not start,
// or is refused by the others; then the newer one comes back.
void Storm::ReplaceProgram() {
  Member* member = Running();
  if (member == nullptr || aimed_) return;
  member->newest = Chance(75) ? raft::kNewestVersion : 1;
  Say(absl::StrCat("member ", member->id, " is to understand version ", member->newest));
  Stop(member, Chance(30));
  Restart(member, Between(1, 300));
}

void Storm::HandOver() {
  Member* to = Running();
  if (to == nullptr) return;
  Say(absl::StrCat("member ", to->id, " shall lead"));
  Running()->store->TransferLeadership(to->id, [](const absl::Status&) {});
}

// ---- who comes and goes ----

void Storm::Administer() {
  Member* leader = Leader();
  if (leader == nullptr || changing_ || damaged_ != 0 || aimed_ || !Chance(60)) return;
  changing_ = true;
  if (doubtful_) return Ask(Running(), *doubtful_, [](bool) {});
  if (!damage_) After(absl::Seconds(2), [this] { changing_ = false; });
  if (damage_ && voters_.size() >= 3 && Chance(50)) {
    changing_ = false;
    return DamageDisk(&members_.at(*std::next(voters_.begin(), rng_.Below(voters_.size()))));
  }
  leader->store->Status([this, leader, life = leader->life](const store::StoreStatus& status) {
    const bool leads = faults_ && leader->life == life && leader->leads;
    if (damage_) changing_ = false;
    if (leads) ChangeMembers(leader, status);
  });
}

void Storm::ChangeMembers(Member* leader, const store::StoreStatus& status) {
  std::set<raft::MemberId> voters;
  std::map<raft::MemberId, std::string> notes;
  store::MemberChange change;
  std::optional<store::MemberStatus> learner;
  for (const store::MemberStatus& member : status.members) {
    if (!member.learner) voters.insert(member.id);
    notes[member.id] = member.note;
    if (member.learner) learner = member;
  }
  const size_t enough = static_cast<size_t>(options_.members);
  const auto drop_one = [&] {
    auto it = voters.begin();
    std::advance(it, rng_.Below(voters.size()));
    change.remove.insert(*it);
    voters.erase(it);
  };
  if (learner) {
    if (!learner->match || *learner->match + 50 < status.commit) return;
    change.promote.insert(learner->id);
    while (voters.size() >= enough) drop_one();
    ++result_.replaced;
  } else if (voters.size() > 1 && !damage_ && Chance(options_.seed % 4 == 0 ? 60 : 10)) {
    drop_one();
  } else {
    if (next_id_ > static_cast<raft::MemberId>(3 * options_.members)) return;
    const raft::MemberId id = next_id_++;
    raft::Config known;
    known.notes = std::move(notes);
    known.notes[id] = store::MemberNote(absl::StrCat("m", id), absl::StrCat("sim:", id));
    change.add[id] = known.notes[id];
    AddMember(id, known);
  }
  // Any member has it done.
  Ask(Chance(50) ? Running() : leader, change, [](bool) {});
}

// `then`: whether it is done for certain.
void Storm::Ask(Member* asked, const store::MemberChange& change, std::function<void(bool)> then) {
  Say(absl::StrCat("member ", asked->id, " is asked to add ",
                   absl::StrJoin(change.add, ",", absl::PairFormatter(" ")), ", promote ",
                   absl::StrJoin(change.promote, ","), ", remove ",
                   absl::StrJoin(change.remove, ",")));
  changing_ = true;
  ++asked_;
  asked->store->ChangeMembers(change, [this, change, then](const absl::Status& status) {
    changing_ = false;
    --asked_;
    Say("the members change: " + status.ToString());
    if (damage_) {
      doubtful_.reset();
      if (absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) doubtful_ = change;
    }
    if (status.ok()) OnChanged(change);
    then(status.ok());
  });
}

void Storm::OnChanged(const store::MemberChange& change) {
  voters_.insert(change.promote.begin(), change.promote.end());
  for (const raft::MemberId id : change.remove) {
    voters_.erase(id);
    if (!faults_ && id != damaged_) continue;
    Member& member = members_.at(id);
    member.retired = true;
    member.wanted = false;
    After(absl::ZeroDuration(), [this, one = &member] { Stop(one, false); });
  }
}

// What it was certain of is unreadable when it starts again; or all of it is gone, and it comes
// back as who it was.
void Storm::DamageDisk(Member* member) {
  if (member->store == nullptr) return;
  Stop(member, true);
  Calm(member);
  if (member->known.voters.empty() && Chance(60)) {
    damaged_ = member->id;
    ++result_.damaged;
    member->disk->Restore(nullptr);
    Say(absl::StrCat("the disk of member ", member->id, " is empty"));
    After(Between(1, 300), [this, member] { Start(member); });
    return AwaitExpulsion(member);
  }
  const auto held = member->disk->Open()->Load();
  if (held.ok() && !held->log.empty()) {
    damaged_ = member->id;
    ++result_.damaged;
    member->disk->DamageEntry(held->checkpoint.index + 1 + rng_.Below(held->log.size()));
    Say(absl::StrCat("the disk of member ", member->id, " is damaged"));
  }
  After(Between(1, 300), [this, member] { Start(member); });
}

// It is as good as down until somebody has told it what it is; then it is replaced.
void Storm::AwaitExpulsion(Member* member) {
  const auto again = [this, member] { AwaitExpulsion(member); };
  if (damaged_ != member->id) return;
  if (member->store == nullptr) return After(absl::Milliseconds(50), again);
  member->store->Status([this, member, again](const store::StoreStatus& status) {
    if (status.expelled.ok()) return After(absl::Milliseconds(50), again);
    After(absl::ZeroDuration(), [this, member] {
      Stop(member, false);
      member->wanted = false;
      Replace(member->id);
    });
  });
}

// As docs/members.md has it: another takes the place of one that refuses its disk.
void Storm::Replace(raft::MemberId gone) {
  Member* asked = Running();
  if (asked == nullptr || changing_) {
    After(absl::Milliseconds(100), [this, gone] { Replace(gone); });
    return;
  }
  Ask(asked, {.remove = {gone}}, [this, gone](bool done) {
    if (!done) {
      After(absl::Milliseconds(100), [this, gone] { Replace(gone); });
      return;
    }
    damaged_ = 0;
    doubtful_.reset();
  });
}

// No fault but those of members.
void Storm::Still() {
  network_.Heal();
  network_.ClearLinkFaults();
  network_.SetFaults({});
  for (auto& [id, member] : members_) Calm(&member);
}

void Storm::Clear() {
  Still();
  for (auto& [id, member] : members_) {
    if (member.retired) continue;
    if (member.newest < raft::kNewestVersion && member.store != nullptr) Stop(&member, false);
    member.newest = raft::kNewestVersion;
    if (member.store == nullptr) {
      Start(&member);
    } else {
      member.loop->Resume();
    }
  }
}

}  // namespace skiff::sim
