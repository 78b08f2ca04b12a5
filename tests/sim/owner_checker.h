// Whether what may have one owner ever had two: a pod's node, and the addresses of pods and
// services. It follows what happened, event by event, and trusts nothing else.
//
//   OwnerChecker checker;
//   checker.Observe(events);          // of whole transactions, in order; any number of times
//   CHECK(checker.faults().empty());
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/store.h"

namespace skiff::sim {

class OwnerChecker {
 public:
  // Events of whole transactions, in revision order. Other kinds than pods and services are
  // ignored.
  void Observe(const std::vector<store::Event>& events);

  // One sentence each:
  // - a pod (by uid) whose spec.nodeName changed after it was set;
  // - an address that two pods, two services, or one of each had at one revision. A pod has the
  //   addresses in its status until it is gone, or is Succeeded or Failed; pods in their host's
  //   network have none of their own.
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  void ObserveNode(const store::Event& event);
  void ObserveAddresses(const store::Event& event);
  void EndTransaction(uint64_t revision);

  std::map<std::string, std::string> node_of_;                 // By the pod's uid.
  std::map<std::string, std::set<std::string>> addresses_of_;  // By the owner's key.
  std::map<std::string, std::set<std::string>> owners_of_;     // By address: keys.
  std::set<std::string> touched_;  // Addresses that somebody took in this transaction.
  std::vector<std::string> faults_;
};

}  // namespace skiff::sim
