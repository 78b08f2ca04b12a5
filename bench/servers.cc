#include "bench/servers.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "bench/bench.h"
#include "bench/etcd_client.h"
#include "bench/http_client.h"

namespace skiff::bench {
namespace {

constexpr auto kLook = std::chrono::milliseconds(2);
constexpr auto kPatience = std::chrono::minutes(3);
// etcd stops taking writes at 2 GiB unless told otherwise.
constexpr char kEtcdQuota[] = "17179869184";

absl::StatusOr<int> FreePort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return absl::UnavailableError("no port is free");
  }
  return ntohs(address.sin_port);
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

// Asks again and again, as long as the process that writes `log` runs.
absl::Status Until(int pid, const std::string& log, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    siginfo_t info{};
    const bool ended = pid <= 0 || (waitid(P_PID, static_cast<id_t>(pid), &info,
                                           WEXITED | WNOHANG | WNOWAIT) == 0 &&
                                    info.si_pid == pid);
    if (ended || std::chrono::steady_clock::now() > end) {
      constexpr size_t kTail = 500;
      std::string said = Contents(log);
      if (said.size() > kTail) said.erase(0, said.size() - kTail);
      return absl::UnavailableError(
          absl::StrCat("a server ", ended ? "ended" : "did not become ready", "; it said: ", said));
    }
    std::this_thread::sleep_for(kLook);
  }
  return absl::OkStatus();
}

bool Answers(int port, const std::string& path) {
  Sockets sockets;
  HttpClient client(&sockets, {port}, 1);
  int answer = 0;
  bool answered = false;
  client.Ask(0, "GET", path, "", [&](int status, absl::string_view) {
    answer = status;
    answered = true;
  });
  return sockets.RunUntil([&] { return answered; }).ok() && answer == 200;
}

bool TakesAPut(int port) {
  Sockets sockets;
  EtcdClient client(&sockets, {port}, 1);
  bool taken = false;
  bool answered = false;
  client.Put(0, "ready", "yes", [&](bool ok) {
    taken = ok;
    answered = true;
  });
  return sockets.RunUntil([&] { return answered; }).ok() && taken;
}

int PortIn(const std::string& log) {
  const std::string text = Contents(log);
  const size_t at = text.find("http://127.0.0.1:");
  if (!absl::StrContains(text, "ready") || at == std::string::npos) return 0;
  return std::atoi(text.c_str() + at + 17);
}

double ResidentMib(int pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("VmRSS:", 0) == 0) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

}  // namespace

absl::Status Servers::AddSkiff(Command command) {
  commands_.push_back(std::move(command));
  pids_.push_back(0);
  ports_.push_back(0);
  return Restart(static_cast<int>(pids_.size()) - 1);
}

absl::Status Servers::Restart(int member) {
  const auto at = static_cast<size_t>(member);
  const Command& command = commands_[at];
  std::error_code ignored;
  std::filesystem::remove(command.log, ignored);
  const int pid = pids_[at] = Spawn(command.words, command.log);
  int port = 0;
  SKIFF_RETURN_IF_ERROR(Until(pid, command.log, [&] { return (port = PortIn(command.log)) > 0; }));
  SKIFF_RETURN_IF_ERROR(
      Until(pid, command.log, [&] { return Answers(port, "/api/v1/namespaces/default"); }));
  ports_[at] = port;
  return absl::OkStatus();
}

void Servers::Kill(int member) {
  int& pid = pids_[static_cast<size_t>(member)];
  kill(pid, SIGKILL);
  End(pid);
  pid = 0;
}

int Servers::Leader() const {
  for (size_t i = 0; i < commands_.size(); ++i) {
    const std::string ask = absl::StrCat(
        SKIFF_BINARY_DIR "/skiff member list --data-dir ", commands_[i].data_dir, " 2>/dev/null",
        " | awk -v me=m", i, " '$1 == me && $2 == \"leader\" {found = 1} END {exit !found}'");
    if (pids_[i] > 0 && std::system(ask.c_str()) == 0) return static_cast<int>(i);
  }
  return -1;
}

