// A client of a control plane of several members in one process: it takes one that can be reached,
// and another when that is killed or cut off.
//
// What is read is asked of another member then; a write is answered with kDeadlineExceeded, for it
// may have been done; watches end with kUnavailable, and resume with whichever member is asked
// next: each shows all that was acknowledged before the watch begins.
//
// Threads: one, that of the members' loops (virtual time); callbacks as client::Client has them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/rest/server.h"
#include "client/client.h"

namespace skiff::cluster {

// Why a watch of a member ends when that is gone; and why nobody is asked.
absl::Status GoneMember();
absl::Status UnreachableMembers();

class AnyMember final : public client::Client {
 public:
  AnyMember() = default;
  ~AnyMember() override;

  // A member can be reached: its server, and the loop on which that answers. Both are there until
  // Remove has returned.
  void Add(int member, apiserver::Server* server, Executor* loop);
  // It cannot any more; its watches end with `why`.
  void Remove(int member, const absl::Status& why = GoneMember());
  // Answers every call, those to come too, with an error.
  void End(const absl::Status& why);
  // Whom it turned to last, so that it begins with the first again.
  void Forget() { current_ = last_watched_ = -1; }

  void Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
           Executor* reply_on, client::Callback<api::ObjectPtr> done) override;
  void List(const api::ResourceInfo& resource, client::ListOptions options, Executor* reply_on,
            client::Callback<client::ListResult> done) override;
  std::unique_ptr<client::Watch> StartWatch(const api::ResourceInfo& resource,
                                            client::WatchOptions options, Executor* reply_on,
                                            client::WatchSink sink) override;
  void Commit(std::vector<client::Write> writes, Executor* reply_on,
              client::Callback<client::WriteResult> done) override;

 private:
  struct Place {
    apiserver::Server* server;
    Executor* loop;
  };
  // What a member was asked and has not answered.
  struct Call {
    int member = 0;
    virtual ~Call() = default;
    virtual void OnGone(AnyMember* self) = 0;
    virtual void OnEnd(const absl::Status& why) = 0;
  };
  template <typename T>
  struct CallFor;
  struct Stream;
  class Handle;

  // Asks a member, and when that goes another if it may be asked `again`.
  template <typename T, typename F>
  void Ask(F ask, bool again, Executor* reply_on, client::Callback<T> done);
  template <typename T>
  void Ask(std::shared_ptr<CallFor<T>> call);

  std::map<int, Place> places_;
  int current_ = -1;       // Whom calls go to, while it is there.
  int last_watched_ = -1;  // Watches go round.
  absl::Status ended_;     // Not OK: why nobody is asked any more.
  uint64_t next_ = 1;
  std::map<uint64_t, std::shared_ptr<Call>> calls_;
  std::map<uint64_t, std::weak_ptr<Stream>> streams_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::cluster
