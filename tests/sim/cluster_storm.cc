#include "tests/sim/cluster_storm.h"

#include <stdio.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "api/codec.h"
#include "api/types.h"
#include "cluster/local_nodes.h"
#include "cluster/member_group.h"
#include "cluster/virtual_time.h"
#include "controllers/plan.h"
#include "tests/sim/api_clients.h"
#include "tests/sim/host_loops.h"
#include "tests/sim/owner_checker.h"
#include "tests/sim/storm_record.h"

namespace skiff::sim {
namespace {

using cluster::ControlPlane;

constexpr int kClients = 8;
// How often it is asked who leads.
constexpr absl::Duration kGlance = absl::Milliseconds(200);
constexpr absl::Duration kHealed = absl::Minutes(20);
constexpr int kReplicas = 4;

template <typename T>
T FromJson(absl::string_view json) {
  T message;
  const absl::Status read = api::DecodeJson(json, &message);
  if (!read.ok()) printf("%s\n", read.ToString().c_str());
  return message;
}

class Storm {
 public:
  explicit Storm(const ClusterStormOptions& options)
      : options_(options),
        time_(options.seed, /*permute=*/true),
        rng_(options.seed * 7919),
        record_([this](const std::string& what) { Print(what); }) {
    char dir[] = "/tmp/skiff-storm.XXXXXX";
    if (mkdtemp(dir) != nullptr) dir_ = dir;
    front_ = time_.New("front");
    cluster::MemberGroupOptions group;
    group.count = options.members;
    for (int i = 0; i < options.members; ++i) {
      machines_.push_back(std::make_unique<HostLoops>(&time_));
      DisturbClock(i);
    }
    group.machine = [this](int member) { return machines_[member].get(); };
    auto opened = cluster::MemberGroup::Open(group, &time_, nullptr, &metrics_);
    if (!opened.ok()) {
      Fault(opened.status().ToString());
      return;
    }
    group_ = *std::move(opened);
    lives_.resize(options.members);
    clients_ = std::make_unique<ApiClients>(kClients, Rng(rng_.Next()), group_.get(), front_.get(),
                                            &record_);
    for (int i = 0; i < options.members; ++i) {
      Follow(i);
      HealDisk(i);
    }
    cluster::LocalNodesOptions nodes;
    nodes.count = options.nodes;
    nodes.runtime = RuntimeKind::kFake;
    nodes.home = dir_;
    nodes.cpu_millis = 4000;
    nodes.memory_bytes = int64_t{8} << 30;
    auto started = cluster::LocalNodes::Start(nodes, group_->client(), &time_, nullptr, &metrics_);
    if (!started.ok()) {
      Fault(started.status().ToString());
      return;
    }
    nodes_ = *std::move(started);
    node_alive_.assign(options.nodes, true);
  }
  ~Storm() {
    if (nodes_ != nullptr) nodes_->Stop(false).IgnoreError();
    if (group_ != nullptr) {
      time_.Run([&] { lives_.clear(); });
      group_->Stop();
    }
    nodes_.reset();
    clients_.reset();
    group_.reset();
    front_.reset();
    std::filesystem::remove_all(dir_);
  }

  ClusterStormResult Run() {
    if (!result_.faults.empty()) return result_;
    Await("a leader and nodes", absl::Minutes(2), [&] { return NodesReady(); });
    Edit([](appsv1::Deployment*) {});
    time_.Run([&] { clients_->Start(); });
    const absl::Time end = time_.clock().Now() + options_.length;
    while (time_.clock().Now() < end) {
      Pass(absl::Milliseconds(100 + static_cast<int64_t>(rng_.Below(1900))));
      const uint64_t what = rng_.Below(24);
      if (what == 0) {
        LeaveBehind();
      } else if (what == 1) {
        Depose();
      } else if (what < 12) {
        Break();
      } else {
        Work();
      }
    }
    Heal();
    Converge();
    Verify();
    return std::move(result_);
  }

 private:
  // A member whose disk is lost, and what makes another one of the group in its place.
  struct Replacement {
    int member = 0;
    std::vector<store::MemberChange> left;  // The next one last.
    bool asked = false;
  };
  // What a member tells of all that it applies.
  struct Life {
    std::unique_ptr<store::Watch> watch;
    WatchStream stream;
    int number = 0;
  };

