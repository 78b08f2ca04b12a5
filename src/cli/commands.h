// What each sub-command does. All return what went wrong; main() prints it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace skiff::cli {

struct Common {
  std::string kubeconfig;
  std::string name_space = "default";
};

struct DevOptions {
  int nodes = 1;
  std::string data_dir;
  std::string listen = "127.0.0.1:6443";
  std::string token_auth_file;
  std::string kubeconfig;  // Where to write it; empty: ~/.kube/skiff.
  std::string runtime = "linux";
  bool verbose = false;
};
// Runs a cluster until SIGTERM or SIGINT.
absl::Status Dev(const DevOptions& options);

struct ServerOptions {
  DevOptions cluster;
  std::string name;  // Empty: the host's.
  std::string peer_listen = "127.0.0.1:2380";
  std::string peer_advertise;
  std::string join;  // A token, or @FILE that holds one.
};
// Runs one member of a control plane until SIGTERM or SIGINT. Pods stay.
absl::Status Server(const ServerOptions& options);

absl::Status MemberList(const std::string& data_dir);
// Prints the token with which it joins.
absl::Status MemberAdd(const std::string& data_dir, const std::string& name,
                       const std::string& address);
absl::Status MemberRemove(const std::string& data_dir, const std::string& name);
absl::Status MemberPromote(const std::string& data_dir, const std::string& name);
absl::Status MemberLead(const std::string& data_dir, const std::string& name);
// `offline`: of a data directory that no process has open.
absl::Status SnapshotSave(const std::string& data_dir, const std::string& file, bool offline);
// `options`: who the first member is, if it has a name.
absl::Status SnapshotRestore(const std::string& file, const std::string& data_dir,
                             const ServerOptions& options);

struct GetOptions {
  std::vector<std::string> what;  // KIND [NAME…], or KIND/NAME…
  std::string output;             // "", wide, json, yaml, name
  std::string selector;
  bool all_namespaces = false;
  bool no_headers = false;
  bool watch = false;
};
absl::Status Get(const Common& common, const GetOptions& options);
absl::Status Apply(const Common& common, const std::vector<std::string>& files);
absl::Status Delete(const Common& common, const std::vector<std::string>& files,
                    const std::vector<std::string>& what);

struct LogsOptions {
  std::string what;  // POD, or job/NAME, deployment/NAME: its first pod.
  std::string container;
  bool follow = false;
  bool previous = false;
  int64_t tail = -1;
};
absl::Status Logs(const Common& common, const LogsOptions& options);
absl::Status Wait(const Common& common, const std::vector<std::string>& what,
                  const std::string& condition, int timeout_seconds);

struct RunOptions {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::string restart = "Always";
  std::string runtime_class;
};
absl::Status Run(const Common& common, const RunOptions& options);

absl::Status ImageLoad(const std::string& data_dir, const std::string& file);
absl::Status ImageList(const std::string& data_dir);
// Prints what the host allows; an error if something is missing.
absl::Status Check();

}  // namespace skiff::cli