absl::StatusOr<std::unique_ptr<Servers>> Servers::StartSkiff(const std::string& dir, int members) {
  std::unique_ptr<Servers> servers(new Servers());
  std::error_code ignored;
  std::filesystem::create_directories(dir, ignored);
  const std::string skiff = SKIFF_BINARY_DIR "/skiff";
  const std::string first = dir + "/data";
  if (members == 1) {
    SKIFF_RETURN_IF_ERROR(
        servers->AddSkiff({{skiff, "dev", "--nodes", "0", "--data-dir", first, "--listen",
                            "http://127.0.0.1:0", "--kubeconfig", dir + "/kubeconfig"},
                           dir + "/skiff.log",
                           first}));
    return servers;
  }
  for (int i = 0; i < members; ++i) {
    const std::string name = absl::StrCat("m", i);
    const std::string data = i == 0 ? first : absl::StrCat(dir, "/data-", i);
    SKIFF_ASSIGN_OR_RETURN(const int port, FreePort());
    const std::string peer = absl::StrCat("127.0.0.1:", port);
    std::vector<std::string> command = {
        skiff,          "server",        "--name", name,       "--data-dir",
        data,           "--peer-listen", peer,     "--listen", "http://127.0.0.1:0",
        "--kubeconfig", dir + "/k"};
    if (i > 0) {
      const std::string token = absl::StrCat(dir, "/", name, ".token");
      const std::string add = absl::StrCat(skiff, " member add --data-dir ", first, " ", name, " ",
                                           peer, " >", token, " 2>/dev/null");
      if (std::system(add.c_str()) != 0) return absl::UnavailableError("cannot add " + name);
      command.insert(command.end(), {"--join", "@" + token});
    }
    SKIFF_RETURN_IF_ERROR(
        servers->AddSkiff({std::move(command), absl::StrCat(dir, "/", name, ".log"), data}));
    if (i == 0) continue;
    const std::string promote =
        absl::StrCat(skiff, " member promote --data-dir ", first, " ", name, " >/dev/null 2>&1");
    SKIFF_RETURN_IF_ERROR(Until(servers->pids_.back(), absl::StrCat(dir, "/", name, ".log"),
                                [&] { return std::system(promote.c_str()) == 0; }));
  }
  return servers;
}

absl::StatusOr<std::unique_ptr<Servers>> Servers::StartEtcd(const std::string& dir, int members) {
  std::unique_ptr<Servers> servers(new Servers());
  std::error_code ignored;
  std::filesystem::create_directories(dir, ignored);
  std::vector<std::string> peers;
  std::vector<std::string> cluster;
  for (int i = 0; i < members; ++i) {
    const auto port = FreePort();
    const auto peer = FreePort();
    if (!port.ok() || !peer.ok()) return port.status();
    servers->ports_.push_back(*port);
    peers.push_back(absl::StrCat("http://127.0.0.1:", *peer));
    cluster.push_back(absl::StrCat("m", i, "=", peers.back()));
  }
  for (int i = 0; i < members; ++i) {
    const auto at = static_cast<size_t>(i);
    const std::string client = absl::StrCat("http://127.0.0.1:", servers->ports_[at]);
    servers->pids_.push_back(Spawn(
        {"etcd", "--name", absl::StrCat("m", i), "--data-dir", absl::StrCat(dir, "/m", i),
         "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls",
         peers[at], "--initial-advertise-peer-urls", peers[at], "--initial-cluster",
         absl::StrJoin(cluster, ","), "--quota-backend-bytes", kEtcdQuota},
        absl::StrCat(dir, "/m", i, ".log")));
  }
  for (int i = 0; i < members; ++i) {
    const auto at = static_cast<size_t>(i);
    const int port = servers->ports_[at];
    const absl::Status ready = Until(servers->pids_[at], absl::StrCat(dir, "/m", i, ".log"),
                                     [port] { return TakesAPut(port); });
    if (!ready.ok()) return ready;
  }
  return servers;
}

Servers::~Servers() {
  for (const int pid : pids_) End(pid);
}

double Servers::resident_mib() const {
  double sum = 0;
  for (const int pid : pids_) sum += ResidentMib(pid);
  return sum;
}

double DiskMib(const std::string& dir) {
  double bytes = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir, ignored)) {
    struct stat info {};
    if (lstat(entry.path().c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      bytes += static_cast<double>(info.st_blocks) * 512;
    }
  }
  return bytes / (1 << 20);
}

}  // namespace skiff::bench
