#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/commands.h"
#include "skiff/cluster.h"

namespace skiff::cli {
namespace {

absl::StatusOr<RuntimeKind> RuntimeOf(const std::string& name) {
  if (name == "linux") return RuntimeKind::kLinux;
  if (name == "process") return RuntimeKind::kProcess;
  if (name == "fake") return RuntimeKind::kFake;
  return absl::InvalidArgumentError(
      absl::StrCat("--runtime: \"", name, "\" is not one of linux, process, fake"));
}

absl::Status WriteKubeconfig(const std::string& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) return absl::PermissionDeniedError(absl::StrCat("cannot write kubeconfig ", path));
  chmod(path.c_str(), 0600);
  return absl::OkStatus();
}

}  // namespace

absl::Status Dev(const DevOptions& options) {
  // Blocked before any thread begins, so that they wait for sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  ClusterOptions cluster_options;
  cluster_options.data_dir = options.data_dir;
  cluster_options.nodes = options.nodes;
  cluster_options.listen = options.listen;
  cluster_options.verbosity = options.verbose ? LogVerbosity::kInfo : LogVerbosity::kWarning;
  SKIFF_ASSIGN_OR_RETURN(cluster_options.runtime, RuntimeOf(options.runtime));
  SKIFF_ASSIGN_OR_RETURN(const std::unique_ptr<Cluster> cluster, Cluster::Open(cluster_options));
  std::string kubeconfig = options.kubeconfig;
  if (kubeconfig.empty()) {
    const char* home = std::getenv("HOME");
    kubeconfig = absl::StrCat(home == nullptr ? "/root" : home, "/.kube/skiff");
  }
  if (const absl::Status written = WriteKubeconfig(kubeconfig, cluster->kubeconfig());
      !written.ok()) {
    cluster->Close(/*stop_pods=*/true).IgnoreError();
    return written;
  }
  std::cout << "ready at " << cluster->url() << " (export KUBECONFIG=" << kubeconfig << ")"
            << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return cluster->Close(/*stop_pods=*/true);
}

}  // namespace skiff::cli
