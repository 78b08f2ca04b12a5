#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "tests/api/rules.h"

namespace skiff::api {
namespace {

const char kIngress[] = R"({"metadata": {"name": "i", "namespace": "default"}, "spec": {
    "ingressClassName": "nginx", "rules": [{"host": "foo.bar.com", "http": {"paths": [{
      "path": "/bar", "pathType": "Prefix",
      "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}})";

// An ingress whose only path is `path`.
std::string OfPath(const std::string& path) {
  return R"({"spec": {"rules": [{"http": {"paths": [)" + path + "]}}]}}";
}

std::string OfBackend(const std::string& backend) {
  return OfPath(R"({"path": "/", "pathType": "Exact", "backend": )" + backend + "}");
}

TEST_CASE("AnIngressRoutesPathsToBackends") {
  constexpr char kPath[] = "spec.rules[0].http.paths[0]";
  const std::string path(kPath);
  CheckCreates<networkingv1::Ingress>(
      kIngress,
      {{"{}", ""},
       {R"({"spec": {"rules": null}})",
        "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"},
       {R"({"spec": {"rules": [{"http": {}}]}})", "spec.rules[0].http.paths: Required value"},
       {OfPath(R"({"path": "/", "backend": {"service": {"name": "s", "port": {"number": 1}}}})"),
        path + ".pathType: Required value: pathType must be specified"},
       {OfPath(R"({"pathType": "Regex", "backend": {"service": {"name": "s",
                "port": {"name": "http"}}}})"),
        path + ".pathType: Unsupported value: \"Regex\": supported values: \"Exact\", "
               "\"ImplementationSpecific\", \"Prefix\""},
       {OfPath(R"({"path": "a//b%2f/..", "pathType": "Prefix", "backend": {"service":
                {"name": "s", "port": {"name": "http"}}}})"),
        path + ".path: Invalid value: \"a//b%2f/..\": must be an absolute path; " + path +
            ".path: Invalid value: \"a//b%2f/..\": must not contain '//'; " + path +
            ".path: Invalid value: \"a//b%2f/..\": must not contain '%2f'; " + path +
            ".path: Invalid value: \"a//b%2f/..\": cannot end with '/..'"},
       {OfPath(R"({"pathType": "ImplementationSpecific", "backend": {"service":
                {"name": "s", "port": {"name": "http"}}}})"),
        ""},
       {OfBackend("{}"),
        path + ".backend: Invalid value: \"\": resource or service backend is required"},
       {OfBackend(R"({"service": {}})"),
        path + ".backend.service.name: Required value; " + path +
            ".backend: Required value: port name or number is required"},
       {OfBackend(R"({"service": {"name": "s", "port": {"name": "a", "number": 1}}})"),
        path + ".backend: Invalid value: \"\": cannot set both port name & port number"},
       {OfBackend(R"({"service": {"name": "s", "port": {"number": 70000}}})"),
        path + ".backend.service.port.number: Invalid value: 70000: must be between 1 and 65535, "
               "inclusive"},
       {OfBackend(R"({"resource": {"apiGroup": "k8s.example.com", "kind": "Bucket",
                "name": "b"}})"),
        ""},
       {OfBackend(R"({"resource": {"kind": "Bucket", "name": ""}})"),
        path + ".backend.resource.name: Required value"},
       {OfBackend(R"({"resource": {"kind": "a", "name": "b"}, "service": {"name": "s"}})"),
        path + ".backend: Invalid value: \"\": cannot set both resource and service backends"}});
}

