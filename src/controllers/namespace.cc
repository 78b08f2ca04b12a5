#include "controllers/namespace.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/conditions.h"

namespace skiff::controllers {
namespace {

// One transaction deletes at most so many objects; the next round takes the next ones.
constexpr size_t kBurst = 500;

// Whether it is still there after it was asked to go.
bool Stays(const api::Object& object) {
  if (!object.meta().finalizers().empty()) return true;
  if (&object.resource() != &api::ResourceOf<corev1::Pod>()) return false;
  const auto& pod = object.As<corev1::Pod>();
  const std::string& phase = pod.status().phase();
  return !pod.spec().node_name().empty() && phase != "Succeeded" && phase != "Failed";
}

// What is left: by kind, and by finalizer.
struct Remains {
  std::map<std::string, int> resources;
  std::map<std::string, int> finalizers;

  void Add(const api::Object& object) {
    ++resources[absl::StrCat(object.resource().resource, ".", object.resource().group)];
    for (const std::string& finalizer : object.meta().finalizers()) ++finalizers[finalizer];
  }
};

std::string List(const std::map<std::string, int>& counts, const std::string& verb) {
  return absl::StrJoin(counts, ", ", [&](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.first, verb, entry.second, " resource instances");
  });
}

void SetCondition(const std::string& type, bool holds, const std::string& reason,
                  const std::string& message, absl::Time now, corev1::NamespaceStatus* status) {
  api::SetCondition(type, holds ? "True" : "False", reason, message, now,
                    status->mutable_conditions());
}

// All kinds are known and every deletion is part of the plan, which happens or does not: the
// failures that Kubernetes knows cannot be met here, and it says so.
void SetConditions(const Remains& remains, absl::Time now, corev1::NamespaceStatus* status) {
  SetCondition("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
               "All resources successfully discovered", now, status);
  SetCondition("NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
               "All legacy kube types successfully parsed", now, status);
  SetCondition("NamespaceDeletionContentFailure", false, "ContentDeleted",
               "All content successfully deleted, may be waiting on finalization", now, status);
  const bool left = !remains.resources.empty();
  SetCondition(
      "NamespaceContentRemaining", left, left ? "SomeResourcesRemain" : "ContentRemoved",
      left ? absl::StrCat("Some resources are remaining: ", List(remains.resources, " has "))
           : "All content successfully removed",
      now, status);
  const bool held = !remains.finalizers.empty();
  SetCondition("NamespaceFinalizersRemaining", held,
               held ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
               held ? absl::StrCat("Some content in the namespace has finalizers remaining: ",
                                   List(remains.finalizers, " in "))
                    : "All content-preserving finalizers finished",
               now, status);
}

}  // namespace

Plan ReconcileNamespace(const NamespaceObserved& observed) {
  Plan plan;
  if (!observed.name_space->meta().has_deletion_timestamp()) return plan;
  if (observed.contents.empty()) {
    auto changed = observed.name_space->CopyAs<corev1::Namespace>();
    if (changed->spec().finalizers().empty()) return plan;
    changed->mutable_spec()->clear_finalizers();
    plan.writes.push_back(client::Write::Update(std::move(changed), "finalize"));
    return plan;
  }
  const auto is_pod = [](const api::ObjectPtr& object) {
    return &object->resource() == &api::ResourceOf<corev1::Pod>();
  };
  // While pods run, what they were given (secrets, policies, accounts) must not go before them.
  const bool pods_only = std::any_of(observed.contents.begin(), observed.contents.end(), is_pod);
  std::vector<api::ObjectPtr> contents;
  std::copy_if(observed.contents.begin(), observed.contents.end(), std::back_inserter(contents),
               [&](const auto& object) { return !pods_only || is_pod(object); });
  std::sort(contents.begin(), contents.end(), [](const auto& a, const auto& b) {
    return std::tie(a->resource().resource, a->meta().name()) <
           std::tie(b->resource().resource, b->meta().name());
  });
  Remains remains;
  for (const api::ObjectPtr& object : contents) {
    const bool asked = object->meta().has_deletion_timestamp();
    const bool now = !asked && plan.writes.size() < kBurst;
    if (now) {
      client::Write write = client::Write::Delete(*object);
      write.propagation_policy = "Background";
      plan.writes.push_back(std::move(write));
    }
    if (asked || !now || Stays(*object)) remains.Add(*object);
  }
  auto changed = observed.name_space->CopyAs<corev1::Namespace>();
  SetConditions(remains, observed.now, changed->mutable_status());
  if (!Same(changed->status(), observed.name_space->As<corev1::Namespace>().status())) {
    plan.writes.push_back(client::Write::Update(std::move(changed), "status"));
  }
  return plan;
}

}  // namespace skiff::controllers
