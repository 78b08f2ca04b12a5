#include "raft/sim_network.h"

#include <algorithm>

#include "base/status.h"
#include "raft/message_codec.h"

namespace skiff::raft {
namespace {

using Link = std::pair<MemberId, MemberId>;

// What a connection's bulk queue holds.
constexpr size_t kBulkBytes = 4 << 20;
// A message out of order may come this many delays late.
constexpr int kReorderedDelays = 8;

}  // namespace

struct SimNetwork::State : public std::enable_shared_from_this<State> {
  explicit State(Simulation* simulation)
      : rng(simulation->rng().Next()), loop(simulation->NewLoop()) {}

  bool Chance(double share) { return share > 0 && rng.Unit() < share; }
  absl::Duration Delay(const NetworkFaults& faults) {
    return faults.delay_min +
           std::max(faults.delay_max - faults.delay_min, absl::ZeroDuration()) * rng.Unit();
  }
  const NetworkFaults& FaultsOf(const Link& link) const {
    const auto it = link_faults.find(link);
    return it == link_faults.end() ? faults : it->second;
  }
  bool Connected(const Link& link) const {
    return !cuts.contains(link) && !isolated.contains(link.first) &&
           !isolated.contains(link.second);
  }
  void Send(const Message& message);
  // A message as it travels.
  struct Parcel {
    std::string bytes;
    uint32_t version = 0;  // Of the bytes.
    uint32_t newest = 0;   // That the sender understands.
    size_t bulk = 0;
  };
  void Carry(const Link& link, const std::shared_ptr<const Parcel>& parcel);
  void Arrive(const Link& link, const Parcel& parcel);

  Rng rng;
  std::unique_ptr<Executor> loop;  // What is under way. None: the network is gone.
  std::map<MemberId, Endpoint*> endpoints;
  NetworkFaults faults;
  std::map<Link, NetworkFaults> link_faults;
  std::set<Link> cuts;
  std::set<MemberId> isolated;
  std::map<Link, absl::Duration> last_arrival;  // Of what travels in order.
  std::map<Link, size_t> bulk_bytes;            // Under way.
  NetworkCounts counts;
};

class SimNetwork::Endpoint final : public Transport {
 public:
  Endpoint(std::shared_ptr<State> state, MemberId id, Executor* executor, uint32_t newest)
      : state_(std::move(state)), id_(id), executor_(executor), newest_(newest) {
    SKIFF_CHECK(id != 0 && state_->endpoints.emplace(id, this).second);
  }
  ~Endpoint() override { state_->endpoints.erase(id_); }

  void Start(Receiver receiver) override {
    receiver_ = std::make_shared<const Receiver>(std::move(receiver));
  }

  void SetPeers(const std::map<MemberId, std::string>& addresses) override {
    peers_.clear();
    for (const auto& [id, address] : addresses) peers_.insert(id);
  }

  void Send(Message message) override {
    SKIFF_CHECK(message.from == id_);
    if (!peers_.contains(message.to) || message.to == id_) return;
    state_->Send(message);
  }

  size_t BulkRoom(MemberId to) const override {
    if (!peers_.contains(to) || !state_->loop || !state_->Connected({id_, to})) return 0;
    const auto it = state_->bulk_bytes.find({id_, to});
    return it == state_->bulk_bytes.end() ? kBulkBytes
                                          : kBulkBytes - std::min(kBulkBytes, it->second);
  }

  uint32_t VersionOf(MemberId id) const override {
    if (id == id_) return newest_;
    const auto it = heard_.find(id);
    return it == heard_.end() ? 0 : it->second;
  }

  void RequireVersion(uint32_t version) override { required_ = version; }

  uint32_t newest() const { return newest_; }
  // What both speak; 0: nothing that would do.
  uint32_t AgreeWith(const Endpoint& other) const {
    const uint32_t version = std::min(newest_, other.newest_);
    return version < std::max(required_, other.required_) ? 0 : version;
  }

  // `newest`: that the sender understands.
  bool Receive(Message message, uint32_t newest) {
    heard_[message.from] = newest;
    const bool known = peers_.contains(message.from) || message.type == MessageType::kMembers;
    if (!receiver_ || !known) return false;
    executor_->Post([receiver = std::weak_ptr<const Receiver>(receiver_),
                     message = std::move(message)]() mutable {
      // Held during the call: the endpoint may end within.
      if (const auto held = receiver.lock()) (*held)(std::move(message));
    });
    return true;
  }