TEST_CASE("HostsOfAnIngressAreDnsNames") {
  const std::string http = R"("http": {"paths": [{"path": "/", "pathType": "Prefix",
      "backend": {"service": {"name": "s", "port": {"number": 80}}}}]})";
  const auto host = [&](const std::string& name) {
    return R"({"spec": {"rules": [{"host": ")" + name + "\", " + http + "}]}}";
  };
  CheckCreates<networkingv1::Ingress>(
      kIngress,
      {{host("*.foo.com"), ""},
       {host("1.2.3.4"),
        "spec.rules[0].host: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address"},
       {host("foo.*.com"),
        "spec.rules[0].host: Invalid value: \"foo.*.com\": a wildcard DNS-1123 subdomain must "
        "start with '*.', followed by a valid DNS subdomain, which must consist of lower case "
        "alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
        "'*.example.com', regex used for validation is "
        "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
       {R"({"spec": {"tls": [{"hosts": ["foo.com", "*.foo.com"], "secretName": "tls"}]}})", ""},
       {R"({"spec": {"tls": [{"secretName": "Tls"}]}})",
        "spec.tls[0].secretName: Invalid value: \"Tls\": a lowercase RFC 1123 subdomain must "
        "consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
       {R"({"metadata": {"annotations": {"kubernetes.io/ingress.class": "gce"}}})",
        "annotations.kubernetes.io/ingress.class: Invalid value: \"gce\": must match "
        "`ingressClassName` when both are specified"},
       {R"({"metadata": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}})", ""}});
  CheckUpdates<networkingv1::Ingress>(
      R"({"metadata": {"name": "i", "namespace": "n"}, "spec": {"defaultBackend":
          {"service": {"name": "s", "port": {"number": 80}}}, "tls": [{"secretName": "Old"}]}})",
      {{R"({"spec": {"ingressClassName": "x"}})", ""}});
  CheckStatusUpdates<networkingv1::Ingress>(
      kIngress, {{R"({"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}})", ""},
                 {R"({"status": {"loadBalancer": {"ingress": [{"ip": "x", "hostname":
                      "1.2.3.4"}]}}})",
                  "status.loadBalancer.ingress[0].ip: Invalid value: \"x\": must be a valid IP "
                  "address, (e.g. 10.9.8.7 or 2001:db8::ffff); "
                  "status.loadBalancer.ingress[0].hostname: Invalid value: \"1.2.3.4\": must be a "
                  "DNS name, not an IP address"}});
}

TEST_CASE("AnIngressClassNamesItsController") {
  const char base[] = R"({"metadata": {"name": "c"}, "spec": {"controller":
      "example.com/ingress-controller", "parameters": {"apiGroup": "k8s.example.com",
      "kind": "IngressParameters", "name": "external-lb"}}})";
  CHECK(Patched<networkingv1::IngressClass>(base, "{}").spec().parameters().scope() == "Cluster");
  CheckCreates<networkingv1::IngressClass>(
      base,
      {{"{}", ""},
       {R"({"spec": {"controller": null}})", "spec.controller: Required value"},
       {R"({"spec": {"controller": "x"}})",
        "spec.controller: Invalid value: \"x\": must be a domain-prefixed path (such as "
        "\"acme.io/foo\")"},
       {R"({"spec": {"controller": "a.b/x y"}})",
        "spec.controller: Invalid value: \"x y\": Invalid path (regex used for validation is "
        "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"},
       {R"({"spec": {"parameters": {"scope": "Namespace"}}})",
        "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"},
       {R"({"spec": {"parameters": {"namespace": "n"}}})",
        "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"},
       {R"({"spec": {"parameters": {"scope": "World", "name": null}}})",
        "spec.parameters.name: Required value; spec.parameters.scope: Unsupported value: "
        "\"World\": supported values: \"Cluster\", \"Namespace\""}});
  CheckUpdates<networkingv1::IngressClass>(
      base, {{R"({"spec": {"parameters": null}})", ""},
             {R"({"spec": {"controller": "a.b/c"}})",
              "spec.controller: Invalid value: \"a.b/c\": field is immutable"}});
}

const char kPolicy[] = R"({"metadata": {"name": "p", "namespace": "default"}, "spec": {
    "podSelector": {"matchLabels": {"role": "db"}},
    "ingress": [{"from": [{"ipBlock": {"cidr": "172.17.0.0/16", "except": ["172.17.1.0/24"]}},
                          {"namespaceSelector": {}, "podSelector": {}}],
                 "ports": [{"protocol": "TCP", "port": 6379}]}],
    "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
                "ports": [{"port": 32000, "endPort": 32768}]}]}})";

std::string FromPeer(const std::string& peer) {
  return R"({"spec": {"ingress": [{"from": [)" + peer + "]}]}}";
}

std::string AtPort(const std::string& port) {
  return R"({"spec": {"egress": [{"ports": [)" + port + "]}]}}";
}

