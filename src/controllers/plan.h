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
// `finalizer`, unless empty, is put on what is taken on and taken off what is let go of.
void Claim(const api::Object& owner, const metav1::LabelSelector& selector,
           const std::vector<api::ObjectPtr>& controlled, const std::vector<api::ObjectPtr>& strays,
           Plan* plan, const std::string& finalizer = "");

// Whether two messages say the same. Their bytes do not tell: maps come in any order.
bool Same(const google::protobuf::Message& a, const google::protobuf::Message& b);

bool HasFinalizer(const metav1::ObjectMeta& meta, absl::string_view name);
// The object without that finalizer of its own.
client::Write WithoutFinalizer(const api::Object& object, absl::string_view name);

// Ready for at least that long.
bool IsPodAvailable(const corev1::Pod& pod, int32_t min_ready_seconds, absl::Time now);
// When a ready pod will have been so for that long.
absl::Time PodAvailableAt(const corev1::Pod& pod, int32_t min_ready_seconds);
bool IsPodActive(const corev1::Pod& pod);  // Neither finished nor being deleted.
// Being deleted, and not over yet.
bool IsPodTerminating(const corev1::Pod& pod);

// Sets the condition DisruptionTarget: the pod is not to blame for its end.
void SetDisruption(const std::string& reason, const std::string& message, absl::Time now,
                   corev1::Pod* pod);

// Whom to remove first: the unassigned, the pending, the unready, the cheap (annotation
// controller.kubernetes.io/pod-deletion-cost), those that share their node with the most of the
// others, the most recently ready, the most restarted, the youngest.
std::vector<api::ObjectPtr> InOrderOfRemoval(std::vector<api::ObjectPtr> pods);

}  // namespace skiff::controllers
