// The properties of property_test.cc, for nodes, their pods and namespaces.
#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <set>

#include "api/conditions.h"
#include "controllers/namespace.h"
#include "controllers/node_lifecycle.h"
#include "controllers/pod_gc.h"
#include "tests/controllers/model.h"

namespace skiff::controllers {
namespace {

constexpr int kSeeds = 60;

Plan PlanTwice(const std::function<Plan()>& reconcile) {
  Plan plan = reconcile();
  CHECK(Words(plan) == Words(reconcile()));
  return plan;
}

// A few nodes, some of which fall silent, are tainted, cordoned or deleted.
class Fleet {
 public:
  explicit Fleet(uint64_t seed) : model_(seed) {
    for (const char* name : {"n1", "n2", "n3"}) {
      auto node = std::make_unique<corev1::Node>();
      node->mutable_metadata()->set_name(name);
      model_.Create(std::move(node));
      Hear(name, "True");
    }
  }

  void Disturb() {
    for (const api::ObjectPtr& node : model_.All<corev1::Node>()) {
      const std::string& name = node->meta().name();
      const bool mute = name == "n2" && mute_;
      if (!mute) Hear(name, model_.OneIn(6) ? "False" : "True");
      if (model_.OneIn(5)) ToggleTaint(node->meta().name());
      if (model_.OneIn(8)) ToggleCordon(node->meta().name());
    }
    if (model_.OneIn(5)) mute_ = !mute_;
    if (model_.OneIn(2)) AddPod();
    if (model_.OneIn(25) && model_.Get("nodes//n3") != nullptr) {
      model_.Delete("nodes//n3");
      gone_ = model_.now();
    }
    for (const api::ObjectPtr& pod : model_.All<corev1::Pod>()) {
      const auto& typed = pod->As<corev1::Pod>();
      if (IsPodTerminating(typed) && model_.OneIn(2) && typed.spec().node_name() != "n3") {
        model_.FinishPod(pod, "Succeeded");
      }
    }
    model_.Pass(absl::Seconds(static_cast<int64_t>(model_.rng().Below(40))));
  }

  void Settle() {
    for (int round = 0; round < 20; ++round) {
      bool quiet = true;
      for (const api::ObjectPtr& node : model_.All<corev1::Node>()) {
        const std::string key = Model::KeyOf(*node);
        Look(key);
        quiet = Apply(PlanTwice([&] { return ReconcileNode(Observe(key)); })) && quiet;
      }
      for (const api::ObjectPtr& pod : model_.All<corev1::Pod>()) {
        const std::string& node = pod->As<corev1::Pod>().spec().node_name();
        PodGcObserved observed{pod, model_.Get("nodes//" + node) != nullptr, gone_, model_.now()};
        quiet = Apply(PlanTwice([&] { return ReconcilePodGc(observed); })) && quiet;
      }
      if (quiet) return;
    }
    FAIL("the controllers plan for ever");
  }

  void Check() {
    for (const api::ObjectPtr& pod : model_.All<corev1::Pod>()) {
      const auto& typed = pod->As<corev1::Pod>();
      const bool leaving = pod->meta().has_deletion_timestamp();
      const api::ObjectPtr node = model_.Get("nodes//" + typed.spec().node_name());
      if (node == nullptr) {
        if (model_.now() >= gone_ + absl::Seconds(40)) FAIL("a pod of a node that is gone stays");
        continue;
      }
      const std::optional<absl::Time> end = EndOf(typed, node->As<corev1::Node>());
      if (!leaving && end.has_value()) CHECK(model_.now() < *end);
      if (leaving && evicted_.insert(pod->meta().uid()).second) {
        // With the last ready node its taint went, after it had done its work.
        if (!end.has_value()) CHECK(AllDown());
        if (end.has_value()) CHECK(model_.now() >= *end);
      }
      if (IsReadyUnknown(node->As<corev1::Node>())) CHECK_FALSE(api::IsPodReady(typed));
    }
    for (const api::ObjectPtr& node : model_.All<corev1::Node>()) {
      const bool late = model_.now() - heard_.at(node->meta().name()) >= absl::Seconds(50);
      CHECK(IsReadyUnknown(node->As<corev1::Node>()) == late);
    }
  }

