#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/ascii.h"
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
  std::filesystem::remove(path, error);
  const mode_t before = umask(0077);  // The admin's key is in it.
  std::ofstream file(path);
  umask(before);
  file << text;
  file.close();
  if (!file) return absl::PermissionDeniedError(absl::StrCat("cannot write kubeconfig ", path));
  return absl::OkStatus();
}

ClusterOptions OptionsOf(const DevOptions& options) {
  ClusterOptions out;
  out.data_dir = options.data_dir;
  out.nodes = options.nodes;
  out.listen = options.listen;
  out.token_auth_file = options.token_auth_file;
  out.verbosity = options.verbose ? LogVerbosity::kInfo : LogVerbosity::kWarning;
  return out;
}

// Opens it, says so, and closes it when it is told to end.
absl::Status Serve(ClusterOptions options, std::string kubeconfig, bool stop_pods) {
  // Blocked before any thread begins, so that they wait for sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  SKIFF_ASSIGN_OR_RETURN(const std::unique_ptr<Cluster> cluster, Cluster::Open(std::move(options)));
  if (kubeconfig.empty()) {
    const char* home = std::getenv("HOME");
    kubeconfig = absl::StrCat(home == nullptr ? "/root" : home, "/.kube/skiff");
  }
  if (const absl::Status written = WriteKubeconfig(kubeconfig, cluster->kubeconfig());
      !written.ok()) {
    cluster->Close(stop_pods).IgnoreError();
    return written;
  }
  std::cout << "ready at " << cluster->url() << " (export KUBECONFIG=" << kubeconfig << ")"
            << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return cluster->Close(stop_pods);
}

// Of --join: the token itself, or what the file after @ holds.
absl::StatusOr<std::string> TokenOf(const std::string& join) {
  if (join.empty() || join[0] != '@') return join;
  std::ifstream file(join.substr(1));
  std::string token;
  if (std::getline(file, token)) return token;
  return absl::NotFoundError(absl::StrCat("--join: cannot read a token from ", join.substr(1)));
}

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return absl::AsciiStrToLower(std::string(name).substr(0, std::string(name).find('.')));
}

}  // namespace

absl::Status Dev(const DevOptions& options) {
  ClusterOptions cluster = OptionsOf(options);
  SKIFF_ASSIGN_OR_RETURN(cluster.runtime, RuntimeOf(options.runtime));
  return Serve(std::move(cluster), options.kubeconfig, /*stop_pods=*/true);
}

absl::Status Server(const ServerOptions& options) {
  ClusterOptions cluster = OptionsOf(options.cluster);
  SKIFF_ASSIGN_OR_RETURN(cluster.runtime, RuntimeOf(options.cluster.runtime));
  cluster.member.emplace();
  cluster.member->name = options.name.empty() ? HostName() : options.name;
  cluster.member->listen = options.peer_listen;
  cluster.member->advertise = options.peer_advertise;
  SKIFF_ASSIGN_OR_RETURN(cluster.member->token, TokenOf(options.join));
  return Serve(std::move(cluster), options.cluster.kubeconfig, /*stop_pods=*/false);
}

}  // namespace skiff::cli
