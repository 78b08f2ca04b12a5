#include "tests/sim/store_storm.h"

#include <stdio.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "store/member_note.h"
#include "tests/sim/storm.h"

namespace skiff::sim {
namespace {

constexpr int kKeys = 6;
constexpr int kWatchers = 4;
// After the last fault, until all is well again.
constexpr absl::Duration kConvergence = absl::Seconds(30);

std::string KeyOf(const std::string& name) {
  return store::Key(api::ResourceOf<corev1::ConfigMap>(), "default", name);
}
std::string NameOf(const std::string& key) { return key.substr(key.rfind('/') + 1); }

api::MessagePtr MapOf(const std::string& key, const std::string& value) {
  auto map = std::make_unique<corev1::ConfigMap>();
  map->mutable_metadata()->set_name(NameOf(key));
  map->mutable_metadata()->set_namespace_("default");
  (*map->mutable_data())["value"] = value;
  return map;
}

// Shows what members say, in a simulation's time.
class StormLog final : public LogSink {
 public:
  explicit StormLog(const Clock* clock) : clock_(clock) {}
  void Write(LogLevel, absl::string_view part, absl::string_view message) override {
    fprintf(stderr, "%11.6f   %s: %s\n", absl::ToDoubleSeconds(clock_->Monotonic()),
            std::string(part).c_str(), std::string(message).c_str());
  }

