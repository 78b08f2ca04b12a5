// Running pods on this machine, whatever runs them: `linux/` (namespaces, cgroups, an image),
// `process/` (a program of this machine, no image) and `fake/` (simulated). The node agent knows
// this interface only; Kubernetes objects stop above it.
//
// A pod is a sandbox (its namespaces and cgroup, held by its head process) and containers that
// start and end inside it. A runtime's state is the kernel's and the disk's, never this object's: a
// new Runtime over the same directory finds the same pods (architecture, decision 8).
//
// Threads: calls may block (kernel, disk) and may come from any pool thread; calls about one pod
// are never made concurrently. Events arrive on an arbitrary thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace skiff::runtime {

// Limits of a pod or a container. Zero means none (or the kernel's default for shares).
struct Resources {
  int64_t cpu_shares = 0;        // Relative weight, 1024 per CPU requested (cgroup v1 cpu.shares).
  int64_t cpu_quota_millis = 0;  // Thousandths of a CPU that may be used.
  int64_t memory_bytes = 0;      // Above it, the OOM killer acts inside the cgroup.
  int64_t pids = 0;
  int oom_score_adj = 0;
};

struct Mount {
  std::string source;  // An absolute path on the host; a tmpfs if empty.
  std::string target;  // An absolute path in the container; made if missing.
  bool read_only = false;
  int64_t size_bytes = 0;            // For a tmpfs: its limit, 0 for the kernel's.
  bool propagate_from_host = false;  // mountPropagation: HostToContainer
};

struct PodSpec {
  std::string uid;   // Names the pod everywhere below; [a-z0-9-]+.
  std::string name;  // For people: logs, `ps`.
  std::string name_space;
  std::string hostname;
  bool host_network = false;
  bool host_pid = false;
  bool host_ipc = false;
  bool share_process_namespace = false;
  std::map<std::string, std::string> sysctls;
  std::map<std::string, std::string> annotations;  // `fake/` reads its script from here.
  Resources resources;                             // The pod's own cgroup, around its containers'.
  std::string log_dir;  // Container logs go to <log_dir>/<container>/<attempt>.log (CRI format).
};

struct ContainerSpec {
  std::string name;
  int attempt = 0;                   // 0, 1, 2 … with each restart.
  std::string image;                 // Reference as in the pod; empty for `process/`.
  std::vector<std::string> command;  // Overrides the image's entrypoint if not empty.
  std::vector<std::string> args;  // Overrides the image's cmd (see Kubernetes' command and args).
  std::vector<std::pair<std::string, std::string>> env;  // On top of the image's.
  std::string working_dir;                               // Empty: the image's, or /.
  std::vector<Mount> mounts;                             // In order.
  Resources resources;
  bool read_only_root = false;
  bool privileged = false;
  bool allow_privilege_escalation = true;  // false sets no_new_privs; always set when uid is not 0.
  bool seccomp_unconfined = false;
  std::string seccomp_profile;  // Of type Localhost: its localhostProfile. None is supported.
  std::vector<std::string> add_capabilities;  // "NET_ADMIN", or "ALL".
  std::vector<std::string> drop_capabilities;
  std::optional<int64_t> uid;  // Empty: the image's user.
  std::optional<int64_t> gid;
  std::vector<int64_t> supplemental_groups;
  bool run_as_non_root = false;  // Refuse to start as uid 0.
  bool tty = false;
  bool stdin = false;
  std::string termination_message_path = "/dev/termination-log";
};

enum class ContainerPhase { kCreated, kRunning, kExited };

struct ContainerState {
  std::string name;
  int attempt = 0;
  ContainerPhase phase = ContainerPhase::kCreated;
  int64_t pid = 0;    // On the host, while running.
  int exit_code = 0;  // 128 + signal when a signal ended it.
  int signal = 0;
  bool oom_killed = false;
  std::string reason;   // "Completed", "Error", "OOMKilled", "StartError".
  std::string message;  // The termination message, or why it could not start.
  absl::Time started_at = absl::InfinitePast();
  absl::Time finished_at = absl::InfinitePast();
  std::string image_id;  // sha256:… of what it runs.
  std::string id;        // "<runtime>://<64 hex digits>", stable for this attempt.
};