  void Fault(const std::string& what) {
    if (result_.faults.size() < 20) result_.faults.push_back(what);
  }
  void Tell(const std::string& what) {
    result_.trace = Mix(result_.trace, what);
    Print(what);
  }
  void Print(const std::string& what) {
    if (!options_.verbose) return;
    printf("%s %s\n",
           absl::FormatTime("%H:%M:%E3S", time_.clock().Now(), absl::UTCTimeZone()).c_str(),
           what.c_str());
  }
  void Pass(absl::Duration time) {
    time_.Run([&] {
      for (; time > absl::ZeroDuration(); time -= kGlance) {
        time_.sim().RunFor(std::min(time, kGlance));
        AskWhoLeads();
      }
      if (group_->leader() >= 0 && group_->leader() != led_) {
        led_ = group_->leader();
        ++result_.elections;
        Tell(absl::StrCat("member ", led_, " leads"));
      }
      ChangeMembers();
    });
    for (int i = 0; i < options_.members; ++i) {
      if (group_->plane(i) != nullptr && lives_[i].watch == nullptr) Follow(i);
    }
  }
  bool Await(const std::string& what, absl::Duration limit, const std::function<bool()>& holds) {
    for (absl::Duration passed; passed < limit; passed += absl::Milliseconds(500)) {
      bool there = false;
      time_.Run([&] { there = holds(); });
      if (there) return true;
      Pass(absl::Milliseconds(500));
    }
    Fault(absl::StrCat("there is not in time: ", what));
    if (options_.verbose) time_.Run([&] { TellState(); });
    return false;
  }

  void TellState() {
    for (const api::ObjectPtr& pod : All<corev1::Pod>()) Tell(*pod->Json());
    for (const api::ObjectPtr& job : All<batchv1::Job>()) Tell(*job->Json());
    for (const auto& view : nodes_->Inspect()) {
      Tell(absl::StrCat(view.name, view.alive ? "" : " dead", view.reachable ? "" : " cut",
                        view.settled ? "" : " busy", " runs ", view.running.size()));
    }
  }

  // ---- what every member sees ----

  void AskWhoLeads() {
    for (int i = 0; i < options_.members; ++i) {
      if (group_->plane(i) == nullptr) continue;
      group_->plane(i)->store().Status([this](const store::StoreStatus& status) {
        record_.OnLeader(status.term, status.leader);
      });
    }
  }

  void Follow(int member) {
    time_.Run([&] {
      Unfollow(member);
      Life& life = lives_[member];
      store::Store& store = group_->plane(member)->store();
      const int number = life.number;
      const uint64_t revision = store.snapshot()->revision();
      if (revision <= record_.revision()) record_.CheckState(IdOf(member), *store.snapshot());
      store::WatchSink sink;
      sink.on_events = [this, member, number](const auto& events) {
        if (lives_[member].number == number) See(member, *events);
      };
      sink.on_end = [this, member, number](const absl::Status&) {
        if (static_cast<size_t>(member) >= lives_.size()) return;
        if (lives_[member].number == number) Unfollow(member);
      };
      life.stream.after = std::min(revision, record_.revision());
      auto watch = store.StartWatch("", life.stream.after, sink);
      if (!watch.ok()) {
        life.stream.after = revision;
        watch = store.StartWatch("", revision, std::move(sink));
      }
      if (watch.ok()) life.watch = *std::move(watch);
    });
  }
  void Unfollow(int member) {
    Life& life = lives_[member];
    ++life.number;
    if (life.watch == nullptr) return;
    streams_.push_back(std::exchange(life.stream, {}));
    ended_.push_back(std::move(life.watch));  // It may be the one that says so.
  }

  void See(int member, const std::vector<store::Event>& events) {
    for (size_t i = 0; i < events.size();) {
      const uint64_t revision = events[i].revision;
      std::vector<store::Event> one;
      for (; i < events.size() && events[i].revision == revision; ++i) {
        one.push_back(events[i]);
        record_.OnApplied(IdOf(member), events[i]);
        lives_[member].stream.seen.push_back(ChangeOf(events[i]));
      }
      log_.try_emplace(revision, std::move(one));
    }
  }
  raft::MemberId IdOf(int member) const { return group_->id(member); }

