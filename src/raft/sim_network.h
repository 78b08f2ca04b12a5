// A network in virtual time, as bad as its owner wants, the same for the same seed. Messages travel
// encoded, as they do between processes.
//
//   SimNetwork network(&sim);
//   std::unique_ptr<Transport> a = network.Join(1, loop_of_1.get());
//   network.SetFaults({.delay_max = absl::Milliseconds(50), .loss = 0.1});
//   network.Isolate(1);
//
// A message is subject to the faults in force when it is sent, and to the cuts in force both then
// and when it would arrive. One that is under way when its receiver crashes may reach the next
// endpoint of that id.
//
// Threads: the simulation's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/sim_executor.h"
#include "raft/transport.h"

namespace skiff::raft {

// Each chance is a share of the messages, in [0, 1].
struct NetworkFaults {
  absl::Duration delay_min = absl::Milliseconds(1);
  absl::Duration delay_max = absl::Milliseconds(3);
  double loss = 0;
  double duplicate = 0;  // Arrives twice, the second time within another delay.
  double reorder = 0;    // May overtake what was sent before it, or come much later.
};

struct NetworkCounts {
  uint64_t sent = 0;
  uint64_t delivered = 0;
  uint64_t lost = 0;  // By chance, by a cut, or for want of a receiver.
  uint64_t duplicated = 0;
  uint64_t bytes = 0;  // Delivered.
};

class SimNetwork {
 public:
  // The simulation outlives it.
  explicit SimNetwork(Simulation* simulation);
  // Endpoints may live on; they send to nobody.
  ~SimNetwork();

  // The endpoint of member `id`; its receiver is called on `executor`, which outlives it. One at a
  // time for each id: a member that crashed joins again when its old endpoint is destroyed. It
  // understands versions up to `newest`.
  std::unique_ptr<Transport> Join(MemberId id, Executor* executor,
                                  uint32_t newest = kNewestVersion);

  // Of every link, and then of one, which keeps its own until it is cleared.
  void SetFaults(const NetworkFaults& faults);
  void SetLinkFaults(MemberId from, MemberId to, const NetworkFaults& faults);
  void ClearLinkFaults();

  // Nothing goes from `from` to `to`; the other way is as it was.
  void Cut(MemberId from, MemberId to);
  void Restore(MemberId from, MemberId to);
  // Nothing goes between any of `a` and any of `b`.
  void Partition(const std::set<MemberId>& a, const std::set<MemberId>& b);
  // Nothing goes to or from `id`, until Rejoin or Heal.
  void Isolate(MemberId id);
  void Rejoin(MemberId id);
  // No link is cut any more. Faults stay.
  void Heal();
  bool Connected(MemberId from, MemberId to) const;

  const NetworkCounts& counts() const;

 private:
  struct State;
  class Endpoint;
  // Shared with endpoints, which may outlive it.
  const std::shared_ptr<State> state_;
};

}  // namespace skiff::raft
