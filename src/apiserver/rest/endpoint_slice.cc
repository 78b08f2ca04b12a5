// What the server does to endpoint slices besides storing them.
#include <set>

#include "api/same.h"
#include "apiserver/rest/strategy.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"

namespace skiff::apiserver {
namespace {

constexpr char kHostname[] = "kubernetes.io/hostname";

bool SameEndpoints(const discoveryv1::EndpointSlice& a, const discoveryv1::EndpointSlice& b) {
  discoveryv1::EndpointSlice only_a, only_b;
  *only_a.mutable_endpoints() = a.endpoints();
  *only_b.mutable_endpoints() = b.endpoints();
  return api::LooksSame(only_a, only_b);
}

}  // namespace

// deprecatedTopology is read, and kept while nothing changes, but not written any more; a node that
// was known by it alone is known by its nodeName from then on.
void PrepareEndpointSlice(const Env&, const discoveryv1::EndpointSlice* old,
                          discoveryv1::EndpointSlice* now) {
  if (old != nullptr && SameEndpoints(*old, *now)) return;
  std::set<std::string> known;
  if (old != nullptr) {
    for (const discoveryv1::Endpoint& endpoint : old->endpoints()) {
      const auto host = endpoint.deprecated_topology().find(kHostname);
      if (host != endpoint.deprecated_topology().end()) known.insert(host->second);
    }
  }
  for (discoveryv1::Endpoint& endpoint : *now->mutable_endpoints()) {
    const auto host = endpoint.deprecated_topology().find(kHostname);
    if (!endpoint.has_node_name() && host != endpoint.deprecated_topology().end() &&
        known.count(host->second) > 0) {
      endpoint.set_node_name(host->second);
    }
    endpoint.clear_deprecated_topology();
  }
}

}  // namespace skiff::apiserver