 private:
  const Clock* const clock_;
};

}  // namespace

StormResult RunStorm(const StormOptions& options) { return Storm(options).Run(); }

Storm::Storm(const StormOptions& options)
    : options_(options),
      sim_(options.seed),
      rng_(options.seed * 2 + 1),
      loop_(sim_.NewLoop()),
      network_(&sim_),
      record_([this](const std::string& what) { Say(what); }),
      damage_(options.seed % 3 == 1) {
  sim_.PermuteTies(true);
  if (options_.verbose) logger_ = Logger(std::make_shared<StormLog>(&sim_.clock()), "store");
  history_events_ = static_cast<int64_t>(10 + rng_.Below(200));
  raft::Config initial;
  for (int i = 1; i <= options_.members; ++i) {
    const raft::MemberId id = static_cast<raft::MemberId>(i);
    initial.voters.insert(id);
    initial.notes[id] = store::MemberNote(absl::StrCat("m", id), absl::StrCat("sim:", id));
  }
  voters_ = initial.voters;
  for (int i = 0; i < options_.members; ++i) {
    AddMember(next_id_++, initial, options_.upgrade ? 1 : raft::kNewestVersion);
  }
}

Storm::~Storm() {
  watchers_.clear();
  for (auto& [id, member] : members_) Stop(&member, false);
  sim_.RunDue();
}

void Storm::Say(const std::string& what) {
  if (!options_.verbose) return;
  fprintf(stderr, "%11.6f %s\n", absl::ToDoubleSeconds(sim_.clock().Monotonic()), what.c_str());
}

absl::Duration Storm::Between(int least_ms, int most_ms) {
  const uint64_t least = static_cast<uint64_t>(least_ms) * 1000;
  const uint64_t most = static_cast<uint64_t>(most_ms) * 1000;
  return absl::Microseconds(static_cast<int64_t>(least + rng_.Below(most - least + 1)));
}

void Storm::After(absl::Duration delay, std::function<void()> event) {
  loop_->PostAfter(delay, std::move(event));
}

void Storm::Later(absl::Duration delay, std::function<void()> event) {
  After(delay, [this, event = std::move(event)] {
    if (!aimed_) event();
  });
}

void Storm::Every(std::function<absl::Duration()> period, std::function<void()> event) {
  const absl::Duration delay = period();
  After(delay, [this, period = std::move(period), event = std::move(event)]() mutable {
    if (!faults_) return;
    event();
    Every(std::move(period), std::move(event));
  });
}

// ---- members ----

Storm::Member* Storm::AddMember(raft::MemberId id, raft::Config known, uint32_t newest) {
  Member& member = members_[id];
  member.id = id;
  member.newest = newest;
  member.clock = std::make_unique<HostClock>(&sim_.clock());
  member.disk = std::make_unique<raft::SimDisk>(Rng(rng_.Next()));
  member.known = std::move(known);
  DisturbClock(&member);
  Calm(&member);
  Start(&member);
  return &member;
}

// No entry is in a form that the log was not said to hold before it.
void Storm::CheckForms(Member* member, raft::Storage* disk) {
  const auto loaded = disk->Load();
  if (!loaded.ok() || loaded->log.empty()) return;
  uint32_t version = loaded->checkpoint.config.version;
  const raft::Index first = loaded->checkpoint.index + 1;
  const absl::Status read =
      disk->Read(first, first + loaded->log.size() - 1, [&](const raft::Entry& entry) {
        const auto& config = loaded->log[entry.index - first].config;
        if (config) version = config->version;
        const int form = config || entry.data.empty() ? 0 : entry.data[0];
        if (form > static_cast<int>(version) + 1) {
          record_.Fault(absl::StrCat("member ", member->id, " has entry ", entry.index, " of form ",
                                     form, " in a log of version ", version));
        }
        return absl::OkStatus();
      });
  if (!read.ok()) Say(read.ToString());
}

void Storm::Start(Member* member) {
  if (member->store != nullptr || member->retired) return;
  member->loop = std::make_unique<MemberLoop>(&sim_, member->clock.get());
  store::StoreOptions options;
  options.history_events = history_events_;
  options.storage = member->disk->Open();
  if (options_.upgrade) CheckForms(member, options.storage.get());
  options.membership = std::make_unique<store::Membership>();
  options.membership->id = member->id;
  options.membership->initial = member->known;
  options.membership->transport = network_.Join(member->id, member->loop.get(), member->newest);
  auto opened = store::Store::Open(std::move(options), member->loop.get(), &sim_.pool(),
                                   logger_.Named(absl::StrCat("member ", member->id)), &metrics_);
  if (absl::IsDataLoss(opened.status()) && member->id == damaged_) {
    Say(absl::StrCat("member ", member->id, " refuses its disk: ", opened.status().message()));
    member->loop.reset();
    member->wanted = false;
    return Replace(member->id);
  }
  if (!opened.ok()) {
    // What the disk was told to refuse, and the log to those that are too old for it.
    if (absl::IsFailedPrecondition(opened.status()) && member->newest < raft::kNewestVersion) {
      Say(absl::StrCat("member ", member->id, " is too old: ", opened.status().message()));
      member->newest = raft::kNewestVersion;
    } else if (!absl::IsUnavailable(opened.status()) && !absl::IsInternal(opened.status()) &&
               !absl::IsResourceExhausted(opened.status())) {
      record_.Fault(
          absl::StrCat("member ", member->id, " does not start: ", opened.status().ToString()));
    }
    member->loop.reset();
    return Restart(member, Between(20, 200));
  }
  member->store = *std::move(opened);
  ++member->life;
  Say(absl::StrCat("member ", member->id, " starts"));
  member->store->OnLeadership([member](bool leads) { member->leads = leads; });
  // An only member has applied all of its log already, more of it maybe than before.
  const uint64_t revision = member->store->snapshot()->revision();
  if (revision <= record_.revision()) record_.CheckState(member->id, *member->store->snapshot());
  StartTap(member, std::min(revision, record_.revision()));
}

void Storm::StartTap(Member* member, uint64_t after) {
  member->tapped = after;
  store::WatchSink sink;
  sink.on_events = [this, member](std::shared_ptr<const std::vector<store::Event>> events) {
    for (const store::Event& event : *events) {
      if (event.revision != member->tapped && event.revision != member->tapped + 1) {
        record_.Fault(absl::StrCat("member ", member->id, " tells of revision ", event.revision,
                                   " after ", member->tapped));
      }
      member->tapped = event.revision;
      record_.OnApplied(member->id, event);
    }
  };
  sink.on_end = [this, member](const absl::Status& why) {
    if (!absl::IsOutOfRange(why)) return;
    // It took over another's state. It may apply more than history holds before its next turn, so
    // whoever is to miss nothing watches from there at once.
    ++result_.states;
    const auto snapshot = member->store->snapshot();
    record_.CheckState(member->id, *snapshot);
    StartTap(member, snapshot->revision());
  };
  auto watch = member->store->StartWatch("", after, std::move(sink));
  if (watch.ok()) {
    member->tap = *std::move(watch);
  } else {
    record_.Fault(absl::StrCat("member ", member->id, " has no history after ", after, ": ",
                               watch.status().ToString()));
  }
}

void Storm::Stop(Member* member, bool crash) {
  if (member->store == nullptr) return;
  Say(absl::StrCat("member ", member->id, crash ? " crashes" : " stops"));
  if (crash) member->disk->Crash();
  member->store->Close();
  member->tap.reset();
  for (auto& watcher : watchers_) {
    if (watcher->at != member->id) continue;
    watcher->watch.reset();
    watcher->at = 0;
    ++watcher->turn;
  }
  member->store.reset();
  member->leads = false;
  // What waits there still is told that nothing comes of it.
  member->loop->Resume();
  std::shared_ptr<MemberLoop> loop = std::move(member->loop);
  After(absl::Milliseconds(1), [loop] {});
}

Storm::Member* Storm::Running() {
  std::vector<Member*> running;
  for (auto& [id, member] : members_) {
    if (member.store != nullptr) running.push_back(&member);
  }
  return running.empty() ? nullptr : running[rng_.Below(running.size())];
}

Storm::Member* Storm::Leader() {
  for (auto& [id, member] : members_) {
    if (member.store != nullptr && member.leads) return &member;
  }
  return nullptr;
}

void Storm::Poll() {
  for (auto& [id, member] : members_) {
    if (member.store == nullptr) continue;
    member.store->Status(
        [this](const store::StoreStatus& status) { record_.OnLeader(status.term, status.leader); });
  }
}

// ---- what they are asked ----

std::string Storm::RandomKey() { return KeyOf(absl::StrCat("k", rng_.Below(kKeys))); }

// Half of the clients read one key at one member, the others write it elsewhere.
void Storm::Crowd(int client, const std::function<void()>& next) {
  const bool reads = client % 2 == 0;
  std::vector<Member*> asked;
  for (auto& [id, member] : members_) {
    if (member.store != nullptr && (id == reads_at_) == reads) asked.push_back(&member);
  }
  if (asked.empty()) return;
  Member* member = asked[rng_.Below(asked.size())];
  if (reads) return Read(client, member, hot_, next);
  Submit(client, member, {.keys = {hot_}}, next);
}

void Storm::ClientStep(int client) {
  if (!faults_) return;
  Member* member = Running();
  const auto again = [this, client] { ClientStep(client); };
  if (member == nullptr) return After(absl::Milliseconds(20), again);
  const auto once = std::make_shared<bool>(false);
  const std::function<void()> next = [this, once, again] {
    if (!std::exchange(*once, true)) After(Between(1, reads_at_ != 0 ? 8 : 80), again);
  };
  // It goes on without an answer; that may come yet.
  After(Between(300, 3000), next);
  if (reads_at_ != 0) return Crowd(client, next);
  const uint64_t roll = rng_.Below(100);
  if (roll < 60) return Write(client, member, next);
  if (roll < 85) return Read(client, member, RandomKey(), next);
  StaleRead(member);
  next();
}

void Storm::Write(int client, Member* member, const std::function<void()>& next) {
  Wish wish;
  const uint64_t roll = rng_.Below(100);
  wish.removes = roll >= 80;
  wish.conditional = roll >= 45 && roll < 90;
  wish.keys = {RandomKey()};
  if (!wish.conditional && Chance(20)) wish.keys.insert(RandomKey());
  wish.ballast = Chance(5) ? 20'000 + rng_.Below(60'000) : rng_.Below(200);
  Submit(client, member, wish, next);
}

