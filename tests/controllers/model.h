// A store without a server: objects in a map, to which plans are applied with the same meaning that
// the API server gives them (generated names, status apart from spec, finalizers, graceful deletion
// of pods that have a node). Property tests drive controllers against it, thousands of rounds a
// second.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/defaulting.h"
#include "api/time.h"
#include "base/rng.h"
#include "controllers/plan.h"

namespace skiff::controllers {

class Model {
 public:
  explicit Model(uint64_t seed) : rng_(seed) {}

  Rng& rng() { return rng_; }
  bool OneIn(int n) { return rng_.Below(n) == 0; }
  absl::Time now() const { return now_; }
  void Pass(absl::Duration time) { now_ += time; }

  static std::string KeyOf(const api::Object& object) {
    return absl::StrCat(object.resource().resource, "/", object.meta().namespace_(), "/",
                        object.meta().name());
  }
  api::ObjectPtr Get(const std::string& key) const {
    const auto it = objects_.find(key);
    return it == objects_.end() ? nullptr : it->second;
  }
  template <typename T>
  api::ObjectPtr Get(const std::string& name) const {
    return Get(absl::StrCat(api::ResourceOf<T>().resource,
                            api::ResourceOf<T>().namespaced ? "/default/" : "//", name));
  }
  template <typename T>
  std::vector<api::ObjectPtr> All() const {
    std::vector<api::ObjectPtr> out;
    for (const auto& [key, object] : objects_) {
      if (&object->resource() == &api::ResourceOf<T>()) out.push_back(object);
    }
    return out;
  }
  const std::map<std::string, api::ObjectPtr>& objects() const { return objects_; }
  // Those of the kind that the owner controls, shuffled: nothing may depend on their order.
  template <typename T>
  std::vector<api::ObjectPtr> Controlled(const std::string& uid) {
    std::vector<api::ObjectPtr> out;
    for (const api::ObjectPtr& object : All<T>()) {
      const auto* owner = ControllerOf(*object);
      if (owner != nullptr && owner->uid() == uid) out.push_back(object);
    }
    Shuffle(&out);
    return out;
  }
  template <typename T>
  std::vector<api::ObjectPtr> Uncontrolled() {
    std::vector<api::ObjectPtr> out;
    for (const api::ObjectPtr& object : All<T>()) {
      if (ControllerOf(*object) == nullptr) out.push_back(object);
    }
    Shuffle(&out);
    return out;
  }
  void Shuffle(std::vector<api::ObjectPtr>* objects) {
    for (size_t i = objects->size(); i > 1; --i) {
      std::swap((*objects)[i - 1], (*objects)[rng_.Below(i)]);
    }
  }

  api::ObjectPtr Create(api::MessagePtr message) {
    api::SetDefaults(message.get());
    metav1::ObjectMeta* meta = api::MutableMetaOf(message.get());
    if (meta->name().empty()) meta->set_name(meta->generate_name() + rng_.NameSuffix(5));
    meta->set_uid(absl::StrCat("uid-", ++uids_));
    meta->set_generation(1);
    *meta->mutable_creation_timestamp() = api::MakeTime(now_);
    auto* pod = dynamic_cast<corev1::Pod*>(message.get());
    if (pod != nullptr && pod->status().phase().empty()) {
      pod->mutable_status()->set_phase("Pending");
    }
    return Put(std::move(message));
  }
  void UpdateStatus(api::MessagePtr message) {
    const api::ObjectPtr old = Current(*message);
    api::MessagePtr changed = old->Copy();
    CopyField("status", *message, changed.get());
    Put(std::move(changed));
  }
  void Update(api::MessagePtr message) {
    const api::ObjectPtr old = Current(*message);
    CopyField("status", old->message(), message.get());
    metav1::ObjectMeta* meta = api::MutableMetaOf(message.get());
    if (!SameField("spec", old->message(), *message)) meta->set_generation(meta->generation() + 1);
    const std::string key = KeyOf(*old);
    Put(std::move(message));
    RemoveIfFree(key);
  }
  // Of a pod with a node: it is marked, and FinishPod or RemovePod ends it.
  void Delete(const std::string& key, const std::string& policy = "Background",
              bool at_once = false) {
    const api::ObjectPtr old = Get(key);
    REQUIRE(old != nullptr);
    api::MessagePtr changed = old->Copy();
    metav1::ObjectMeta* meta = api::MutableMetaOf(changed.get());
    if (policy == "Foreground" && !HasFinalizer(*meta, "foregroundDeletion")) {
      meta->add_finalizers("foregroundDeletion");
    }
    if (policy == "Orphan" && !HasFinalizer(*meta, "orphan")) meta->add_finalizers("orphan");
    int64_t grace_seconds = 0;
    if (const auto* pod = dynamic_cast<corev1::Pod*>(changed.get())) {
      const std::string& phase = pod->status().phase();
      const bool over = phase == "Succeeded" || phase == "Failed";
      if (!pod->spec().node_name().empty() && !over && !at_once) grace_seconds = 30;
    }
    if (!meta->has_deletion_timestamp()) {
      *meta->mutable_deletion_timestamp() = api::MakeTime(now_ + absl::Seconds(grace_seconds));
      meta->set_deletion_grace_period_seconds(grace_seconds);
    } else if (grace_seconds < meta->deletion_grace_period_seconds()) {
      meta->set_deletion_grace_period_seconds(grace_seconds);
    }
    if (auto* name_space = dynamic_cast<corev1::Namespace*>(changed.get())) {
      name_space->mutable_status()->set_phase("Terminating");
    }
    Put(std::move(changed));
    RemoveIfFree(key);
  }

