// The ways in which a container is asked or told something: httpGet, tcpSocket, grpc and exec, as
// probes and as lifecycle hooks have them.
//
// Threads: any; calls block, at most for the time that they are given.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api/types.h"
#include "base/clock.h"
#include "runtime/runtime.h"

namespace skiff::node {

// Where the container is.
struct HandlerTarget {
  corev1::Container container;  // Names its ports.
  std::string pod_ip;
  std::string pod_uid;
  runtime::Runtime* runtime = nullptr;
  const Clock* clock = nullptr;
};

// Asks once. OK: success. The message of a failure is what kubelet's would be; kUnimplemented: this
// node cannot ask in that way.
absl::Status RunProbe(const corev1::Probe& probe, const HandlerTarget& target);

// Runs a postStart or preStop hook, except `sleep`, which takes no thread: see SleepOf.
absl::Status RunHook(const corev1::LifecycleHandler& hook, const HandlerTarget& target,
                     absl::Duration timeout);

// How long a hook sleeps; zero if it is none that sleeps.
absl::Duration SleepOf(const corev1::LifecycleHandler& hook);

// The signal that asks the container to end: lifecycle.stopSignal, or SIGTERM.
int StopSignalOf(const corev1::Container& container);

}  // namespace skiff::node
