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
  std::string reason;  // "ErrImagePull", "CreateContainerConfigError", "CreateContainerError",
                       // "StartError"
  std::string message;
  absl::Time at;
  int count = 1;
};

// A container that is being stopped: its preStop hook, SIGTERM, and at the end of the grace
// SIGKILL.
struct ContainerStop {
  enum class Hook { kNotRun, kRunning, kDone };
  absl::Time since;
  int64_t grace_seconds = 0;
  Hook hook = Hook::kNotRun;
  std::optional<absl::Time> term_sent;
  bool killed = false;
};

// What the node remembers of a pod between plans.
struct PodMemory {
  std::map<std::string, StartFailure> failures;  // By container.
  std::map<std::string, int> crashes;            // Ends in a row, for the back-off.
  std::map<std::string, ContainerStop> stops;    // By container, while it is being stopped.
  std::optional<absl::Time> ending_since;        // When the whole pod began to be stopped.
  std::set<std::string> post_start;              // Containers whose postStart hook runs.
  std::map<std::string, bool> started;  // What the startup probe says; without an entry: it has.
  bool released = false;                // The sandbox of a finished pod was given up.
};

struct PodPlan {
  enum class Action {
    kNone,
    kStartSandbox,
    kStartContainer,  // `container`, `attempt`
    kPreStop,         // run the preStop hook of `container`
    kStopContainer,   // SIGTERM (or its stop signal) to `container`
    kKillContainer,   // SIGKILL to `container`
    kRelease,         // all is over: the sandbox goes, records and logs stay
    kRemove,          // everything goes, and then the pod's object
  };
  Action action = Action::kNone;
  std::string container;
  int attempt = 0;
  bool init = false;
  bool whole_pod = false;     // The whole pod is being stopped, also where there is only to wait.
  int64_t grace_seconds = 0;  // Of the stop.
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

// What the API last heard of a container; null if nothing.
const corev1::ContainerStatus* ReportedStatus(const corev1::Pod& pod, const std::string& name);

// The end of the latest attempt, whether the container ran or could not start; nothing while it
// runs or waits. An attempt that was reported and that the runtime does not know any more has ended
// too: as reported, or with 137 where no end was. (An init container's is forgotten instead when it
// has to run again.)
struct ContainerEnd {
  int attempt = 0;
  int exit_code = 0;
  absl::Time at;
};
std::optional<ContainerEnd> EndOf(const corev1::Pod& pod, const corev1::Container& container,
                                  bool init, const std::optional<runtime::PodState>& state,
                                  const PodMemory& memory);

// An init container that goes on beside the others (restartPolicy: Always).
bool IsSidecar(const corev1::Container& container, bool init);

// Whether the pod's restart policy starts the container again after that end.
bool Restarts(const corev1::Pod& pod, const corev1::Container& container, bool init,
              const ContainerEnd& end);

// Whether all is over: no container will run any more (sidecars apart).
bool IsFinished(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                const PodMemory& memory, bool* failed);

// Whether a container runs.
bool AnyRunning(const std::optional<runtime::PodState>& state);

// Whether status.phase is Succeeded or Failed.
bool IsTerminal(const corev1::Pod& pod);

// Whether spec.activeDeadlineSeconds has passed since status.startTime.
bool DeadlineExceeded(const corev1::Pod& pod, absl::Time now);

}  // namespace skiff::node
