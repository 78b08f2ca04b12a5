#include "client/informer.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skiff::client {
namespace {

bool IsControlled(const api::Object& object) {
  const auto& owners = object.meta().owner_references();
  return std::any_of(owners.begin(), owners.end(),
                     [](const auto& owner) { return owner.controller(); });
}

}  // namespace

Informer::Informer(Client* client, Executor* executor, const api::ResourceInfo& resource,
                   WatchOptions options)
    : client_(client), executor_(executor), resource_(resource), options_(std::move(options)) {}

Informer::~Informer() { Stop(); }

std::string Informer::KeyOf(const api::Object& object) {
  return absl::StrCat(object.meta().namespace_(), "/", object.meta().name());
}

void Informer::Start() { Open(); }

void Informer::Stop() {
  watch_.reset();
  if (retry_ != 0) executor_->Cancel(retry_);
  retry_ = 0;
}

void Informer::Open() {
  starting_ = true;
  unseen_.clear();
  for (const auto& [key, object] : objects_) unseen_.insert(key);
  watch_ =
      client_->StartWatch(resource_, options_, executor_,
                          {[this](std::vector<WatchEvent> events) { OnEvents(std::move(events)); },
                           [this](absl::Status status) { OnEnd(std::move(status)); }});
}

void Informer::OnEvents(std::vector<WatchEvent> events) {
  for (const WatchEvent& event : events) {
    if (event.type == EventType::kBookmark) {
      revision_ = std::max(revision_, event.revision);
      if (!starting_) continue;
      starting_ = false;
      pause_ = absl::ZeroDuration();
      const std::set<std::string> gone = std::exchange(unseen_, {});
      synced_ = true;
      for (const std::string& key : gone) Apply(key, nullptr);
      // Whoever waits for the view to be complete looks again.
      for (const Handler& handler : handlers_) handler(nullptr, nullptr);
      continue;
    }
    const std::string key = KeyOf(*event.object);
    unseen_.erase(key);
    if (!starting_) revision_ = std::max(revision_, event.revision);
    Apply(key, event.type == EventType::kDeleted ? nullptr : event.object);
  }
}

void Informer::Apply(const std::string& key, const api::ObjectPtr& now) {
  const auto it = objects_.find(key);
  const api::ObjectPtr before = it == objects_.end() ? nullptr : it->second;
  if (before == nullptr && now == nullptr) return;
  if (before != nullptr && now != nullptr && before->revision() == now->revision()) return;
  if (before != nullptr) {
    for (const auto& owner : before->meta().owner_references()) {
      const auto owned = owned_.find(owner.uid());
      owned->second.erase(key);
      if (owned->second.empty()) owned_.erase(owned);
    }
  }
  if (now == nullptr) {
    objects_.erase(it);
  } else {
    for (const auto& owner : now->meta().owner_references()) owned_[owner.uid()].insert(key);
    if (before == nullptr) {
      objects_.emplace(key, now);
    } else {
      it->second = now;
    }
  }
  const bool was_free = before != nullptr && !IsControlled(*before);
  const bool is_free = now != nullptr && !IsControlled(*now);
  if (is_free && !was_free) uncontrolled_.insert(key);
  if (was_free && !is_free) uncontrolled_.erase(key);
  for (const Handler& handler : handlers_) handler(before, now);
}

void Informer::OnEnd(absl::Status) {
  watch_.reset();
  pause_ = std::clamp(pause_ * 2, absl::Milliseconds(50), absl::Seconds(30));
  retry_ = executor_->PostAfter(pause_ * (0.5 + executor_->rng().Unit() / 2), [this] {
    retry_ = 0;
    Open();
  });
}

api::ObjectPtr Informer::Get(const std::string& key) const {
  const auto it = objects_.find(key);
  return it == objects_.end() ? nullptr : it->second;
}

std::vector<api::ObjectPtr> Informer::OwnedBy(const std::string& uid) const {
  std::vector<api::ObjectPtr> out;
  const auto it = owned_.find(uid);
  if (it == owned_.end()) return out;
  for (const std::string& key : it->second) out.push_back(objects_.at(key));
  return out;
}

std::vector<api::ObjectPtr> Informer::In(const std::string& name_space) const {
  std::vector<api::ObjectPtr> out;
  const std::string prefix = absl::StrCat(name_space, "/");
  for (auto it = objects_.lower_bound(prefix);
       it != objects_.end() && absl::StartsWith(it->first, prefix); ++it) {
    out.push_back(it->second);
  }
  return out;
}

std::vector<api::ObjectPtr> Informer::Uncontrolled(const std::string& name_space) const {
  std::vector<api::ObjectPtr> out;
  const std::string prefix = absl::StrCat(name_space, "/");
  for (auto it = uncontrolled_.lower_bound(prefix);
       it != uncontrolled_.end() && absl::StartsWith(*it, prefix); ++it) {
    out.push_back(objects_.at(*it));
  }
  return out;
}

}  // namespace skiff::client