void Storm::Submit(int client, Member* member, const Wish& wish,
                   const std::function<void()>& next) {
  store::Txn txn;
  std::vector<size_t> records;
  std::vector<std::pair<std::string, std::string>> values;
  const std::string value = absl::StrCat("v", next_value_++);
  for (const std::string& key : wish.keys) {
    Operation operation;
    operation.client = client;
    operation.key = key;
    operation.kind = wish.removes ? Operation::Kind::kDelete : Operation::Kind::kWrite;
    if (!wish.removes) operation.value = value;
    if (wish.conditional) {
      const uint64_t revision = Chance(15) ? 0 : glimpse_[key];
      operation.if_revision = revision;
      txn.preconditions.push_back(revision == 0 ? store::Precondition::Absent(key)
                                                : store::Precondition::AtRevision(key, revision));
    }
    txn.ops.push_back(
        wish.removes
            ? store::Op::Delete(key)
            : store::Op::Put(key,
                             MapOf(key, absl::StrCat(value, " ", std::string(wish.ballast, 'x')))));
    records.push_back(record_.Begin(std::move(operation)));
    values.emplace_back(key, wish.removes ? "(none)" : value);
  }
  ++open_;
  member->store->Commit(
      std::move(txn), [this, next, records = std::move(records),
                       values = std::move(values)](const absl::StatusOr<store::TxnResult>& result) {
        --open_;
        OnWritten(records, result, values);
        next();
      });
}