struct PodState {
  std::string uid;
  int64_t head_pid = 0;  // Its /proc/<pid>/ns/net is the pod's network; 0 when gone.
  bool alive = false;    // False: the sandbox died, containers with it.
  absl::Time started_at = absl::InfinitePast();
  std::vector<ContainerState> containers;  // The latest attempt of each, by name.
};

struct Usage {
  int64_t cpu_nanoseconds = 0;
  int64_t memory_bytes = 0;
};

// Something about this pod changed: read its State.
using PodChanged = std::function<void(const std::string& pod_uid)>;

class Runtime {
 public:
  virtual ~Runtime() = default;

  // "linux", "process" or "fake": the RuntimeClass that asks for it.
  virtual absl::string_view name() const = 0;

  // Who is told of changes. Called once, before any other call.
  virtual void SetListener(PodChanged listener) = 0;

  // The pods that exist, found from kernel and disk.
  virtual absl::StatusOr<std::vector<PodState>> List() = 0;

  // Makes the sandbox. OK and the same sandbox if it is there already and alive.
  virtual absl::StatusOr<PodState> StartPod(const PodSpec& pod) = 0;

  // Starts one container. If that attempt was started before (running or ended), returns its state
  // and starts nothing. kNotFound: no such pod, or no such image; kInvalidArgument: the spec cannot
  // be carried out (run_as_non_root with a root image), and may be tried again when something has
  // changed; kFailedPrecondition: it was tried and did not start, and why (no such program, no
  // right to execute it). That counts as an end, and State tells of it from now on: kExited, exit
  // code 128, reason StartError, the same message. Any other error is the runtime's own, and the
  // same attempt may come again.
  virtual absl::StatusOr<ContainerState> StartContainer(const std::string& pod_uid,
                                                        const ContainerSpec& container) = 0;

  // Sends a signal to the container's first process. kNotFound if it is not running.
  virtual absl::Status SignalContainer(const std::string& pod_uid, const std::string& container,
                                       int signal) = 0;

  // SIGKILL to all processes of the container, through its cgroup.
  virtual absl::Status KillContainer(const std::string& pod_uid, const std::string& container) = 0;

  // The container's log was renamed: what it writes from now on goes to a new file of the old name
  // (<log_dir>/<container>/<attempt>.log). No line is lost or torn. kNotFound if it is not running;
  // kUnimplemented if this runtime has no logs.
  virtual absl::Status ReopenLog(const std::string& /*pod_uid*/, const std::string& /*container*/) {
    return absl::UnimplementedError("pods of this runtime have no logs to rotate");
  }

  virtual absl::StatusOr<PodState> State(const std::string& pod_uid) = 0;

  virtual absl::StatusOr<Usage> PodUsage(const std::string& pod_uid) = 0;

  // Runs a program in a running container's namespaces and cgroup and waits for it, at most
  // `timeout`: for exec probes and lifecycle hooks. Returns exit code and the first 10 KiB of
  // output.
  struct ExecResult {
    int exit_code = 0;
    std::string output;
  };
  virtual absl::StatusOr<ExecResult> Exec(const std::string& pod_uid, const std::string& container,
                                          const std::vector<std::string>& argv,
                                          absl::Duration timeout) = 0;

  // Kills what still runs and gives up what the pod holds of the machine: processes, namespaces,
  // cgroups, the containers' written files. Its records and logs stay: State goes on to answer,
  // with `alive` false. OK if there is no such pod.
  virtual absl::Status StopPod(const std::string& pod_uid) = 0;

  // Kills what still runs and removes every trace: processes, cgroups, mounts, namespaces, files
  // (logs too). OK if there is no such pod.
  virtual absl::Status RemovePod(const std::string& pod_uid) = 0;
};

}  // namespace skiff::runtime
