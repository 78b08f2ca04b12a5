// Benchmarks of whole clusters: boot, job latency, idling.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "bench/bench.h"
#include "runtime/image/image_store.h"
#include "skiff/cluster.h"

namespace skiff::bench {
namespace {

absl::Status OpenAndClose(const std::string& data_dir) {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.data_dir = data_dir;
  SKIFF_ASSIGN_OR_RETURN(const auto cluster, Cluster::Open(options));
  return cluster->Close(true);
}

std::string TrueJob(int number) {
  return absl::StrCat(
      R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"true-)", number,
      R"("},"spec":{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never",)",
      R"("containers":[{"name":"c","image":"bench:v1","imagePullPolicy":"IfNotPresent",)",
      R"("command":["/bin/true"]}]}}}})");
}

int Run(const std::string& command) { return std::system(command.c_str()); }

// crun runs the same root file system. It refuses hybrid cgroups: v2 is hidden from it in a mount
// namespace of its own.
double CrunOnce(const std::string& bundle, int number) {
  return Milliseconds([&] {
    Run(absl::StrCat(
        "unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun run -b ", bundle,
        " skiff-bench-", getpid(), "-", number, "' >/dev/null 2>&1"));
  });
}

absl::Status MakeBundle(const std::string& bundle, const std::string& root) {
  if (Run(absl::StrCat("mkdir -p ", bundle, " && cd ", bundle, " && crun spec && cp -a ", root,
                       " rootfs")) != 0) {
    return absl::UnavailableError("crun is not installed: sh tools/setup.sh");
  }
  std::ifstream in(bundle + "/config.json");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto replace = [&](const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
  };
  replace("\"sh\"", "\"/bin/true\"");
  replace("\"terminal\": true", "\"terminal\": false");
  std::ofstream(bundle + "/config.json") << text;
  return absl::OkStatus();
}

int64_t Wakeups(int pid) {
  int64_t sum = 0;
  for (const auto& task :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"))) {
    std::ifstream status(task.path() / "status");
    std::string line;
    while (std::getline(status, line)) {
      int64_t count = 0;
      if (line.rfind("voluntary_ctxt_switches:", 0) == 0 &&
          absl::SimpleAtoi(line.substr(24), &count)) {
        sum += count;
      }
    }
  }
  return sum;
}

}  // namespace

absl::StatusOr<Result> Boot() {
  Result result;
  absl::Status status;
  std::vector<double> memory;
  for (int i = 0; i < 50; ++i) {
    memory.push_back(Milliseconds([&] { status.Update(OpenAndClose("")); }));
  }
  std::vector<double> durable;
  for (int i = 0; i < 20; ++i) {
    const Scratch scratch;
    durable.push_back(Milliseconds([&] { status.Update(OpenAndClose(scratch.path() + "/data")); }));
  }
  std::vector<std::unique_ptr<Cluster>> many;
  const double forty = Milliseconds([&] {
    for (int i = 0; i < 40; ++i) {
      ClusterOptions options;
      options.runtime = RuntimeKind::kFake;
      auto cluster = Cluster::Open(options);
      if (!cluster.ok()) {
        status.Update(cluster.status());
        break;
      }
      many.push_back(*std::move(cluster));
    }
  });
  SKIFF_RETURN_IF_ERROR(status);
  result.figures = {{"memory_p50_ms", Quantile(memory, 0.5)},
                    {"memory_p99_ms", Quantile(memory, 0.99)},
                    {"durable_p50_ms", Quantile(durable, 0.5)},
                    {"forty_in_one_process_ms", forty}};
  return result;
}

absl::StatusOr<Result> JobLatency() {
  const Scratch scratch;
  const std::string archive = scratch.path() + "/image.tar";
  if (Run(absl::StrCat("sh " SKIFF_SOURCE_DIR "/examples/make-image.sh bench:v1 ", archive)) != 0) {
    return absl::UnavailableError("busybox-static is not installed: sh tools/setup.sh");
  }
  ClusterOptions options;
  options.data_dir = scratch.path() + "/data";
  SKIFF_ASSIGN_OR_RETURN(const auto cluster, Cluster::Open(options));
  const absl::Cleanup stop = [&cluster] { cluster->Close(/*stop_pods=*/true).IgnoreError(); };
  SKIFF_RETURN_IF_ERROR(cluster->LoadImage(archive).status());
  SKIFF_ASSIGN_OR_RETURN(const auto store, runtime::ImageStore::Open(options.data_dir + "/images"));
  SKIFF_ASSIGN_OR_RETURN(const runtime::Image image, store->Find("bench:v1"));
  const std::string bundle = scratch.path() + "/bundle";
  SKIFF_RETURN_IF_ERROR(MakeBundle(bundle, image.layer_dirs.at(0)));
  std::vector<double> ours;
  std::vector<double> crun;
  absl::Status status;
  for (int i = 0; i < 40; ++i) {  // In turn, so that both see the same machine.
    ours.push_back(Milliseconds([&] {
      status.Update(cluster->Create(TrueJob(i)).status());
      const auto done =
          cluster->WaitJob({"jobs", "default", absl::StrCat("true-", i)}, absl::Seconds(30));
      status.Update(done.status());
      if (done.ok() && !done->succeeded) status.Update(absl::InternalError(done->message));
    }));
    crun.push_back(CrunOnce(bundle, i));
    SKIFF_RETURN_IF_ERROR(status);
  }
  Result result;
  result.figures = {{"p50_ms", Quantile(ours, 0.5)}, {"p99_ms", Quantile(ours, 0.99)}};
  result.peer_name = "crun run";
  result.peer = {{"p50_ms", Quantile(crun, 0.5)}, {"p99_ms", Quantile(crun, 0.99)}};
  result.ratio = result.peer["p50_ms"] / result.figures["p50_ms"];
  return result;
}

absl::StatusOr<Result> Idle() {
  const Scratch scratch;
  const std::string log = scratch.path() + "/log";
  const int pid = Spawn({SKIFF_BINARY_DIR "/skiff", "dev", "--data-dir", scratch.path() + "/data",
                         "--listen", "127.0.0.1:0", "--kubeconfig", scratch.path() + "/kubeconfig"},
                        log);
  std::this_thread::sleep_for(std::chrono::seconds(5));
  const auto ticks = [&] {
    std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
    const std::string text((std::istreambuf_iterator<char>(stat)), {});
    const std::vector<std::string> fields = absl::StrSplit(text, ' ');
    int64_t user = 0, system = 0;
    if (fields.size() < 15 || !absl::SimpleAtoi(fields[13], &user) ||
        !absl::SimpleAtoi(fields[14], &system)) {
      return int64_t{0};
    }
    return user + system;
  };
  constexpr int kSeconds = 30;
  const int64_t wakeups = Wakeups(pid);
  const int64_t cpu = ticks();
  std::this_thread::sleep_for(std::chrono::seconds(kSeconds));
  Result result;
  result.figures["wakeups_per_second"] = static_cast<double>(Wakeups(pid) - wakeups) / kSeconds;
  result.figures["cpu_percent"] =
      100.0 * static_cast<double>(ticks() - cpu) / sysconf(_SC_CLK_TCK) / kSeconds;
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    int64_t kib = 0;
    if (line.rfind("VmRSS:", 0) == 0 &&
        absl::SimpleAtoi(absl::string_view(line).substr(6, line.size() - 9), &kib)) {
      result.figures["rss_mib"] = static_cast<double>(kib) / 1024;
    }
  }
  End(pid);
  return result;
}

}  // namespace skiff::bench