void Storm::OnWritten(const std::vector<size_t>& records,
                      const absl::StatusOr<store::TxnResult>& result,
                      const std::vector<std::pair<std::string, std::string>>& values) {
  for (size_t i = 0; i < records.size(); ++i) {
    const auto& [key, value] = values[i];
    if (result.ok()) {
      ++result_.writes;
      if (!result->applied || result->objects[i] == nullptr) {
        if (result->applied) glimpse_[key] = 0;
        record_.Done(records[i], Operation::Outcome::kRefused, 0);
        continue;
      }
      glimpse_[key] = value == "(none)" ? 0 : result->revision;
      record_.Done(records[i], Operation::Outcome::kDone, result->revision);
      record_.OnAcknowledged(key, value, result->revision);
    } else if (absl::IsUnavailable(result.status()) || absl::IsResourceExhausted(result.status())) {
      ++result_.nothing;
      record_.Nothing(records[i]);
    } else {
      ++result_.unknown;
      record_.Trace(absl::StrCat(key, "=", value, " is unknown: ", result.status().message()));
      // Of an only member's disk that fails otherwise nobody knows how far it got.
      // Nor of one that was taken away from under it.
      if (!absl::IsDeadlineExceeded(result.status()) && !absl::IsInternal(result.status()) &&
          !absl::IsFailedPrecondition(result.status())) {
        record_.Fault(absl::StrCat("a write fails: ", result.status().ToString()));
      }
    }
  }
}

void Storm::Read(int client, Member* member, const std::string& key,
                 const std::function<void()>& next) {
  Operation operation;
  operation.client = client;
  operation.key = key;
  operation.kind = Operation::Kind::kRead;
  const size_t record = record_.Begin(std::move(operation));
  ++open_;
  member->store->Barrier(
      [this, key, record, next, store = member->store.get()](const absl::Status& status) {
        --open_;
        if (status.ok()) {
          ++result_.reads;
          const api::ObjectPtr object = store->snapshot()->Get(key);
          glimpse_[key] = object == nullptr ? 0 : object->revision();
          record_.ReadDone(record, object);
        }
        next();
      });
}

void Storm::StaleRead(Member* member) {
  const std::string key = RandomKey();
  const auto snapshot = member->store->snapshot();
  if (snapshot->revision() > member->tapped) return;  // It has just started.
  const std::string value = StormRecord::Value(snapshot->Get(key));
  const std::string expected = record_.ValueAt(key, snapshot->revision());
  if (value != expected) {
    record_.Fault(absl::StrCat("member ", member->id, " shows ", key, "=", value, " at revision ",
                               snapshot->revision(), ", which is ", expected));
  }
  if (snapshot->Get(key) != nullptr && Chance(30)) glimpse_[key] = snapshot->Get(key)->revision();
}

