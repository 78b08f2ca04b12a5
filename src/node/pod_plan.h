// What the node should do next for a pod, given what the API wants of it and what the runtime has
// of it. Pure: the same inputs give the same plan, and a plan that was carried out leads to the
// next.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "api/types.h"
#include "runtime/runtime.h"

namespace skiff::node {

// A container that could not be started, or that waits to be tried again.
struct StartFailure {
  int attempt = 0;
  bool terminal =
      false;           // It counts as an end with exit code 128 (StartError); else it is retried.
  std::string reason;  // "ErrImagePull", "CreateContainerConfigError", "StartError"
  std::string message;
  absl::Time at;
  int count = 1;
};

// What the node remembers of a pod between plans.
struct PodMemory {
  std::map<std::string, StartFailure> failures;  // By container.
  std::map<std::string, int> crashes;            // Ends in a row, for the back-off.
  std::optional<absl::Time> term_sent;           // SIGTERM went out.
  bool kill_sent = false;
  std::set<std::string> unhealthy;  // Containers to be stopped for a failed liveness probe.
};

struct PodPlan {
  enum class Action {
    kNone,
    kStartSandbox,
    kStartContainer,  // `container`, `attempt`
    kTerminate,       // SIGTERM to what runs
    kKill,            // SIGKILL to what runs
    kStopContainer,   // `container` is unhealthy: kill it
    kRemove,          // the sandbox goes, and then the pod's object
  };
  Action action = Action::kNone;
  std::string container;
  int attempt = 0;
  bool init = false;
  // When to plan again though nothing changes.
  absl::Time wake_at = absl::InfiniteFuture();
};

PodPlan PlanPod(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                const PodMemory& memory, absl::Time now);

// The pause before the next start of a container that has ended `crashes` times: 10 s, doubling, at
// most 5 minutes; none before the first restart.
absl::Duration CrashBackoff(int crashes);

// The state of a container, or null if it was never started.
const runtime::ContainerState* FindContainer(const std::optional<runtime::PodState>& state,
                                             const std::string& name);

// The end of the latest attempt, whether the container ran or could not start; nothing while it
// runs or waits.
struct ContainerEnd {
  int attempt = 0;
  int exit_code = 0;
  absl::Time at;
};
std::optional<ContainerEnd> EndOf(const std::string& name,
                                  const std::optional<runtime::PodState>& state,
                                  const PodMemory& memory);

// Whether the pod's restart policy starts the container again after that end.
bool Restarts(const corev1::Pod& pod, const corev1::Container& container, bool init,
              const ContainerEnd& end);

// Whether all is over: no container will run any more.
bool IsFinished(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                const PodMemory& memory, bool* failed);

// Whether spec.activeDeadlineSeconds has passed since status.startTime.
bool DeadlineExceeded(const corev1::Pod& pod, absl::Time now);

}  // namespace skiff::node
