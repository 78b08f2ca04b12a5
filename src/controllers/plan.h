// What a controller wants: the result of a pure reconcile.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "api/selector.h"
#include "client/client.h"

namespace skiff::controllers {

struct EventNote {
  api::ObjectPtr about;
  std::string type;  // Normal, Warning
  std::string reason;
  std::string message;
  // The name of what this write of the plan made is appended: it is known only once it is stored.
  int names_write = -1;
};

struct Plan {
  std::vector<client::Write> writes;  // Committed as one transaction: all or none.
  std::vector<EventNote> events;      // Told once the writes are done.
  absl::Time wake_at = absl::InfiniteFuture();

  void WakeAt(absl::Time when) { wake_at = std::min(wake_at, when); }
};

// The ownerReference with controller: true; null if there is none.
const metav1::OwnerReference* ControllerOf(const api::Object& object);
metav1::OwnerReference MakeControllerRef(const api::Object& owner);

// Lets go of what `owner` controls though its selector does not match, and takes on what matches
// and nobody controls (`strays`). The writes change metadata alone; where there are any, they are
// the whole plan: the next round sees who is left. An owner that is being deleted claims nothing.
void Claim(const api::Object& owner, const metav1::LabelSelector& selector,
           const std::vector<api::ObjectPtr>& controlled, const std::vector<api::ObjectPtr>& strays,
           Plan* plan);

bool IsPodReady(const corev1::Pod& pod);
// Ready for at least that long.
bool IsPodAvailable(const corev1::Pod& pod, int32_t min_ready_seconds, absl::Time now);
// When a ready pod will have been so for that long.
absl::Time PodAvailableAt(const corev1::Pod& pod, int32_t min_ready_seconds);
bool IsPodActive(const corev1::Pod& pod);  // Neither finished nor being deleted.

}  // namespace skiff::controllers
