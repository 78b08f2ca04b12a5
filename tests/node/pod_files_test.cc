#include "node/pod_files.h"

#include <catch2/catch.hpp>

#include "tests/api/from_json.h"

namespace skiff::node {
namespace {

corev1::Pod PodWith(const std::string& spec) {
  return api::FromJson<corev1::Pod>(
      R"({"metadata":{"name":"p","namespace":"ns"},"spec":{"dnsPolicy":"ClusterFirst")" + spec +
      "}}");
}

PodPlaces Places() {
  PodPlaces places;
  places.pod_ip = "10.1.0.7";
  return places;
}

TEST_CASE("APodKnowsItselfAndItsAliasesByName") {
  const std::string hosts = HostsFile(
      PodWith(R"(,"hostAliases":[{"ip":"1.2.3.4","hostnames":["a.example","b.example"]}])"),
      Places(), "");
  CHECK(hosts ==
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n"
        "10.1.0.7\tp\n"
        "\n# Entries added by HostAliases.\n"
        "1.2.3.4\ta.example\tb.example\n");
}

TEST_CASE("ASubdomainMakesAFullName") {
  const std::string hosts =
      HostsFile(PodWith(R"(,"hostname":"db-0","subdomain":"db")"), Places(), "");
  CHECK(hosts.find("10.1.0.7\tdb-0.db.ns.svc.cluster.local\tdb-0\n") != std::string::npos);
}

TEST_CASE("InTheMachinesNetworkTheMachinesHostsHold") {
  const std::string hosts =
      HostsFile(PodWith(R"(,"hostNetwork":true)"), Places(), "10.0.0.1\tmachine\n");
  CHECK(hosts == "# Kubernetes-managed hosts file (host network).\n10.0.0.1\tmachine\n");
}

TEST_CASE("ALongNameIsCutToWhatAHostnameMayBe") {
  corev1::Pod pod = PodWith("");
  pod.mutable_metadata()->set_name(std::string(62, 'a') + "-" + "bcd");
  CHECK(HostnameOf(pod) == std::string(62, 'a'));
}

const char kMachine[] = "search example.org\nnameserver 10.9.9.9\noptions edns0\n";

TEST_CASE("TheDnsPolicySaysWhomAPodAsks") {
  PodPlaces cluster = Places();
  cluster.cluster_dns = {"10.96.0.10"};
  const std::string first =
      "search ns.svc.cluster.local svc.cluster.local cluster.local example.org\n"
      "nameserver 10.96.0.10\n"
      "options ndots:5\n";
  CHECK(ResolvConf(PodWith(""), cluster, kMachine) == first);
  CHECK(ResolvConf(PodWith(R"(,"hostNetwork":true)"), cluster, kMachine) == kMachine);
  corev1::Pod pod = PodWith(R"(,"hostNetwork":true)");
  pod.mutable_spec()->set_dns_policy("ClusterFirstWithHostNet");
  CHECK(ResolvConf(pod, cluster, kMachine) == first);
  pod.mutable_spec()->set_dns_policy("Default");
  CHECK(ResolvConf(pod, cluster, kMachine) == kMachine);
  // Where there is no cluster DNS, everybody asks whom the machine asks.
  CHECK(ResolvConf(PodWith(""), Places(), kMachine) == kMachine);
}

TEST_CASE("DnsConfigAddsAndOverrides") {
  corev1::Pod pod = PodWith(
      R"(,"dnsConfig":{"nameservers":["1.1.1.1","10.9.9.9"],"searches":["more.example"],
          "options":[{"name":"ndots","value":"2"},{"name":"edns0"}]})");
  CHECK(ResolvConf(pod, Places(), kMachine) ==
        "search example.org more.example\nnameserver 10.9.9.9\nnameserver 1.1.1.1\n"
        "options ndots:2 edns0\n");
  pod.mutable_spec()->set_dns_policy("None");
  CHECK(ResolvConf(pod, Places(), kMachine) ==
        "search more.example\nnameserver 1.1.1.1\nnameserver 10.9.9.9\noptions ndots:2 edns0\n");
}

}  // namespace
}  // namespace skiff::node
