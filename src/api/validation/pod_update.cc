#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/field_lookup.h"
#include "api/same.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr absl::string_view kMayNotChange =
    "pod updates may not change fields other than "
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

void CheckDeadline(const corev1::PodSpec& now, const corev1::PodSpec& old, const Path& path,
                   ErrorList* errors) {
  if (!old.has_active_deadline_seconds()) return;
  if (!now.has_active_deadline_seconds()) {
    errors->Invalid(path, "", "must not update from a positive integer to nil value");
  } else if (now.active_deadline_seconds() > old.active_deadline_seconds()) {
    errors->Invalid(path, now.active_deadline_seconds(),
                    absl::StrCat("must be less than or equal to previous value"));
  }
}

void CheckAddedTolerations(const corev1::PodSpec& now, const corev1::PodSpec& old, const Path& path,
                           ErrorList* errors) {
  const auto same_but_seconds = [](corev1::Toleration a, corev1::Toleration b) {
    a.clear_toleration_seconds();
    b.clear_toleration_seconds();
    return LooksSame(a, b);
  };
  for (const corev1::Toleration& before : old.tolerations()) {
    const bool kept = std::any_of(
        now.tolerations().begin(), now.tolerations().end(),
        [&](const corev1::Toleration& after) { return same_but_seconds(before, after); });
    if (!kept) {
      errors->Forbidden(path,
                        "existing toleration can not be modified except its "
                        "tolerationSeconds");
      return;
    }
  }
}

// A gate may go, but never come.
void CheckGates(const corev1::PodSpec& now, const corev1::PodSpec& old, const Path& path,
                ErrorList* errors) {
  std::set<std::string> before, added;
  for (const auto& gate : old.scheduling_gates()) before.insert(gate.name());
  for (const auto& gate : now.scheduling_gates()) {
    if (before.count(gate.name()) == 0) added.insert(gate.name());
  }
  if (!added.empty()) {
    errors->Forbidden(path, absl::StrCat("only deletion is allowed, but found new scheduling gates "
                                         "'",
                                         absl::StrJoin(added, ", "), "'"));
  }
}

// `now` with everything that may change put back to what it was.
corev1::PodSpec WithoutAllowedChanges(const corev1::PodSpec& now, const corev1::PodSpec& old) {
  corev1::PodSpec spec = now;
  for (int i = 0; i < spec.containers_size(); ++i) {
    spec.mutable_containers(i)->set_image(old.containers(i).image());
  }
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    spec.mutable_init_containers(i)->set_image(old.init_containers(i).image());
  }
  spec.clear_active_deadline_seconds();
  if (old.has_active_deadline_seconds()) {
    spec.set_active_deadline_seconds(old.active_deadline_seconds());
  }
  *spec.mutable_tolerations() = old.tolerations();
  *spec.mutable_scheduling_gates() = old.scheduling_gates();
  if (old.termination_grace_period_seconds() < 0 && now.termination_grace_period_seconds() == 1) {
    spec.set_termination_grace_period_seconds(old.termination_grace_period_seconds());
  }
  // Until its gates are gone a pod has not been looked at, and may be aimed elsewhere.
  if (old.scheduling_gates_size() > 0) {
    *spec.mutable_node_selector() = old.node_selector();
    if (old.has_affinity()) {
      *spec.mutable_affinity() = old.affinity();
    } else {
      spec.clear_affinity();
    }
  }
  return spec;
}

// The members of the spec that differ: "nodeName, volumes".
std::string ChangedMembers(const corev1::PodSpec& now, const corev1::PodSpec& old) {
  std::vector<std::string> changed;
  const google::protobuf::Descriptor* descriptor = corev1::PodSpec::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = descriptor->field(i);
    const auto clear_others = [&](corev1::PodSpec spec) {
      for (int j = 0; j < descriptor->field_count(); ++j) {
        if (j != i) spec.GetReflection()->ClearField(&spec, descriptor->field(j));
      }
      return spec;
    };
    if (!LooksSame(clear_others(now), clear_others(old))) changed.push_back(field->json_name());
  }
  return absl::StrJoin(changed, ", ");
}

}  // namespace

void CheckPodUpdate(const corev1::Pod& now, const corev1::Pod& old, ErrorList* errors) {
  const Path path("spec");
  CheckPodSpec(now.spec(), path, errors);
  if (now.spec().containers_size() != old.spec().containers_size()) {
    errors->Forbidden(path / "containers", "pod updates may not add or remove containers");
    return;
  }
  if (now.spec().init_containers_size() != old.spec().init_containers_size()) {
    errors->Forbidden(path / "initContainers", "pod updates may not add or remove containers");
    return;
  }
  CheckDeadline(now.spec(), old.spec(), path / "activeDeadlineSeconds", errors);
  CheckAddedTolerations(now.spec(), old.spec(), path / "tolerations", errors);
  CheckGates(now.spec(), old.spec(), path / "schedulingGates", errors);
  const corev1::PodSpec rest = WithoutAllowedChanges(now.spec(), old.spec());
  if (!LooksSame(rest, old.spec())) {
    errors->Forbidden(path,
                      absl::StrCat(kMayNotChange, "\nchanged: ", ChangedMembers(rest, old.spec())));
  }
}

}  // namespace skiff::api
