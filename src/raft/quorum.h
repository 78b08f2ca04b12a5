// Majorities, of one set of voters or of both of a joint configuration (section 6).
#pragma once

#include "absl/functional/function_ref.h"
#include "raft/types.h"

namespace skiff::raft {

// Whether those for whom `agrees` is true can decide. Nobody can where there is no voter.
bool HasQuorum(const Config& config, absl::FunctionRef<bool(MemberId)> agrees);

// The highest value that a quorum has reached; 0 where there is no voter.
uint64_t QuorumValue(const Config& config, absl::FunctionRef<uint64_t(MemberId)> value);

// Everybody a leader sends to.
std::set<MemberId> MembersOf(const Config& config);

bool IsVoter(const Config& config, MemberId id);
bool IsMember(const Config& config, MemberId id);

}  // namespace skiff::raft
