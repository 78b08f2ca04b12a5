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
    const auto hit = std::find_if(txn.ops.begin(), txn.ops.end(),
                                  [&](const store::Op& op) { return Matches(*rule, txn, op); });
    if (hit == txn.ops.end()) continue;
    const api::ResourceInfo* resource = store::ResourceOfKey(hit->key);
    const absl::string_view name = absl::string_view(hit->key).substr(hit->key.rfind('/') + 1);
    const absl::Status error =
        rule->error(resource == nullptr ? api::ResourceOf<corev1::Pod>() : *resource, name);
    if (--rule->left <= 0) faults_.rules.erase(rule);
    return error;
  }
  return absl::OkStatus();
}

// A late write that the loop drops when it stops is answered as it goes.
struct FaultyStore::Late {
  store::Txn txn;
  absl::Status error;
  Done done;  // Null: it was answered. The loop's.
  ~Late() {
    if (done) std::move(done)(absl::UnavailableError("the store is closing"));
  }
};

void FaultyStore::Do(Late* late) {
  if (!late->done) return;
  Done answer = std::exchange(late->done, nullptr);
  if (!late->error.ok()) return std::move(answer)(std::move(late->error));
  inner_->Commit(std::move(late->txn), std::move(answer));
}

void FaultyStore::Commit(store::Txn txn, Done done) {
  if (counts_) {
    ++*under_way_;
    done = [count = under_way_, done = std::move(done)](auto result) mutable {
      --*count;
      std::move(done)(std::move(result));
    };
  }
  if (!faults_->armed()) return inner_->Commit(std::move(txn), std::move(done));
  auto late = std::make_shared<Late>();
  absl::Duration delay;
  MutexLock lock(&mutex_);
  late->error = faults_->Fail(txn, &delay);
  late->txn = std::move(txn);
  late->done = std::move(done);
  std::erase_if(late_, [](const auto& each) { return each.expired(); });
  late_.push_back(late);
  loop_->PostAfter(delay, [this, late = std::move(late)] { Do(late.get()); });
}

void FaultyStore::EndDelays(const absl::Status& why) {
  MutexLock lock(&mutex_);
  if (!why.ok()) {
    StoreFaults faults = faults_->Get();
    faults.delay = absl::ZeroDuration();
    faults_->Set(std::move(faults));
  }
  loop_->Post([this, why, all = std::exchange(late_, {})] {
    for (const std::weak_ptr<Late>& each : all) {
      const std::shared_ptr<Late> late = each.lock();
      if (late == nullptr) continue;
      if (!why.ok()) late->error = why;
      Do(late.get());
    }
  });
}

}  // namespace skiff::cluster
