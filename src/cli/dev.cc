#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/uv_executor.h"
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

// How long a process that is told to end waits for its opening to end first.
constexpr absl::Duration kPatience = absl::Seconds(10);
// Between two looks at whether a member can serve.
constexpr absl::Duration kLookAgain = absl::Milliseconds(20);

// A cluster that is opened by one thread while another waits for signals.
class Opening {
 public:
  Opening(ClusterOptions options, std::string kubeconfig)
      : options_(std::move(options)), kubeconfig_(std::move(kubeconfig)) {}

  // On the thread that opens. When it is done it says so by a signal to the process.
  void Run() {
    const absl::Status status = Open();
    {
      MutexLock lock(&mutex_);
      done_ = true;
      status_ = status;
      changed_.NotifyAll();
    }
    kill(getpid(), SIGUSR1);
  }
  bool failed() {
    MutexLock lock(&mutex_);
    return done_ && !status_.ok();
  }
  // Ends what there is; `why` it could not be opened, if it could not. kDeadlineExceeded: it is
  // still being opened, and there is nothing left but to leave.
  absl::Status End(bool stop_pods) {
    Cluster* cluster = nullptr;
    absl::Status why;
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.NotifyAll();
      const auto opened = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return done_ || cluster_ != nullptr;
      };
      if (!changed_.AwaitFor(&mutex_, kPatience, opened)) {
        return absl::DeadlineExceededError("stopped before the cluster was open");
      }
      cluster = cluster_.get();
      why = status_;
    }
    if (cluster == nullptr) return why;
    const absl::Status closed = cluster->Close(stop_pods);
    return why.ok() ? closed : why;
  }

 private:
  absl::Status Open() {
    const bool member = options_.member.has_value();
    SKIFF_ASSIGN_OR_RETURN(std::unique_ptr<Cluster> opened, Cluster::Open(std::move(options_)));
    Cluster* const cluster = opened.get();
    {
      MutexLock lock(&mutex_);
      cluster_ = std::move(opened);
      changed_.NotifyAll();
    }
    SKIFF_RETURN_IF_ERROR(WriteKubeconfig(kubeconfig_, cluster->kubeconfig()));
    if (member) {
      SKIFF_ASSIGN_OR_RETURN(const bool serves, AwaitServing(cluster));
      if (!serves) return absl::OkStatus();
    }
    std::cout << "ready at " << cluster->url() << " (export KUBECONFIG=" << kubeconfig_ << ")"
              << std::endl;
    return absl::OkStatus();
  }

  // Until it answers reads, as it does once a majority is there, and a leader has made what every
  // cluster has: false if it is told to end first. kFailedPrecondition: it never will.
  absl::StatusOr<bool> AwaitServing(Cluster* cluster) {
    for (std::string said;;) {
      const absl::Status part = cluster->Members().status();
      if (absl::IsFailedPrecondition(part)) return part;
      const absl::Status read = cluster->Get({"namespaces", "", "default"}).status();
      if (read.ok()) return true;
      const std::string why(read.message());
      MutexLock lock(&mutex_);
      const auto stopping = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopping_; };
      if (stopping_) return false;
      if (!absl::IsNotFound(read) && why != said) {
        std::cerr << "waiting until it can serve: " << why << std::endl;
        said = why;
      }
      if (changed_.AwaitFor(&mutex_, kLookAgain, stopping)) return false;
    }
  }

  ClusterOptions options_;
  const std::string kubeconfig_;
  Mutex mutex_;
  CondVar changed_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Cluster> cluster_ ABSL_GUARDED_BY(mutex_);
};

// Opens it, says so, and closes it when it is told to end.
absl::Status Serve(ClusterOptions options, std::string kubeconfig, bool stop_pods) {
  // Blocked before any thread begins, so that they wait for sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  if (kubeconfig.empty()) {
    const char* home = std::getenv("HOME");
    kubeconfig = absl::StrCat(home == nullptr ? "/root" : home, "/.kube/skiff");
  }
  Opening opening(std::move(options), std::move(kubeconfig));
  ThreadPool opener(1);
  opener.Run([&opening] { opening.Run(); });
  int signal = SIGUSR1;
  while (signal == SIGUSR1 && !opening.failed()) sigwait(&signals, &signal);
  absl::Status ended = opening.End(stop_pods);
  if (absl::IsDeadlineExceeded(ended) && !opening.failed()) {
    std::cerr << "skiff: " << ended.message() << std::endl;
    std::_Exit(1);
  }
  return ended;
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