TEST_CASE("ANetworkPolicySaysWhoMayTalk") {
  const auto policy = Patched<networkingv1::NetworkPolicy>(kPolicy, "{}");
  CHECK(policy.spec().policy_types_size() == 2);
  CHECK(policy.spec().egress(0).ports(0).protocol() == "TCP");
  CheckCreates<networkingv1::NetworkPolicy>(
      kPolicy,
      {{"{}", ""},
       {FromPeer("{}"), "spec.ingress[0].from[0]: Required value: must specify a peer"},
       {FromPeer(R"({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}})"),
        "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"},
       {FromPeer(R"({"ipBlock": {}})"), "spec.ingress[0].from[0].ipBlock.cidr: Required value"},
       {FromPeer(R"({"ipBlock": {"cidr": "10.0.0.0"}})"),
        "spec.ingress[0].from[0].ipBlock.cidr: Invalid value: \"10.0.0.0\": must be a valid CIDR "
        "value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
       {FromPeer(R"({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16", "10.0.0.0/8"]}})"),
        "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a "
        "strict subset of `cidr`; spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "
        "\"10.0.0.0/8\": must be a strict subset of `cidr`"},
       {AtPort(R"({"protocol": "ICMP"})"),
        "spec.egress[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"TCP\", "
        "\"UDP\", \"SCTP\""},
       {AtPort(R"({"endPort": 5})"),
        "spec.egress[0].ports[0].endPort: Invalid value: 5: may not be specified when `port` is "
        "not specified"},
       {AtPort(R"({"port": "http", "endPort": 5})"),
        "spec.egress[0].ports[0].endPort: Invalid value: 5: may not be specified when `port` is "
        "non-numeric"},
       {AtPort(R"({"port": 10, "endPort": 5})"),
        "spec.egress[0].ports[0].endPort: Invalid value: 5: must be greater than or equal to "
        "`port`"},
       {AtPort(R"({"port": 0})"),
        "spec.egress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"},
       {R"({"spec": {"policyTypes": ["Ingress", "Sideways"]}})",
        "spec.policyTypes[1]: Unsupported value: \"Sideways\": supported values: \"Ingress\", "
        "\"Egress\""},
       {R"({"spec": {"policyTypes": ["Ingress", "Ingress", "Egress"]}})",
        "spec.policyTypes: Invalid value: [\"Ingress\",\"Ingress\",\"Egress\"]: may not specify "
        "more than two policyTypes"}});
}

TEST_CASE("AnAddressObjectNamesItsOwner") {
  const char base[] = R"({"metadata": {"name": "10.96.0.10"}, "spec": {"parentRef": {
      "resource": "services", "namespace": "kube-system", "name": "kube-dns"}}})";
  CheckCreates<networkingv1::IPAddress>(
      base, {{"{}", ""},
             {R"({"metadata": {"name": "2001:db8::1"}})", ""},
             {R"({"metadata": {"name": "10.096.0.1"}})",
              "metadata.name: Invalid value: \"10.096.0.1\": must not have leading 0s"},
             {R"({"spec": null})", "spec.parentRef: Required value"},
             {R"({"spec": {"parentRef": {"resource": null, "name": "a/b", "namespace": "."}}})",
              "spec.parentRef.resource: Required value; spec.parentRef.name: Invalid value: "
              "\"a/b\": may not contain '/'; spec.parentRef.namespace: Invalid value: \".\": may "
              "not be '.'"}});
  CheckUpdates<networkingv1::IPAddress>(
      base, {{R"({"spec": {"parentRef": {"name": "x", "namespace": null}}})",
              "spec.parentRef: Invalid value: {\"resource\":\"services\",\"name\":\"x\"}: field is "
              "immutable"}});
}

TEST_CASE("ServicesHaveOneNetworkAFamily") {
  const char base[] = R"({"metadata": {"name": "c"}, "spec": {"cidrs": ["10.96.0.0/12"]}})";
  CheckCreates<networkingv1::ServiceCIDR>(
      base,
      {{"{}", ""},
       {R"({"spec": {"cidrs": ["10.96.0.0/12", "2001:db8::/112"]}})", ""},
       {R"({"spec": {"cidrs": null}})", "spec.cidrs: Required value: at least one CIDR required"},
       {R"({"spec": {"cidrs": ["10.96.0.1/12"]}})",
        "spec.cidrs[0]: Invalid value: \"10.96.0.1/12\": must not have bits set beyond the "
        "prefix length"},
       {R"({"spec": {"cidrs": ["10.0.0.0/16", "10.1.0.0/16"]}})",
        "spec.cidrs: Invalid value: [\"10.0.0.0/16\",\"10.1.0.0/16\"]: may specify no more "
        "than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"},
       {R"({"spec": {"cidrs": ["a", "b", "c"]}})",
        "spec.cidrs: Invalid value: {\"cidrs\":[\"a\",\"b\",\"c\"]}: may only hold up to 2 "
        "values"}});
  CheckUpdates<networkingv1::ServiceCIDR>(
      base,
      {{R"({"spec": {"cidrs": ["10.96.0.0/12", "2001:db8::/112"]}})", ""},
       {R"({"spec": {"cidrs": ["10.97.0.0/16"]}})",
        "spec.cidrs[0]: Invalid value: \"10.97.0.0/16\": field is immutable"},
       {R"({"spec": {"cidrs": null}})", "spec.cidrs: Invalid value: null: field is immutable"}});
}

