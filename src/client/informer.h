// A view of one resource, kept by watching: what loops read instead of asking the API. When a watch
// ends it starts again by itself and tells of the differences.
//
// Threads: its executor's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/client.h"

namespace skiff::client {

class Informer {
 public:
  // `before` is null for what is new, `now` for what is gone.
  using Handler = std::function<void(const api::ObjectPtr& before, const api::ObjectPtr& now)>;

  Informer(Client* client, Executor* executor, const api::ResourceInfo& resource,
           WatchOptions options = {});
  ~Informer();

  // Before Start.
  void AddHandler(Handler handler) { handlers_.push_back(std::move(handler)); }
  void Start();
  void Stop();

  // Whether it has seen everything there was at its start.
  bool synced() const { return synced_; }
  // Synced, and following. While it starts over it may lack what came in between: what is not in
  // the view then need not be gone.
  bool current() const { return synced_ && !starting_ && watch_ != nullptr; }
  // Everything up to this revision is in the view.
  uint64_t revision() const { return revision_; }
  const api::ResourceInfo& resource() const { return resource_; }

  // By "namespace/name" ("/name" for cluster-wide kinds), in that order.
  const std::map<std::string, api::ObjectPtr>& objects() const { return objects_; }
  api::ObjectPtr Get(const std::string& key) const;
  // Those with an ownerReference to that uid, in key order.
  std::vector<api::ObjectPtr> OwnedBy(const std::string& uid) const;

  // Those of one namespace, in key order; and of these, those that nobody controls.
  std::vector<api::ObjectPtr> In(const std::string& name_space) const;
  std::vector<api::ObjectPtr> Uncontrolled(const std::string& name_space) const;

  static std::string KeyOf(const api::Object& object);

 private:
  void Open();
  void OnEvents(std::vector<WatchEvent> events);
  void OnEnd(absl::Status status);
  void Apply(const std::string& key, const api::ObjectPtr& now);

  Client* const client_;
  Executor* const executor_;
  const api::ResourceInfo& resource_;
  const WatchOptions options_;
  std::vector<Handler> handlers_;
  std::unique_ptr<Watch> watch_;
  std::map<std::string, api::ObjectPtr> objects_;
  std::map<std::string, std::set<std::string>> owned_;  // Owner uid -> keys.
  std::set<std::string> uncontrolled_;                  // Keys, so also in the order of namespaces.
  std::set<std::string> unseen_;                        // While starting over: not yet met again.
  bool synced_ = false;
  bool starting_ = false;
  uint64_t revision_ = 0;
  absl::Duration pause_;
  Executor::TimerId retry_ = 0;
};

}  // namespace skiff::client
