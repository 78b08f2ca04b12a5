#include "node/pod_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace skiff::node {
namespace {

// Beyond these a resolver does not look (resolv.conf(5)).
constexpr size_t kMostNameservers = 3;
constexpr size_t kMostSearches = 32;

struct Dns {
  std::vector<std::string> nameservers;
  std::vector<std::string> searches;
  std::vector<std::string> options;
};

void AddOnce(std::vector<std::string>* list, const std::string& item) {
  if (std::find(list->begin(), list->end(), item) == list->end()) list->push_back(item);
}

Dns Parse(const std::string& text) {
  Dns out;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.size() < 2) continue;
    const std::vector<std::string> rest(words.begin() + 1, words.end());
    if (words[0] == "nameserver") out.nameservers.push_back(rest[0]);
    if (words[0] == "search" || words[0] == "domain") out.searches = rest;  // The last one counts.
    if (words[0] == "options") out.options.insert(out.options.end(), rest.begin(), rest.end());
  }
  return out;
}

std::string NameOf(const std::string& option) { return option.substr(0, option.find(':')); }

void AddConfig(const corev1::PodDNSConfig& config, Dns* dns) {
  for (const std::string& server : config.nameservers()) AddOnce(&dns->nameservers, server);
  for (const std::string& search : config.searches()) AddOnce(&dns->searches, search);
  for (const corev1::PodDNSConfigOption& option : config.options()) {
    std::erase_if(dns->options,
                  [&](const std::string& known) { return NameOf(known) == option.name(); });
    dns->options.push_back(option.has_value() ? absl::StrCat(option.name(), ":", option.value())
                                              : option.name());
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// The machine's resolvers as pods can reach them: where a resolver listens on the machine's
// loopback, whom it asks.
std::string MachineResolvConf() {
  const std::string text = ReadFile("/etc/resolv.conf");
  const Dns dns = Parse(text);
  const bool local =
      std::all_of(dns.nameservers.begin(), dns.nameservers.end(),
                  [](const std::string& server) { return absl::StartsWith(server, "127."); });
  const std::string upstream = local ? ReadFile("/run/systemd/resolve/resolv.conf") : "";
  return upstream.empty() ? text : upstream;
}

std::string FullName(const corev1::Pod& pod, const PodPlaces& places) {
  if (pod.spec().subdomain().empty()) return "";
  return absl::StrCat(HostnameOf(pod), ".", pod.spec().subdomain(), ".",
                      pod.metadata().namespace_(), ".svc.", places.cluster_domain);
}

// In place, for containers that run have the file mounted.
absl::Status Write(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (!out) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  chmod(path.c_str(), 0644);
  return absl::OkStatus();
}

}  // namespace

std::string HostnameOf(const corev1::Pod& pod) {
  if (!pod.spec().hostname().empty()) return pod.spec().hostname();
  std::string name = pod.metadata().name().substr(0, 63);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

std::string HostsFile(const corev1::Pod& pod, const PodPlaces& places, const std::string& machine) {
  std::string out;
  if (pod.spec().host_network()) {
    out = absl::StrCat("# Kubernetes-managed hosts file (host network).\n", machine);
  } else {
    out =
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n";
    const std::string full = FullName(pod, places);
    if (!places.pod_ip.empty()) {
      absl::StrAppend(&out, places.pod_ip, "\t", full, full.empty() ? "" : "\t", HostnameOf(pod),
                      "\n");
    }
  }
  if (pod.spec().host_aliases().empty()) return out;
  absl::StrAppend(&out, "\n# Entries added by HostAliases.\n");
  for (const corev1::HostAlias& alias : pod.spec().host_aliases()) {
    absl::StrAppend(&out, alias.ip(), "\t", absl::StrJoin(alias.hostnames(), "\t"), "\n");
  }
  return out;
}

std::string ResolvConf(const corev1::Pod& pod, const PodPlaces& places,
                       const std::string& machine) {
  const std::string& policy = pod.spec().dns_policy();
  const bool cluster = policy == "ClusterFirstWithHostNet" ||
                       (policy == "ClusterFirst" && !pod.spec().host_network());
  Dns dns;
  if (policy != "None") dns = Parse(machine);
  if (cluster && !places.cluster_dns.empty()) {
    dns.nameservers = places.cluster_dns;
    const std::string& domain = places.cluster_domain;
    std::vector<std::string> searches = {absl::StrCat(pod.metadata().namespace_(), ".svc.", domain),
                                         absl::StrCat("svc.", domain), domain};
    for (const std::string& search : dns.searches) AddOnce(&searches, search);
    dns.searches = std::move(searches);
    dns.options = {"ndots:5"};
  }
  AddConfig(pod.spec().dns_config(), &dns);
  if (dns.nameservers.size() > kMostNameservers) dns.nameservers.resize(kMostNameservers);
  if (dns.searches.size() > kMostSearches) dns.searches.resize(kMostSearches);
  std::string out;
  if (!dns.searches.empty())
    absl::StrAppend(&out, "search ", absl::StrJoin(dns.searches, " "), "\n");
  for (const std::string& server : dns.nameservers) {
    absl::StrAppend(&out, "nameserver ", server, "\n");
  }
  if (!dns.options.empty())
    absl::StrAppend(&out, "options ", absl::StrJoin(dns.options, " "), "\n");
  return out;
}

absl::StatusOr<std::vector<runtime::Mount>> MakePodFiles(const corev1::Pod& pod,
                                                         const corev1::Container& container,
                                                         const PodPlaces& places) {
  std::vector<runtime::Mount> out;
  if (places.files_dir.empty()) return out;
  if (mkdir(places.files_dir.c_str(), 0755) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, places.files_dir);
  }
  const bool host = pod.spec().host_network();
  char machine_name[256] = "";
  if (host) gethostname(machine_name, sizeof machine_name - 1);
  struct File {
    const char* target;
    const char* name;
    std::string content;
  };
  const File files[] = {
      {"/etc/hosts", "hosts", HostsFile(pod, places, host ? ReadFile("/etc/hosts") : "")},
      {"/etc/hostname", "hostname", absl::StrCat(host ? machine_name : HostnameOf(pod), "\n")},
      {"/etc/resolv.conf", "resolv.conf", ResolvConf(pod, places, MachineResolvConf())}};
  for (const File& file : files) {
    const bool taken =
        std::any_of(container.volume_mounts().begin(), container.volume_mounts().end(),
                    [&](const corev1::VolumeMount& mount) {
                      return mount.mount_path() == file.target || mount.mount_path() == "/etc";
                    });
    if (taken) continue;
    runtime::Mount mount;
    mount.source = absl::StrCat(places.files_dir, "/", file.name);
    mount.target = file.target;
    mount.read_only = container.security_context().read_only_root_filesystem();
    SKIFF_RETURN_IF_ERROR(Write(mount.source, file.content));
    out.push_back(std::move(mount));
  }
  return out;
}

}  // namespace skiff::node
