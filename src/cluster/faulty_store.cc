#include "cluster/faulty_store.h"

#include <algorithm>
#include <utility>

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

StoreFaults WriteFaults::Get() const {
  MutexLock lock(&mutex_);
  return faults_;
}

void WriteFaults::Set(StoreFaults faults) {
  MutexLock lock(&mutex_);
  faults_ = std::move(faults);
  armed_ = !faults_.rules.empty() || faults_.delay > absl::ZeroDuration() || faults_.full;
}

absl::Status WriteFaults::Fail(const store::Txn& txn, absl::Duration* delay) {
  MutexLock lock(&mutex_);
  *delay = faults_.delay;
  if (faults_.full) {
    return absl::ResourceExhaustedError("no space left on device (a fault was injected)");
  }
  for (auto rule = faults_.rules.begin(); rule != faults_.rules.end(); ++rule) {
    const bool hit = std::any_of(txn.ops.begin(), txn.ops.end(),
                                 [&](const store::Op& op) { return Matches(*rule, txn, op); });
    if (!hit) continue;
    const absl::Status error = rule->error;
    if (--rule->left <= 0) faults_.rules.erase(rule);
    return error;
  }
  return absl::OkStatus();
}

void FaultyStore::Commit(store::Txn txn, Done done) {
  if (!faults_->armed()) return inner_->Commit(std::move(txn), std::move(done));
  absl::Duration delay;
  absl::Status error = faults_->Fail(txn, &delay);
  // Late writes that the loop drops when it stops are answered as late.
  struct Late {
    store::Txn txn;
    Done done;
    ~Late() {
      if (done) std::move(done)(absl::UnavailableError("the store is closing"));
    }
  };
  auto late = std::make_unique<Late>();
  late->txn = std::move(txn);
  late->done = std::move(done);
  loop_->PostAfter(delay, [this, late = std::move(late), error = std::move(error)]() mutable {
    Done answer = std::exchange(late->done, nullptr);
    if (!error.ok()) return std::move(answer)(std::move(error));
    inner_->Commit(std::move(late->txn), std::move(answer));
  });
}

}  // namespace skiff::cluster