 private:
  static bool IsReadyUnknown(const corev1::Node& node) {
    for (const auto& condition : node.status().conditions()) {
      if (condition.type() == "Ready") return condition.status() == "Unknown";
    }
    return false;
  }
  bool AllDown() const {
    for (const api::ObjectPtr& node : model_.All<corev1::Node>()) {
      for (const auto& condition : node->As<corev1::Node>().status().conditions()) {
        if (condition.type() == "Ready" && condition.status() == "True") return false;
      }
    }
    return true;
  }
  void Hear(const std::string& name, const std::string& ready) {
    heard_[name] = model_.now();
    auto node = model_.Get("nodes//" + name)->CopyAs<corev1::Node>();
    node->mutable_status()->clear_conditions();
    auto* condition = node->mutable_status()->add_conditions();
    condition->set_type("Ready");
    condition->set_status(ready);
    model_.UpdateStatus(std::move(node));
  }
  void ToggleTaint(const std::string& name) {
    auto node = model_.Get("nodes//" + name)->CopyAs<corev1::Node>();
    auto* taints = node->mutable_spec()->mutable_taints();
    const auto at = std::find_if(taints->begin(), taints->end(),
                                 [](const auto& taint) { return taint.key() == "user"; });
    if (at != taints->end()) {
      taints->erase(at);
    } else {
      auto* taint = taints->Add();
      taint->set_key("user");
      taint->set_effect("NoExecute");
    }
    model_.Update(std::move(node));
  }
  void ToggleCordon(const std::string& name) {
    auto node = model_.Get("nodes//" + name)->CopyAs<corev1::Node>();
    node->mutable_spec()->set_unschedulable(!node->spec().unschedulable());
    model_.Update(std::move(node));
  }
  void AddPod() {
    auto pod = std::make_unique<corev1::Pod>();
    pod->mutable_metadata()->set_name(absl::StrCat("p", ++pods_));
    pod->mutable_metadata()->set_namespace_("default");
    const auto nodes = model_.All<corev1::Node>();
    pod->mutable_spec()->set_node_name(nodes[model_.rng().Below(nodes.size())]->meta().name());
    for (const char* key :
         {"user", "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"}) {
      if (model_.OneIn(4)) continue;
      auto* toleration = pod->mutable_spec()->add_tolerations();
      toleration->set_key(key);
      toleration->set_operator_("Exists");
      if (!model_.OneIn(4)) {
        toleration->set_toleration_seconds(static_cast<int64_t>(model_.rng().Below(120)));
      }
    }
    // A node that is known to be dead takes none, so that whoever is ready was so before.
    const api::ObjectPtr node = model_.Get("nodes//" + pod->spec().node_name());
    const bool dead = IsReadyUnknown(node->As<corev1::Node>());
    const api::ObjectPtr stored = model_.Create(std::move(pod));
    if (!dead) model_.SetPod(stored, "Running", true);
  }
  // What the manager remembers.
  void Look(const std::string& key) {
    const api::ObjectPtr node = model_.Get(key);
    std::map<std::string, absl::Time> now;
    for (const corev1::Taint& taint : node->As<corev1::Node>().spec().taints()) {
      const std::string name = absl::StrCat(taint.key(), taint.effect());
      const auto known = seen_[key].find(name);
      now[name] = known == seen_[key].end() ? model_.now() : known->second;
    }
    seen_[key] = now;
  }
  NodeObserved Observe(const std::string& key) {
    NodeObserved observed;
    observed.node = model_.Get(key);
    observed.now = model_.now();
    observed.all_down = AllDown();
    observed.silent_for = model_.now() - heard_.at(observed.node->meta().name());
    for (const api::ObjectPtr& pod : model_.All<corev1::Pod>()) {
      if (pod->As<corev1::Pod>().spec().node_name() == observed.node->meta().name()) {
        observed.pods.push_back(pod);
      }
    }
    model_.Shuffle(&observed.pods);
    for (const corev1::Taint& taint : observed.node->As<corev1::Node>().spec().taints()) {
      observed.tainted_since.push_back(seen_[key].at(absl::StrCat(taint.key(), taint.effect())));
    }
    return observed;
  }
  bool Apply(Plan plan) {
    const bool quiet = plan.writes.empty();
    model_.Apply(std::move(plan));
    return quiet;
  }
  // When the first taint that the pod does not bear for ever drives it away.
  std::optional<absl::Time> EndOf(const corev1::Pod& pod, const corev1::Node& node) {
    std::optional<absl::Time> end;
    for (const corev1::Taint& taint : node.spec().taints()) {
      if (taint.effect() != "NoExecute") continue;
      std::optional<int64_t> seconds = 0;
      for (const corev1::Toleration& toleration : pod.spec().tolerations()) {
        if (toleration.key() != taint.key()) continue;
        seconds.reset();
        if (toleration.has_toleration_seconds()) seconds = toleration.toleration_seconds();
      }
      if (!seconds.has_value()) continue;
      const absl::Time since = std::max(
          seen_["nodes//" + node.metadata().name()].at(absl::StrCat(taint.key(), taint.effect())),
          api::ToAbsl(pod.metadata().creation_timestamp()));
      const absl::Time own = since + absl::Seconds(*seconds);
      end = end.has_value() ? std::min(*end, own) : own;
    }
    return end;
  }

