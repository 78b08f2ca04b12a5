// What the server does to persistent volumes and claims besides storing them.
#include "api/time.h"
#include "apiserver/rest/strategy.h"

namespace skiff::apiserver {
namespace {

bool IsClaimOrSnapshot(const corev1::TypedLocalObjectReference& source) {
  return (source.api_group().empty() && source.kind() == "PersistentVolumeClaim") ||
         (source.api_group() == "snapshot.storage.k8s.io" && source.kind() == "VolumeSnapshot");
}

bool NamesData(const corev1::PersistentVolumeClaimSpec& spec) {
  return spec.has_data_source() || spec.has_data_source_ref();
}

// Copies the parts that the older and the newer reference to a source of data have in common.
template <typename From, typename To>
void CopyReference(const From& from, To* to) {
  if (from.has_api_group()) to->set_api_group(from.api_group());
  to->set_kind(from.kind());
  to->set_name(from.name());
}

}  // namespace

void PreparePersistentVolume(const Env& env, const corev1::PersistentVolume* old,
                             corev1::PersistentVolume* now) {
  if (old != nullptr) return;
  now->mutable_status()->set_phase("Pending");
  *now->mutable_status()->mutable_last_phase_transition_time() = api::MakeTime(env.now);
}

// Who changes the phase and says nothing of when means now.
void PreparePersistentVolumeStatus(const Env& env, const corev1::PersistentVolume& old,
                                   corev1::PersistentVolume* now) {
  const metav1::Time& before = old.status().last_phase_transition_time();
  const metav1::Time& after = now->status().last_phase_transition_time();
  if (now->status().phase() == old.status().phase()) return;
  if (api::IsSet(after) && api::ToAbsl(after) != api::ToAbsl(before)) return;
  *now->mutable_status()->mutable_last_phase_transition_time() = api::MakeTime(env.now);
}

// dataSource and dataSourceRef say the same where dataSource can. A dataSource of other kinds, or a
// reference to another namespace, is dropped silently, as it always was.
void PrepareVolumeClaim(const Env&, const corev1::PersistentVolumeClaim* old,
                        corev1::PersistentVolumeClaim* now) {
  corev1::PersistentVolumeClaimSpec* spec = now->mutable_spec();
  const bool kept = old != nullptr && NamesData(old->spec());
  if (!kept && !spec->data_source_ref().namespace_().empty()) spec->clear_data_source_ref();
  if (!kept && spec->has_data_source() && !IsClaimOrSnapshot(spec->data_source())) {
    spec->clear_data_source();
  }
  if (spec->has_data_source() && !spec->has_data_source_ref()) {
    CopyReference(spec->data_source(), spec->mutable_data_source_ref());
  } else if (spec->has_data_source_ref() && !spec->has_data_source() &&
             spec->data_source_ref().namespace_().empty()) {
    CopyReference(spec->data_source_ref(), spec->mutable_data_source());
  }
}

}  // namespace skiff::apiserver
