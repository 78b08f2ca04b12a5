#include "cluster/faulty_store.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "store/txn_codec.h"

namespace skiff::cluster {
namespace {

// Of an op's key, "<group>/<resource>/<namespace>/<name>".
bool Matches(const WriteRule& rule, const store::Txn& txn, const store::Op& op) {
  const bool create = std::any_of(
      txn.preconditions.begin(), txn.preconditions.end(), [&](const store::Precondition& each) {
        return each.kind == store::Precondition::Kind::kAbsent && each.key == op.key;
      });
  const char* verb = op.object == nullptr ? "delete" : create ? "create" : "update";
  if (!rule.verb.empty() && rule.verb != verb) return false;
  if (rule.resource != nullptr && store::ResourceOfKey(op.key) != rule.resource) return false;
  const std::vector<std::string> parts = absl::StrSplit(op.key, '/');
  if (parts.size() < 4) return false;
  return MatchesPattern(rule.name_space, parts[2]) && MatchesPattern(rule.name, parts[3]);
}

}  // namespace

bool MatchesPattern(absl::string_view pattern, absl::string_view name) {
  if (pattern.empty()) return true;
  // Where to go on when what follows the last star does not match: one character later.
  size_t p = 0, n = 0, star = absl::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<WriteRule> FaultyStore::rules() const {
  MutexLock lock(&mutex_);
  return rules_;
}

void FaultyStore::SetRules(std::vector<WriteRule> rules) {
  MutexLock lock(&mutex_);
  rules_ = std::move(rules);
  armed_ = !rules_.empty();
}

void FaultyStore::AddRule(WriteRule rule) {
  MutexLock lock(&mutex_);
  rules_.push_back(std::move(rule));
  armed_ = true;
}

absl::Status FaultyStore::Fail(const store::Txn& txn) {
  MutexLock lock(&mutex_);
  for (auto rule = rules_.begin(); rule != rules_.end(); ++rule) {
    const bool hit = std::any_of(txn.ops.begin(), txn.ops.end(),
                                 [&](const store::Op& op) { return Matches(*rule, txn, op); });
    if (!hit) continue;
    const absl::Status error = rule->error;
    if (--rule->left <= 0) rules_.erase(rule);
    armed_ = !rules_.empty();
    return error;
  }
  return absl::OkStatus();
}

void FaultyStore::Commit(store::Txn txn,
                         absl::AnyInvocable<void(absl::StatusOr<store::TxnResult>) &&> done) {
  if (armed_) {
    if (absl::Status error = Fail(txn); !error.ok()) {
      return loop_->Post([done = std::move(done), error = std::move(error)]() mutable {
        std::move(done)(std::move(error));
      });
    }
  }
  inner_->Commit(std::move(txn), std::move(done));
}

}  // namespace skiff::cluster
