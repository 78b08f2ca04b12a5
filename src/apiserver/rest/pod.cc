// What the server does to pods besides storing them.
#include <set>

#include "api/quantity.h"
#include "api/time.h"
#include "apiserver/rest/strategy.h"

namespace skiff::apiserver {

void PreparePodCreate(const Env& env, corev1::Pod* pod) {
  (void)env;
  pod->mutable_status()->set_phase("Pending");
}

// Guaranteed: every container limits cpu and memory and requests as much. BestEffort: none requests
// or limits either. Burstable: the rest.
std::string QosClassOf(const corev1::PodSpec& spec) {
  bool any = false;
  bool guaranteed = true;
  const auto look = [&](const corev1::Container& container) {
    for (const char* name : {"cpu", "memory"}) {
      const auto& limits = container.resources().limits();
      const auto& requests = container.resources().requests();
      const auto limit = limits.find(name);
      const auto request = requests.find(name);
      any = any || limit != limits.end() || request != requests.end();
      if (limit == limits.end()) {
        guaranteed = false;
        continue;
      }
      if (request == requests.end()) continue;  // Defaults to the limit.
      const auto have = api::Quantity::FromProto(request->second);
      const auto most = api::Quantity::FromProto(limit->second);
      if (!have.ok() || !most.ok() || have->Compare(*most) != 0) guaranteed = false;
    }
  };
  for (const corev1::Container& container : spec.init_containers()) look(container);
  for (const corev1::Container& container : spec.containers()) look(container);
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

void PreparePodUpdate(const corev1::Pod& old, corev1::Pod* pod) {
  // Bound on the binding path only.
  if (!old.spec().node_name().empty() && pod->spec().node_name().empty()) {
    pod->mutable_spec()->set_node_name(old.spec().node_name());
  }
}

}  // namespace skiff::apiserver