 private:
  const std::shared_ptr<State> state_;
  const MemberId id_;
  Executor* const executor_;
  const uint32_t newest_;
  uint32_t required_ = kOldestVersion;
  std::map<MemberId, uint32_t> heard_;
  std::shared_ptr<const Receiver> receiver_;
  std::set<MemberId> peers_;
};

void SimNetwork::State::Send(const Message& message) {
  if (!loop) return;
  ++counts.sent;
  const Link link(message.from, message.to);
  const NetworkFaults& now = FaultsOf(link);
  const size_t bulk = IsBulk(message.type) ? message.data.size() : 0;
  // Drawn whatever the cuts are: the same seed gives the same luck to those not cut off.
  const bool lost = Chance(now.loss);
  const bool twice = Chance(now.duplicate);
  if (lost || !Connected(link) || bulk > kBulkBytes - std::min(kBulkBytes, bulk_bytes[link])) {
    ++counts.lost;
    return;
  }
  const Endpoint& from = *endpoints.at(link.first);
  const auto to = endpoints.find(link.second);
  const uint32_t version = to == endpoints.end() ? kOldestVersion : from.AgreeWith(*to->second);
  if (version == 0 || !ForTheWire(message.type, version)) {
    ++counts.lost;
    return;
  }
  const auto parcel = std::make_shared<const Parcel>(
      Parcel{EncodeMessage(message, version), version, from.newest(), bulk});
  Carry(link, parcel);
  if (!twice) return;
  ++counts.duplicated;
  Carry(link, parcel);
}

void SimNetwork::State::Carry(const Link& link, const std::shared_ptr<const Parcel>& parcel) {
  const NetworkFaults& now = FaultsOf(link);
  absl::Duration due = loop->clock().Monotonic() + Delay(now);
  if (Chance(now.reorder)) {
    due += static_cast<int64_t>(rng.Below(kReorderedDelays)) * Delay(now);
  } else {
    absl::Duration& last = last_arrival[link];
    due = last = std::max(last, due);
  }
  bulk_bytes[link] += parcel->bulk;
  loop->PostAfter(due - loop->clock().Monotonic(), [this, link, parcel] {
    bulk_bytes[link] -= parcel->bulk;
    Arrive(link, *parcel);
  });
}

void SimNetwork::State::Arrive(const Link& link, const Parcel& parcel) {
  const auto to = endpoints.find(link.second);
  if (to == endpoints.end() || !Connected(link) || parcel.version > to->second->newest()) {
    ++counts.lost;
    return;
  }
  absl::StatusOr<Message> message = DecodeMessage(parcel.bytes, parcel.version);
  SKIFF_CHECK(message.ok());
  if (!to->second->Receive(*std::move(message), parcel.newest)) {
    ++counts.lost;
    return;
  }
  ++counts.delivered;
  counts.bytes += parcel.bytes.size();
}

SimNetwork::SimNetwork(Simulation* simulation) : state_(std::make_shared<State>(simulation)) {}

SimNetwork::~SimNetwork() { state_->loop.reset(); }

std::unique_ptr<Transport> SimNetwork::Join(MemberId id, Executor* executor, uint32_t newest) {
  return std::make_unique<Endpoint>(state_, id, executor, newest);
}

void SimNetwork::SetFaults(const NetworkFaults& faults) { state_->faults = faults; }

void SimNetwork::SetLinkFaults(MemberId from, MemberId to, const NetworkFaults& faults) {
  state_->link_faults[{from, to}] = faults;
}

void SimNetwork::ClearLinkFaults() { state_->link_faults.clear(); }

void SimNetwork::Cut(MemberId from, MemberId to) { state_->cuts.insert({from, to}); }

void SimNetwork::Restore(MemberId from, MemberId to) { state_->cuts.erase({from, to}); }

void SimNetwork::Partition(const std::set<MemberId>& a, const std::set<MemberId>& b) {
  for (const MemberId one : a) {
    for (const MemberId other : b) {
      Cut(one, other);
      Cut(other, one);
    }
  }
}

void SimNetwork::Isolate(MemberId id) { state_->isolated.insert(id); }

void SimNetwork::Rejoin(MemberId id) { state_->isolated.erase(id); }

void SimNetwork::Heal() {
  state_->cuts.clear();
  state_->isolated.clear();
}

bool SimNetwork::Connected(MemberId from, MemberId to) const {
  return state_->Connected({from, to});
}

const NetworkCounts& SimNetwork::counts() const { return state_->counts; }

}  // namespace skiff::raft