  Model model_;
  bool mute_ = false;
  int pods_ = 0;
  absl::Time gone_ = absl::InfiniteFuture();
  std::map<std::string, absl::Time> heard_;
  std::map<std::string, std::map<std::string, absl::Time>> seen_;
  std::set<std::string> evicted_;
};

TEST_CASE("NodesSettleAndNoPodGoesBeforeOrStaysAfterItsTime") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    Fleet fleet(seed);
    for (int step = 0; step < 40; ++step) {
      INFO("step " << step);
      fleet.Disturb();
      fleet.Settle();
      fleet.Check();
    }
  }
}

std::vector<api::ObjectPtr> Contents(Model* model) {
  std::vector<api::ObjectPtr> out;
  for (const auto& [key, object] : model->objects()) {
    if (object->meta().namespace_() == "team") out.push_back(object);
  }
  model->Shuffle(&out);
  return out;
}

void Fill(Model* model) {
  auto team = std::make_unique<corev1::Namespace>();
  team->mutable_metadata()->set_name("team");
  team->mutable_spec()->add_finalizers("kubernetes");
  model->Create(std::move(team));
  for (uint64_t i = model->rng().Below(8); i > 0; --i) {
    auto map = std::make_unique<corev1::ConfigMap>();
    map->mutable_metadata()->set_name(absl::StrCat("m", i));
    map->mutable_metadata()->set_namespace_("team");
    if (model->OneIn(3)) map->mutable_metadata()->add_finalizers("example.com/held");
    model->Create(std::move(map));
  }
  for (uint64_t i = model->rng().Below(5); i > 0; --i) {
    auto pod = std::make_unique<corev1::Pod>();
    pod->mutable_metadata()->set_name(absl::StrCat("p", i));
    pod->mutable_metadata()->set_namespace_("team");
    if (model->OneIn(2)) pod->mutable_spec()->set_node_name("n1");
    model->Create(std::move(pod));
  }
}

TEST_CASE("NamespacesAreEmptiedPodsFirstAndSettleMeanwhile") {
  for (uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    INFO("seed " << seed);
    Model model(seed);
    Fill(&model);
    model.Delete("namespaces//team");
    for (int step = 0; step < 60 && model.Get("namespaces//team") != nullptr; ++step) {
      const auto pods = [&] { return model.All<corev1::Pod>().size(); };
      for (int round = 0;; ++round) {
        REQUIRE(round < 10);
        const api::ObjectPtr team = model.Get("namespaces//team");
        if (team == nullptr) break;
        const size_t maps_before = model.All<corev1::ConfigMap>().size();
        const size_t pods_before = pods();
        Plan plan = PlanTwice([&] {
          return ReconcileNamespace({team, Contents(&model), model.now()});
        });
        const bool quiet = plan.writes.empty();
        model.Apply(std::move(plan));
        if (pods_before > 0) CHECK(model.All<corev1::ConfigMap>().size() == maps_before);
        if (quiet) break;
      }
      if (model.Get("namespaces//team") == nullptr) CHECK(Contents(&model).empty());
      model.Pass(absl::Seconds(1));
      for (const api::ObjectPtr& object : Contents(&model)) {
        if (!model.OneIn(4)) continue;
        if (&object->resource() == &api::ResourceOf<corev1::Pod>()) {
          model.FinishPod(object, "Succeeded");
        } else if (!object->meta().finalizers().empty()) {
          auto freed = object->CopyAs<corev1::ConfigMap>();
          freed->mutable_metadata()->clear_finalizers();
          model.Update(std::move(freed));
        }
      }
    }
    CHECK(model.Get("namespaces//team") == nullptr);
  }
}

}  // namespace
}  // namespace skiff::controllers
