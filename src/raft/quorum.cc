#include "raft/quorum.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"

namespace skiff::raft {
namespace {

uint64_t MajorityValue(const std::set<MemberId>& voters,
                       absl::FunctionRef<uint64_t(MemberId)> value) {
  if (voters.empty()) return 0;
  absl::InlinedVector<uint64_t, 8> values;
  values.reserve(voters.size());
  for (const MemberId id : voters) values.push_back(value(id));
  const auto middle = values.begin() + (values.size() - 1) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

uint64_t QuorumValue(const Config& config, absl::FunctionRef<uint64_t(MemberId)> value) {
  const uint64_t of_voters = MajorityValue(config.voters, value);
  return config.joint() ? std::min(of_voters, MajorityValue(config.outgoing, value)) : of_voters;
}

bool HasQuorum(const Config& config, absl::FunctionRef<bool(MemberId)> agrees) {
  return QuorumValue(config, [&](MemberId id) -> uint64_t { return agrees(id) ? 1 : 0; }) == 1;
}

std::set<MemberId> MembersOf(const Config& config) {
  std::set<MemberId> members = config.voters;
  members.insert(config.outgoing.begin(), config.outgoing.end());
  members.insert(config.learners.begin(), config.learners.end());
  return members;
}

bool IsVoter(const Config& config, MemberId id) {
  return config.voters.count(id) != 0 || config.outgoing.count(id) != 0;
}

bool IsMember(const Config& config, MemberId id) {
  return IsVoter(config, id) || config.learners.count(id) != 0;
}

}  // namespace skiff::raft