  // ---- what users do ----

  void Submit(client::Write write, std::function<void(const absl::Status&)> then = nullptr) {
    std::vector<client::Write> writes;
    writes.push_back(std::move(write));
    group_->client()->Commit(std::move(writes), front_.get(),
                             [this, then](absl::StatusOr<client::WriteResult> result) {
                               ++(result.ok() ? result_.acknowledged : result_.refused);
                               if (then) then(result.status());
                             });
  }
  // As some member has it, maybe of late.
  template <typename T>
  std::vector<api::ObjectPtr> All() {
    for (int i = 0; i < options_.members; ++i) {
      const int member = (i + std::max(0, group_->leader())) % options_.members;
      if (group_->plane(member) == nullptr || group_->cut(member)) continue;
      auto list = group_->plane(member)->server().ListNow(api::ResourceOf<T>(), {}, false);
      if (list.ok()) return std::move(list->items);
    }
    return {};
  }
  void Edit(const std::function<void(appsv1::Deployment*)>& change,
            std::function<void(const absl::Status&)> then = nullptr) {
    time_.Run([&] {
      const auto all = All<appsv1::Deployment>();
      if (!all.empty()) {
        auto web = all[0]->CopyAs<appsv1::Deployment>();
        change(web.get());
        return Submit(client::Write::Update(std::move(web)), then);
      }
      auto web = std::make_unique<appsv1::Deployment>(FromJson<appsv1::Deployment>(
          R"({"metadata":{"name":"web","namespace":"default"},"spec":{"replicas":3,"selector":{
              "matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{
              "containers":[{"name":"c","image":"v0"}]}}}})"));
      change(web.get());
      Submit(client::Write::Create(std::move(web)), then);
    });
  }
  void CreateJob() {
    auto job = std::make_unique<batchv1::Job>(FromJson<batchv1::Job>(absl::StrCat(
        R"({"metadata":{"name":"j)", jobs_++,
        R"(","namespace":"default"},"spec":{"completions":3,"parallelism":2,"backoffLimit":6,
           "template":{"metadata":{"annotations":{"fake.skiff.dev/run-seconds":"4"}},
           "spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"x"}]}}}})")));
    time_.Run([&] { Submit(client::Write::Create(std::move(job))); });
  }
  void DeletePod() {
    time_.Run([&] {
      const auto pods = All<corev1::Pod>();
      if (pods.empty()) return;
      Submit(client::Write::Delete(*pods[rng_.Below(pods.size())]));
    });
  }
  // Of few addresses: some are asked for twice at the same time, of two members.
  void CreateServices() {
    for (int i = 0; i < 2; ++i) {
      auto service = std::make_unique<corev1::Service>(FromJson<corev1::Service>(
          absl::StrCat(R"({"metadata":{"name":"s)", rng_.Below(6),
                       R"(","namespace":"default"},"spec":{"clusterIP":"10.96.1.)", rng_.Below(2),
                       R"(","ports":[{"port":80}]}})")));
      time_.Run([&] {
        const int member = static_cast<int>(rng_.Below(options_.members));
        ControlPlane* plane = group_->plane(member);
        if (plane == nullptr || group_->cut(member)) return;
        std::vector<client::Write> writes;
        writes.push_back(client::Write::Create(std::move(service)));
        plane->server().Commit(std::move(writes), front_.get(), [](const auto&) {});
      });
    }
  }
  void DeleteService() {
    time_.Run([&] {
      for (const api::ObjectPtr& service : All<corev1::Service>()) {
        if (service->meta().name() == "kubernetes" || rng_.Below(2) == 0) continue;
        Submit(client::Write::Delete(*service));
      }
    });
  }
  void Work() {
    switch (rng_.Below(7)) {
      case 0:
        return Edit([&](appsv1::Deployment* web) {
          web->mutable_spec()
              ->mutable_template_()
              ->mutable_spec()
              ->mutable_containers(0)
              ->set_image(absl::StrCat("v", rng_.Below(4)));
        });
      case 1:
        if (jobs_ < 4) return CreateJob();
        break;
      case 2:
        return DeletePod();
      case 3:
        return CreateServices();
      case 4:
        return DeleteService();
      default:
        break;
    }
    Edit([&](appsv1::Deployment* web) {
      web->mutable_spec()->set_replicas(static_cast<int>(rng_.Below(8)));
    });
  }
  // ---- what goes wrong ----

  void Break() {
    switch (rng_.Below(7)) {
      case 0:
        return BreakNode();
      case 1:
        return BreakDisk();
      case 4:
        return DisturbClock(static_cast<int>(rng_.Below(options_.members)));
      case 5:
        return LoseDisk(static_cast<int>(rng_.Below(options_.members)));
      case 2: {
        raft::NetworkFaults faults;
        if (rng_.Below(3) != 0) {
          faults.loss = rng_.Unit() * 0.2;
          faults.duplicate = rng_.Unit() * 0.2;
          faults.reorder = rng_.Unit() * 0.2;
          faults.delay_max = absl::Milliseconds(1 + static_cast<int64_t>(rng_.Below(100)));
        }
        Tell(absl::StrCat("the network loses ", faults.loss));
        return time_.Run([&] { group_->SetNetwork(faults); });
      }
      case 3: {
        const raft::MemberId from = group_->id(static_cast<int>(rng_.Below(options_.members)));
        const raft::MemberId to = group_->id(static_cast<int>(rng_.Below(options_.members)));
        const bool cut = rng_.Below(3) != 0;
        Tell(absl::StrCat(cut ? "nothing" : "all", " goes from ", from, " to ", to));
        return time_.Run(
            [&] { cut ? group_->network().Cut(from, to) : group_->network().Restore(from, to); });
      }
      default:
        return BreakMember();
    }
  }
  void BreakNode() {
    const size_t which = rng_.Below(node_alive_.size());
    const std::string name = absl::StrCat("node-", which);
    if (!node_alive_[which] || rng_.Below(2) == 0) {
      Tell(absl::StrCat(name, " starts again"));
      nodes_->Restart(name).IgnoreError();
      nodes_->Cut(name, false).IgnoreError();
      node_alive_[which] = true;
    } else if (rng_.Below(2) == 0) {
      Tell(absl::StrCat(name, " is cut off"));
      nodes_->Cut(name, true).IgnoreError();
    } else {
      Tell(absl::StrCat(name, " dies"));
      nodes_->Kill(name).IgnoreError();
      node_alive_[which] = false;
    }
  }
  void BreakDisk() {
    const int which = static_cast<int>(rng_.Below(options_.members));
    const uint64_t how = rng_.Below(4);
    Tell(absl::StrCat("disk ", which, " has ", how));
    time_.Run([&] {
      if (how == 0) group_->FailDisk(which, true).IgnoreError();
      if (how == 1) group_->SlowDisk(which, absl::Milliseconds(200)).IgnoreError();
      if (how == 2) group_->disk(which).FailReads(0.5);
      if (how == 3) HealDisk(which);
    });
  }
  // A disk in good order takes its time, too: a crash may come within any write.
  void HealDisk(int which) {
    const auto delay = absl::Milliseconds(1 + static_cast<int64_t>(rng_.Below(30)));
    group_->disk(which).FailReads(0);
    group_->SlowDisk(which, delay).IgnoreError();
    group_->FailDisk(which, false).IgnoreError();
  }
  // One at a time: a majority has to stay whole.
  void LoseDisk(int which) {
    if (replacement_ || rng_.Below(2) == 0) return;
    const raft::MemberId lost = group_->id(which);
    time_.Run([&] {
      Unfollow(which);
      const absl::Status replaced = group_->Replace(which);
      if (!replaced.ok()) Fault(absl::StrCat("another member ", lost, ": ", replaced.ToString()));
      HealDisk(which);
    });
    const raft::MemberId joins = group_->id(which);
    Tell(absl::StrCat("member ", lost, " is lost with its disk, and ", joins, " joins"));
    replacement_ = Replacement{which};
    const store::MemberChange add{.add = {{joins, group_->Note(which)}}};
    if (rng_.Below(2) == 0) {
      replacement_->left = {{.promote = {joins}}, add, {.remove = {lost}}};
    } else {
      replacement_->left = {{.promote = {joins}, .remove = {lost}}, add};
    }
    Follow(which);
  }
  // Any other member has it done.
  void ChangeMembers() {
    if (!replacement_ || replacement_->asked) return;
    const int asked = static_cast<int>(rng_.Below(options_.members));
    if (asked == replacement_->member || group_->plane(asked) == nullptr) return;
    replacement_->asked = true;
    group_->plane(asked)->store().ChangeMembers(
        replacement_->left.back(), [this](const absl::Status& status) {
          Tell(absl::StrCat("the members change: ", status.ToString()));
          replacement_->asked = false;
          if (!status.ok()) return;
          replacement_->left.pop_back();
          if (!replacement_->left.empty()) return;
          ++result_.replaced;
          replacement_.reset();
        });
  }
  // Rates of any two differ by less than members are sure of (CoreOptions::max_drift); the time of
  // day is off by up to days, for good.
  void DisturbClock(int member) {
    const double rate = 0.91 + 0.18 * rng_.Unit();
    absl::Duration jump;
    if (rng_.Below(2) == 0) {
      const int64_t scale[] = {1, 1'000, 1'000'000};
      jump =
          absl::Milliseconds(static_cast<int64_t>(rng_.Below(2001)) - 1000) * scale[rng_.Below(3)];
    }
    Tell(absl::StrCat("the clock of member ", member, " jumps by ", absl::FormatDuration(jump)));
    time_.Run([&] {
      machines_[member]->host_clock().SetRate(rate);
      machines_[member]->host_clock().Jump(jump);
    });
  }
  void BreakMember() {
    // The leader more often than others.
    int which = static_cast<int>(rng_.Below(options_.members));
    time_.Run([&] {
      if (rng_.Below(2) == 0 && group_->leader() >= 0) which = group_->leader();
    });
    if (group_->plane(which) == nullptr) return Restart(which);
    if (group_->cut(which) || rng_.Below(3) == 0) {
      const bool cut = !group_->cut(which);
      Tell(absl::StrCat("member ", which, cut ? " is cut off" : " is back"));
      result_.cuts += cut ? 1 : 0;
      return time_.Run([&] { group_->Cut(which, cut).IgnoreError(); });
    }
    Tell(absl::StrCat("member ", which, " crashes"));
    ++result_.kills;
    time_.Run([&] {
      Unfollow(which);
      group_->Kill(which).IgnoreError();
    });
    if (rng_.Below(3) == 0) Restart(which);
  }
  // No fault of disks and links.
  void Still() {
    time_.Run([&] {
      group_->SetNetwork({});
      group_->network().Heal();
      group_->network().ClearLinkFaults();
      for (int i = 0; i < options_.members; ++i) {
        HealDisk(i);
        group_->Cut(i, false).IgnoreError();
      }
    });
  }
  // What others answer a leader takes longer and longer. Then they hear of it no more and choose
  // another, while it still hears, of old, that they follow it.
  void Depose() {
    const int deposed = group_->leader();
    if (deposed < 0) return;
    Still();
    Tell(absl::StrCat("member ", deposed, " is to be deposed"));
    const raft::MemberId id = group_->id(deposed);
    const absl::Duration longest =
        absl::Milliseconds(1500 + static_cast<int64_t>(rng_.Below(4500)));
    for (absl::Duration delay; delay < longest; delay += absl::Milliseconds(300)) {
      raft::NetworkFaults slow;
      slow.delay_min = slow.delay_max = delay;
      time_.Run([&] {
        for (int i = 0; i < options_.members; ++i) {
          if (i != deposed) group_->network().SetLinkFaults(group_->id(i), id, slow);
        }
      });
      Pass(absl::Milliseconds(400));
    }
    time_.Run([&] {
      for (int i = 0; i < options_.members; ++i) {
        if (i != deposed) group_->network().Cut(id, group_->id(i));
      }
    });
    Pass(longest + absl::Seconds(2));
    Still();
  }
  // New pods, and their leader is cut off while it binds them. Another leads, and its scheduler
  // binds them as well; the first one's is answered when both are together again.
  void LeaveBehind() {
    const int left = group_->leader();
    if (left < 0) return;
    Still();
    Edit([](appsv1::Deployment* web) {
      const int replicas = web->spec().replicas();
      web->mutable_spec()->set_replicas(replicas < 12 ? replicas + 5 : 2);
    });
    const auto unbound = [&] {
      if (group_->leader() != left) return false;
      const auto pods = All<corev1::Pod>();
      return std::any_of(pods.begin(), pods.end(), [](const api::ObjectPtr& pod) {
        return pod->As<corev1::Pod>().spec().node_name().empty();
      });
    };
    bool there = false;
    for (int i = 0; i < 300 && !there; ++i) {
      Pass(absl::Milliseconds(1));
      time_.Run([&] { there = unbound(); });
    }
    Tell(absl::StrCat("member ", left, there ? " binds pods" : " has no pods to bind",
                      " and is left behind"));
    const raft::MemberId id = group_->id(left);
    time_.Run([&] { group_->network().Isolate(id); });
    Pass(absl::Milliseconds(3500 + static_cast<int64_t>(rng_.Below(4500))));
    time_.Run([&] { group_->network().Rejoin(id); });
    Pass(absl::Seconds(3));
  }
  void Restart(int which) {
    Tell(absl::StrCat("member ", which, " starts again"));
    time_.Run([&] {
      group_->disk(which).FailReads(0);  // Without, it would not start.
      const absl::Status started = group_->Restart(which);
      if (!started.ok()) Fault(absl::StrCat("member ", which, ": ", started.ToString()));
    });
    if (group_->plane(which) != nullptr) Follow(which);
  }

  // ---- and in the end ----

  void Heal() {
    Tell("all heals");
    time_.Run([&] { clients_->Stop(); });
    Still();
    for (int i = 0; i < options_.members; ++i) {
      if (group_->plane(i) == nullptr) Restart(i);
    }
    for (int i = 0; i < options_.nodes; ++i) {
      const std::string name = absl::StrCat("node-", i);
      if (!node_alive_[i]) nodes_->Restart(name).IgnoreError();
      nodes_->Cut(name, false).IgnoreError();
    }
  }
  void Converge() {
    Await("a leader and nodes", kHealed, [&] { return NodesReady(); });
    Await("another in the place of each lost member", kHealed, [&] { return !replacement_; });
    bool asked = false;
    for (int i = 0; i < 60 && !asked; ++i) {
      Edit(
          [](appsv1::Deployment* web) {
            web->mutable_spec()->set_replicas(kReplicas);
            web->mutable_spec()
                ->mutable_template_()
                ->mutable_spec()
                ->mutable_containers(0)
                ->set_image("last");
          },
          [&](const absl::Status& status) { asked = asked || status.ok(); });
      Pass(absl::Seconds(11));  // Longer than an answer takes.
    }
    if (!asked) Fault("no write is acknowledged after all has healed");
    Await("the deployment as it was asked for", kHealed, [&] { return RolledOut(); });
    Await("an end of every job", kHealed, [&] { return JobsOver(); });
    Await("as many pods as there are to be", kHealed, [&] { return PodsFit(); });
    Await("rest", absl::Minutes(2), [&] {
      ControlPlane* plane = group_->leading();
      return plane != nullptr && plane->controllers().Settled(absl::ZeroDuration()) &&
             plane->scheduler().Settled() && nodes_->Settled();
    });
  }
  bool NodesReady() {
    if (group_->leading() == nullptr) return false;
    const auto nodes = All<corev1::Node>();
    return nodes.size() == static_cast<size_t>(options_.nodes) &&
           std::all_of(nodes.begin(), nodes.end(), [](const api::ObjectPtr& node) {
             if (!node->As<corev1::Node>().spec().taints().empty()) return false;
             const auto& all = node->As<corev1::Node>().status().conditions();
             return std::any_of(all.begin(), all.end(), [](const auto& each) {
               return each.type() == "Ready" && each.status() == "True";
             });
           });
  }
  bool RolledOut() {
    const auto all = All<appsv1::Deployment>();
    if (all.empty()) return false;
    const auto& web = all[0]->As<appsv1::Deployment>();
    return web.status().observed_generation() == web.metadata().generation() &&
           web.status().updated_replicas() == kReplicas && web.status().replicas() == kReplicas &&
           web.status().available_replicas() == kReplicas;
  }
  bool JobsOver() {
    for (const api::ObjectPtr& job : All<batchv1::Job>()) {
      const auto& all = job->As<batchv1::Job>().status().conditions();
      if (std::none_of(all.begin(), all.end(), [](const auto& each) {
            return each.type() == "Complete" || each.type() == "Failed";
          })) {
        return false;
      }
    }
    return true;
  }
  bool PodsFit() {
    int active = 0;
    for (const api::ObjectPtr& pod : All<corev1::Pod>()) {
      active += controllers::IsPodActive(pod->As<corev1::Pod>()) ? 1 : 0;
      if (pod->meta().has_deletion_timestamp()) return false;
    }
    return active == kReplicas;
  }

  std::string Dump(int member) {
    std::string out;
    const auto snapshot = group_->plane(member)->store().snapshot();
    snapshot->Scan("", "", [&](absl::string_view key, const api::ObjectPtr& object) {
      absl::StrAppend(&out, key, "=", *object->Json(), "\n");
      return true;
    });
    return out;
  }
  void Verify() {
    const auto same = [&] {
      for (int i = 1; i < options_.members; ++i) {
        if (group_->plane(i)->server().revision() != group_->plane(0)->server().revision()) {
          return false;
        }
      }
      return true;
    };
    if (Await("one revision of all members", absl::Minutes(1), same)) {
      time_.Run([&] {
        const std::string first = Dump(0);
        for (int i = 1; i < options_.members; ++i) {
          if (Dump(i) != first) Fault(absl::StrCat("member ", i, " has another state than 0"));
        }
        result_.trace = Mix(result_.trace, first);
        result_.revision = group_->plane(0)->server().revision();
      });
    }
    time_.Run([&] { clients_->ReadEverything(); });
    Await("an answer to every client", absl::Minutes(1), [&] { return clients_->open() == 0; });
    time_.Run([&] {
      for (int i = 0; i < options_.members; ++i) {
        // What came since, a lease, may be on its way.
        lives_[i].stream.complete_to = result_.revision;
        Unfollow(i);
        record_.CheckState(IdOf(i), *group_->plane(i)->store().snapshot());
      }
    });
    record_.Finish(streams_);
    OwnerChecker owners;
    for (const auto& [revision, events] : log_) owners.Observe(events);
    for (const std::string& fault : owners.faults()) Fault(fault);
    for (const std::string& fault : record_.faults()) Fault(fault);
    result_.trace = Mix(result_.trace, absl::StrCat(record_.trace()));
    result_.acknowledged += clients_->acknowledged();
    result_.refused += clients_->unknown();
    result_.reads = clients_->reads();
  }

  const ClusterStormOptions options_;
  ClusterStormResult result_;
  Metrics metrics_;
  std::string dir_;
  cluster::VirtualTime time_;
  Rng rng_;
  std::vector<std::unique_ptr<HostLoops>> machines_;  // Of the members.
  std::unique_ptr<cluster::Loop> front_;
  std::unique_ptr<cluster::MemberGroup> group_;
  std::unique_ptr<cluster::LocalNodes> nodes_;
  std::vector<bool> node_alive_;
  std::optional<Replacement> replacement_;
  std::vector<Life> lives_;
  std::vector<std::unique_ptr<store::Watch>> ended_;
  std::vector<WatchStream> streams_;  // That ended.
  StormRecord record_;
  std::unique_ptr<ApiClients> clients_;
  std::map<uint64_t, std::vector<store::Event>> log_;
  int jobs_ = 0;
  int led_ = -1;
};

}  // namespace

ClusterStormResult RunClusterStorm(const ClusterStormOptions& options) {
  return Storm(options).Run();
}

}  // namespace skiff::sim
