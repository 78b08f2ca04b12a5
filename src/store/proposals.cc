#include "store/proposals.h"

#include <utility>

namespace skiff::store {

void Proposals::Add(Proposal proposal) {
  next_ = proposal.number + 1;
  pending_.emplace(proposal.number, std::move(proposal));
}

std::optional<Proposal> Proposals::Take(uint64_t number) {
  auto node = pending_.extract(number);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::vector<Proposal*> Proposals::ToGive(absl::Duration before) {
  std::vector<Proposal*> out;
  for (auto& [number, proposal] : pending_) {
    if (proposal.term == 0 || proposal.given < before) out.push_back(&proposal);
  }
  return out;
}

void Proposals::OnApplied(raft::Term term) {
  for (auto& [number, proposal] : pending_) {
    if (proposal.term < term) proposal.term = 0;
  }
}

std::vector<Proposal> Proposals::TakeIf(const std::function<bool(const Proposal&)>& which) {
  std::vector<Proposal> out;
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (which(it->second)) {
      out.push_back(std::move(it->second));
      it = pending_.erase(it);
    } else {
      ++it;
    }
  }
  return out;
}

std::vector<Proposal> Proposals::TakeOlder(absl::Duration since) {
  return TakeIf([&](const Proposal& proposal) { return proposal.since < since; });
}

std::vector<Proposal> Proposals::TakeGiven() {
  return TakeIf([](const Proposal& proposal) { return proposal.term != 0; });
}

std::vector<Proposal> Proposals::TakeAll() {
  return TakeIf([](const Proposal&) { return true; });
}

bool Given::Note(raft::MemberId from, uint64_t life, uint64_t number, uint64_t oldest) {
  Numbers& numbers = lives_[{from, life}];
  if (oldest > numbers.oldest) {
    numbers.oldest = oldest;
    numbers.seen.erase(numbers.seen.begin(), numbers.seen.lower_bound(oldest));
  }
  return number >= numbers.oldest && numbers.seen.insert(number).second;
}

void Given::Forget(raft::MemberId from, uint64_t life, const std::vector<uint64_t>& numbers) {
  for (const uint64_t number : numbers) lives_[{from, life}].seen.erase(number);
}

}  // namespace skiff::store
