#include <set>

#include "absl/strings/str_cat.h"
#include "api/time.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckTaints(const corev1::NodeSpec& spec, ErrorList* errors) {
  std::set<std::string> seen;
  for (int i = 0; i < spec.taints_size(); ++i) {
    const corev1::Taint& taint = spec.taints(i);
    const Path at = Path("spec.taints")[i];
    errors->InvalidEach(at / "key", taint.key(), CheckQualifiedName(taint.key()));
    errors->InvalidEach(at / "value", taint.value(), CheckLabelValue(taint.value()));
    if (taint.effect().empty()) {
      errors->Required(at / "effect");
    } else {
      errors->OneOf(at / "effect", taint.effect(), {"NoExecute", "NoSchedule", "PreferNoSchedule"});
    }
    if (!seen.insert(absl::StrCat(taint.key(), ":", taint.effect())).second) {
      errors->Duplicate(at, taint);
    }
  }
}

}  // namespace

void CheckNamespace(const corev1::Namespace& space, ErrorList* errors) {
  for (const std::string& finalizer : space.spec().finalizers()) {
    errors->InvalidEach(Path("spec.finalizers"), finalizer, CheckQualifiedName(finalizer));
  }
}

void CheckNode(const corev1::Node& node, ErrorList* errors) {
  CheckTaints(node.spec(), errors);
  CheckResourceList(node.status().capacity(), Path("status.capacity"), errors);
  CheckResourceList(node.status().allocatable(), Path("status.allocatable"), errors);
}

void CheckNodeUpdate(const corev1::Node& now, const corev1::Node& old, ErrorList* errors) {
  CheckNode(now, errors);
  const corev1::NodeSpec& before = old.spec();
  const corev1::NodeSpec& after = now.spec();
  if (!before.pod_cidr().empty() && before.pod_cidr() != after.pod_cidr()) {
    errors->Forbidden(Path("spec.podCIDRs"),
                      "node updates may not change podCIDR except from \"\" to valid");
  }
  if (!before.provider_id().empty() && before.provider_id() != after.provider_id()) {
    errors->Forbidden(Path("spec.providerID"),
                      "node updates may not change providerID except from \"\" to valid");
  }
  std::set<std::string> addresses;
  for (int i = 0; i < now.status().addresses_size(); ++i) {
    const corev1::NodeAddress& address = now.status().addresses(i);
    if (!addresses.insert(absl::StrCat(address.type(), "/", address.address())).second) {
      errors->Duplicate(Path("status.addresses")[i], address);
    }
  }
}

void CheckEvent(const corev1::Event& event, ErrorList* errors) {
  const corev1::ObjectReference& about = event.involved_object();
  // What is said of a cluster-wide object is kept in the default namespace.
  const bool matches =
      about.namespace_() == event.metadata().namespace_() ||
      (about.namespace_().empty() && (event.metadata().namespace_() == "default" ||
                                      event.metadata().namespace_() == "kube-system"));
  if (!matches) {
    errors->Invalid(Path("involvedObject.namespace"), about.namespace_(),
                    "does not match event.namespace");
  }
  if (!IsSet(event.event_time())) return;
  if (event.reporting_component().empty()) errors->Required(Path("reportingController"));
  if (event.reporting_instance().empty()) errors->Required(Path("reportingInstance"));
  if (event.action().empty()) errors->Required(Path("action"));
  if (event.reason().empty()) errors->Required(Path("reason"));
  if (event.message().size() > 1024) {
    errors->Invalid(Path("message"), "", "can have at most 1024 characters");
  }
  errors->OneOf(Path("type"), event.type(), {"Normal", "Warning"});
}

void CheckLease(const coordinationv1::Lease& lease, ErrorList* errors) {
  const coordinationv1::LeaseSpec& spec = lease.spec();
  if (spec.has_lease_duration_seconds() && spec.lease_duration_seconds() <= 0) {
    errors->Invalid(Path("spec.leaseDurationSeconds"), spec.lease_duration_seconds(),
                    "must be greater than 0");
  }
  errors->NotNegative(Path("spec.leaseTransitions"), spec.lease_transitions());
  if (spec.has_holder_identity() && spec.holder_identity().empty()) {
    errors->Invalid(Path("spec.holderIdentity"), spec.holder_identity(), "must not be empty");
  }
}

void CheckRuntimeClass(const nodev1::RuntimeClass& runtime, ErrorList* errors) {
  errors->InvalidEach(Path("handler"), runtime.handler(), CheckDns1123Label(runtime.handler()));
  CheckResourceList(runtime.overhead().pod_fixed(), Path("overhead.podFixed"), errors);
  CheckLabels(runtime.scheduling().node_selector(), Path("scheduling.nodeSelector"), errors);
  CheckTolerations(runtime.scheduling().tolerations(), Path("scheduling.tolerations"), errors);
}

void CheckRuntimeClassUpdate(const nodev1::RuntimeClass& now, const nodev1::RuntimeClass& old,
                             ErrorList* errors) {
  CheckRuntimeClass(now, errors);
  if (now.handler() != old.handler()) errors->Invalid(Path("handler"), now.handler(), kImmutable);
}

}  // namespace skiff::api