  // Every write of the plan; a conflict within it is a fault of the plan.
  void Apply(Plan plan) {
    for (client::Write& write : plan.writes) {
      if (write.verb == client::Write::Verb::kCreate) {
        Create(std::move(write.object));
      } else if (write.verb == client::Write::Verb::kDelete) {
        const std::string key =
            absl::StrCat(write.resource->resource, "/", write.name_space, "/", write.name);
        const api::ObjectPtr old = Get(key);
        REQUIRE(old != nullptr);
        REQUIRE((write.uid.empty() || write.uid == old->meta().uid()));
        Delete(key, write.propagation_policy, write.grace_period_seconds.value_or(1) == 0);
      } else if (write.subresource == "status") {
        UpdateStatus(std::move(write.object));
      } else if (write.subresource == "finalize") {
        auto changed = Current(*write.object)->CopyAs<corev1::Namespace>();
        *changed->mutable_spec()->mutable_finalizers() =
            static_cast<const corev1::Namespace&>(*write.object).spec().finalizers();
        const std::string key = KeyOf(*Put(std::move(changed)));
        RemoveIfFree(key);
      } else {
        Update(std::move(write.object));
      }
    }
  }

  // What the node of a pod does.
  void SetPod(const api::ObjectPtr& pod, const std::string& phase, bool ready) {
    auto changed = pod->CopyAs<corev1::Pod>();
    changed->mutable_status()->set_phase(phase);
    changed->mutable_status()->clear_conditions();
    auto* condition = changed->mutable_status()->add_conditions();
    condition->set_type("Ready");
    condition->set_status(ready ? "True" : "False");
    *condition->mutable_last_transition_time() = api::MakeTime(now_);
    UpdateStatus(std::move(changed));
  }
  void Bind(const api::ObjectPtr& pod, const std::string& node) {
    auto changed = pod->CopyAs<corev1::Pod>();
    changed->mutable_spec()->set_node_name(node);
    Put(std::move(changed));
  }
  // The last of a pod that was to be deleted.
  void FinishPod(const api::ObjectPtr& pod, const std::string& phase) {
    SetPod(pod, phase, false);
    Delete(KeyOf(*pod), "", /*at_once=*/true);
  }

 private:
  static void CopyField(const std::string& name, const google::protobuf::Message& from,
                        google::protobuf::Message* to) {
    const auto* field = to->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) return;
    to->GetReflection()->ClearField(to, field);
    if (!from.GetReflection()->HasField(from, field)) return;
    to->GetReflection()->MutableMessage(to, field)->CopyFrom(
        from.GetReflection()->GetMessage(from, field));
  }
  static bool SameField(const std::string& name, const google::protobuf::Message& a,
                        const google::protobuf::Message& b) {
    const auto* field = a.GetDescriptor()->FindFieldByName(name);
    return field == nullptr ||
           Same(a.GetReflection()->GetMessage(a, field), b.GetReflection()->GetMessage(b, field));
  }
  api::ObjectPtr Current(const google::protobuf::Message& message) const {
    const metav1::ObjectMeta& meta = *api::MetaOf(message);
    for (const api::ResourceInfo& resource : api::Resources()) {
      if (resource.prototype->GetDescriptor() != message.GetDescriptor()) continue;
      const api::ObjectPtr old =
          Get(absl::StrCat(resource.resource, "/", meta.namespace_(), "/", meta.name()));
      REQUIRE(old != nullptr);
      INFO("two updates of " << KeyOf(*old) << " in one plan, or one of an old state");
      REQUIRE(meta.resource_version() == old->meta().resource_version());
      return old;
    }
    FAIL("an object of no served kind");
    return nullptr;
  }
  api::ObjectPtr Put(api::MessagePtr message) {
    api::MutableMetaOf(message.get())->set_resource_version(absl::StrCat(++revision_));
    const api::ObjectPtr object = api::Object::Make(std::move(message));
    objects_[KeyOf(*object)] = object;
    return object;
  }
  void RemoveIfFree(const std::string& key) {
    const api::ObjectPtr object = Get(key);
    const metav1::ObjectMeta& meta = object->meta();
    if (!meta.has_deletion_timestamp() || !meta.finalizers().empty() ||
        meta.deletion_grace_period_seconds() > 0) {
      return;
    }
    if (&object->resource() == &api::ResourceOf<corev1::Namespace>() &&
        !object->As<corev1::Namespace>().spec().finalizers().empty()) {
      return;
    }
    objects_.erase(key);
  }

  Rng rng_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::map<std::string, api::ObjectPtr> objects_;
  int uids_ = 0;
  uint64_t revision_ = 0;
};

// What a plan writes, in words, sorted: two plans that mean the same give the same.
inline std::vector<std::string> Words(const Plan& plan) {
  std::vector<std::string> out;
  for (const client::Write& write : plan.writes) {
    std::string line =
        absl::StrCat(static_cast<int>(write.verb), " ", write.resource->resource, " ", write.name,
                     " ", write.subresource, " ", write.propagation_policy, " ");
    if (write.object != nullptr) absl::StrAppend(&line, write.object->ShortDebugString());
    out.push_back(std::move(line));
  }
  for (const EventNote& note : plan.events) {
    out.push_back(absl::StrCat("event ", note.type, " ", note.reason, " ", note.message));
  }
  if (plan.wake_at < absl::InfiniteFuture()) {
    out.push_back(absl::StrCat("wake ", absl::FormatTime(plan.wake_at)));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace skiff::controllers