// ---- who watches ----

void Storm::StartWatcher(Watcher* watcher, Member* member) {
  const uint64_t revision = member->store->snapshot()->revision();
  if (watcher->last == 0) watcher->last = watcher->stream.after = revision;
  store::WatchSink sink;
  const int turn = ++watcher->turn;
  sink.on_events = [this, watcher, turn](std::shared_ptr<const std::vector<store::Event>> events) {
    if (watcher->turn == turn) OnWatched(watcher, *events);
  };
  sink.on_end = [watcher, turn](const absl::Status&) {
    if (watcher->turn == turn) watcher->at = 0;
  };
  auto watch = member->store->StartWatch(watcher->stream.prefix, watcher->last, std::move(sink));
  watcher->at = 0;
  if (watch.ok()) {
    watcher->watch = *std::move(watch);
    watcher->at = member->id;
  } else if (absl::IsOutOfRange(watch.status())) {
    // It lists again.
    streams_.push_back(watcher->stream);
    watcher->stream.seen.clear();
    watcher->last = 0;
  } else if (!absl::IsInvalidArgument(watch.status())) {
    record_.Fault("a watch fails: " + watch.status().ToString());
  }
}

void Storm::MoveWatcher(Watcher* watcher) {
  Member* member = Running();
  if (member == nullptr || (watcher->at != 0 && !Chance(10))) return;
  watcher->watch.reset();
  StartWatcher(watcher, member);
}

void Storm::OnWatched(Watcher* watcher, const std::vector<store::Event>& events) {
  for (const store::Event& event : events) {
    watcher->stream.seen.push_back(ChangeOf(event));
    if (event.revision <= watcher->last && event.revision != 0 &&
        (watcher->stream.seen.size() < 2 ||
         watcher->stream.seen[watcher->stream.seen.size() - 2].revision != event.revision)) {
      record_.Fault(absl::StrCat("watcher ", watcher->number, " is told of revision ",
                                 event.revision, " after ", watcher->last));
    }
    watcher->last = event.revision;
    record_.Trace(absl::StrCat("watcher ", watcher->number, " sees ", event.revision));
  }
}

// ---- from beginning to end ----

StormResult Storm::Run() {
  for (int i = 0; i < kWatchers; ++i) {
    watchers_.push_back(std::make_unique<Watcher>());
    watchers_.back()->number = i;
    if (i % 2 == 1) watchers_.back()->stream.prefix = KeyOf(absl::StrCat("k", i));
  }
  for (int i = 0; i < options_.clients; ++i) ClientStep(i);
  Every([this] { return Between(20, 60); },
        [this] {
          for (auto& watcher : watchers_) MoveWatcher(watcher.get());
        });
  Every([] { return absl::Milliseconds(30); }, [this] { Poll(); });
  Every([this] { return Between(20, 300); }, [this] { Mischief(); });
  Every([this] { return Between(200, 700); }, [this] { Administer(); });
  if (options_.upgrade) {
    Every([this] { return Between(200, 1200); }, [this] { ReplaceProgram(); });
  }
  Storms();
  Converge();
  for (auto& watcher : watchers_) {
    watcher->stream.complete_to = record_.revision();
    if (watcher->last != 0) streams_.push_back(watcher->stream);
  }
  record_.Finish(streams_);
  result_.faults = record_.faults();
  result_.trace = record_.trace();
  result_.revision = record_.revision();
  return result_;
}

bool Storm::Await(const std::function<bool()>& holds, absl::Duration limit) {
  for (absl::Duration passed; passed < limit; passed += absl::Milliseconds(10)) {
    if (holds()) return true;
    sim_.RunFor(absl::Milliseconds(10));
  }
  return holds();
}