const char kSlice[] = R"({"metadata": {"name": "s-1", "namespace": "default",
      "labels": {"kubernetes.io/service-name": "s"}}, "addressType": "IPv4",
    "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
    "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": true}, "hostname": "pod-1",
                   "nodeName": "node-1", "zone": "us-west2-a"}]})";

std::string OfEndpoint(const std::string& endpoint, const std::string& type = "IPv4") {
  return R"({"addressType": ")" + type + R"(", "endpoints": [)" + endpoint + "]}";
}

TEST_CASE("AnEndpointSliceHoldsAddressesOfOneType") {
  CheckCreates<discoveryv1::EndpointSlice>(
      kSlice,
      {{"{}", ""},
       {R"({"addressType": null})", "addressType: Required value"},
       {R"({"addressType": "IP"})",
        "addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""},
       {OfEndpoint("{}"),
        "endpoints[0].addresses: Required value: must contain at least 1 address"},
       {OfEndpoint(R"({"addresses": ["2001:db8::1"]})"),
        "endpoints[0].addresses[0]: Invalid value: \"2001:db8::1\": must be an IPv4 address"},
       {OfEndpoint(R"({"addresses": ["2001:db8::1"]})", "IPv6"), ""},
       {OfEndpoint(R"({"addresses": ["web"]})"),
        "endpoints[0].addresses[0]: Invalid value: \"web\": must be a valid IP address, (e.g. "
        "10.9.8.7 or 2001:db8::ffff)"},
       {OfEndpoint(R"({"addresses": ["127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1"]})"),
        "endpoints[0].addresses[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range "
        "(127.0.0.0/8, ::1/128); endpoints[0].addresses[1]: Invalid value: \"0.0.0.0\": may not be "
        "unspecified (0.0.0.0); endpoints[0].addresses[2]: Invalid value: \"169.254.1.1\": may not "
        "be in the link-local range (169.254.0.0/16, fe80::/10); endpoints[0].addresses[3]: "
        "Invalid value: \"224.0.0.1\": may not be in the link-local multicast range (224.0.0.0/24, "
        "ff02::/10)"},
       {OfEndpoint(R"({"addresses": ["example.com."]})", "FQDN"), ""},
       {OfEndpoint(R"({"addresses": ["example"]})", "FQDN"),
        "endpoints[0].addresses[0]: Invalid value: \"example\": should be a domain with at least "
        "two segments separated by dots"},
       {OfEndpoint(R"({"addresses": ["10.0.0.1"], "hints": {"forZones": [{"name": "a"},
                {"name": "a"}]}})"),
        "endpoints[0].hints.forZones[1].name: Duplicate value: \"a\""},
       {R"({"ports": [{"name": "a"}, {"name": "a", "protocol": "ICMP"}]})",
        "ports[1].name: Duplicate value: \"a\"; ports[1].protocol: Unsupported value: \"ICMP\": "
        "supported values: \"SCTP\", \"TCP\", \"UDP\""}});
  CheckUpdates<discoveryv1::EndpointSlice>(
      kSlice,
      {{OfEndpoint(R"({"addresses": ["10.1.2.4"]})"), ""},
       {R"({"addressType": "FQDN"})", "addressType: Invalid value: \"FQDN\": field is immutable"}});
  const auto slice = Patched<discoveryv1::EndpointSlice>(kSlice, R"({"ports": [{"port": 1}]})");
  CHECK(slice.ports(0).has_name());
  CHECK(slice.ports(0).protocol() == "TCP");
}

}  // namespace
}  // namespace skiff::api