// Whoever the leader counts as a member has its state.
bool Storm::Agree() {
  Member* leader = Leader();
  if (leader == nullptr) return false;
  const auto status = std::make_shared<std::optional<store::StoreStatus>>();
  leader->store->Status([status](store::StoreStatus now) { *status = std::move(now); });
  sim_.RunFor(absl::Milliseconds(5));
  if (!status->has_value()) return false;
  if ((*status)->version != raft::kNewestVersion) return false;
  current_.clear();
  for (const store::MemberStatus& each : (*status)->members) {
    current_.insert(each.id);
    Member& member = members_[each.id];
    if (member.store == nullptr) {
      member.retired = false;
      Start(&member);
      return false;
    }
    if (member.tapped != leader->tapped) return false;
  }
  return true;
}

std::string Storm::Describe() {
  const auto out = std::make_shared<std::string>();
  for (auto& [id, member] : members_) {
    if (member.store == nullptr) continue;
    member.store->Status([out](const store::StoreStatus& status) {
      absl::StrAppend(out.get(), status.id, " (term ", status.term, ", leader ", status.leader,
                      ", commit ", status.commit, ", applied ", status.applied, ", first ",
                      status.first, ", revision ", status.revision, ", version ", status.version,
                      ", of");
      for (const store::MemberStatus& each : status.members) {
        absl::StrAppend(out.get(), " ", each.learner ? "learner " : "", each.id);
        if (each.match) absl::StrAppend(out.get(), "=", *each.match);
      }
      absl::StrAppend(out.get(), "; ", status.disk.ToString(), ") ");
    });
  }
  sim_.RunFor(absl::Milliseconds(1));
  return *out;
}

void Storm::Converge() {
  faults_ = false;
  Say("the weather clears");
  Clear();
  sim_.RunFor(absl::Seconds(2));
  // Changes of the members that are under way end: their leader may have waited with them.
  if (!Await([this] { return asked_ == 0; }, absl::Seconds(15))) {
    record_.Fault("a change of the members is never answered");
  }
  if (!Await([this] { return damaged_ == 0; }, absl::Seconds(60))) {
    record_.Fault(absl::StrCat("member ", damaged_, " cannot be replaced: ", Describe()));
  }
  if (!Await([this] { return Agree(); }, kConvergence)) {
    record_.Fault("they do not come together: " + Describe());
  }
  if (!Await([this] { return open_ == 0; }, absl::Seconds(15))) {
    record_.Fault(absl::StrCat(open_, " operations are never answered"));
  }
  ReadEverything();
  if (!Await([this] { return Agree(); }, kConvergence)) {
    record_.Fault("they do not come together again");
  }
  // Some may be with one that is a member no more.
  for (auto& watcher : watchers_) {
    watcher->watch.reset();
    watcher->at = 0;
  }
  const auto watching = [this] {
    for (auto& watcher : watchers_) {
      if (watcher->at == 0 && Leader() != nullptr) StartWatcher(watcher.get(), Leader());
    }
    return std::all_of(watchers_.begin(), watchers_.end(),
                       [](const auto& watcher) { return watcher->at != 0; });
  };
  if (!Await(watching, absl::Seconds(5))) record_.Fault("a watcher finds nobody");
  sim_.RunFor(absl::Milliseconds(500));
  for (auto& [id, member] : members_) {
    if (member.store != nullptr) record_.CheckState(id, *member.store->snapshot());
  }
}

// Everything acknowledged is to be seen, and every member takes writes.
void Storm::ReadEverything() {
  Member* leader = Leader();
  if (leader == nullptr) return;
  int client = 1000;
  for (auto& [id, member] : members_) {
    if (member.store == nullptr || current_.count(id) == 0) continue;
    ++client;
    const int64_t acknowledged = result_.writes;
    Write(client, &member, [] {});
    if (!Await([this] { return open_ == 0; }, absl::Seconds(15)) ||
        result_.writes == acknowledged) {
      record_.Fault(absl::StrCat("member ", id, " takes no write after the storm"));
    }
    for (int i = 0; i < kKeys; ++i) {
      for (int more = 0; more < 2; ++more) Read(client, &member, RandomKey(), [] {});
    }
    if (!Await([this] { return open_ == 0; }, absl::Seconds(15))) {
      record_.Fault(absl::StrCat("member ", id, " answers no read after the storm"));
    }
  }
}

}  // namespace skiff::sim
