#include "cluster/any_member.h"

#include <utility>

namespace skiff::cluster {

absl::Status UnreachableMembers() {
  return absl::UnavailableError("no member of the control plane can be reached");
}
absl::Status GoneMember() {
  return absl::UnavailableError("the member of the control plane that was asked is gone");
}

namespace {

absl::Status MaybeDone() {
  return absl::DeadlineExceededError(
      "the member of the control plane that was asked is gone; the write may yet be done");
}

}  // namespace

template <typename T>
struct AnyMember::CallFor final : Call {
  // Asked of one after the other; a write only once.
  absl::AnyInvocable<void(const Place&, client::Callback<T>)> ask;
  bool again = false;
  Executor* reply_on = nullptr;
  client::Callback<T> done;

  void Reply(absl::StatusOr<T> result) {
    reply_on->Post([done = std::move(done), result = std::move(result)]() mutable {
      std::move(done)(std::move(result));
    });
  }
  void OnGone(AnyMember* self) override {
    if (!again) return Reply(MaybeDone());
    self->Ask<T>(std::move(ask), again, reply_on, std::move(done));
  }
  void OnEnd(const absl::Status& why) override { Reply(why); }
};

struct AnyMember::Stream {
  int member = 0;
  Executor* reply_on = nullptr;
  client::WatchSink sink;
  std::unique_ptr<client::Watch> inner;
  bool over = false;

  void End(absl::Status why) {
    inner.reset();
    if (std::exchange(over, true)) return;
    const auto on_end = sink.on_end;  // It may destroy the watch.
    on_end(std::move(why));
  }
};

class AnyMember::Handle final : public client::Watch {
 public:
  explicit Handle(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~Handle() override {
    stream_->over = true;
    stream_->inner.reset();
  }

 private:
  const std::shared_ptr<Stream> stream_;
};

AnyMember::~AnyMember() { *alive_ = false; }

void AnyMember::Add(int member, apiserver::Server* server, Executor* loop) {
  places_[member] = {server, loop};
}

void AnyMember::Remove(int member, const absl::Status& why) {
  if (places_.erase(member) == 0) return;
  std::vector<std::shared_ptr<Call>> gone;
  for (auto it = calls_.begin(); it != calls_.end();) {
    if (it->second->member != member) {
      ++it;
      continue;
    }
    gone.push_back(std::move(it->second));
    it = calls_.erase(it);
  }
  for (const std::shared_ptr<Call>& call : gone) call->OnGone(this);
  for (auto it = streams_.begin(); it != streams_.end();) {
    const std::shared_ptr<Stream> stream = it->second.lock();
    if (stream != nullptr && stream->member != member) {
      ++it;
      continue;
    }
    it = streams_.erase(it);
    if (stream == nullptr) continue;
    stream->inner.reset();
    stream->reply_on->Post([stream, why] { stream->End(why); });
  }
}

void AnyMember::End(const absl::Status& why) {
  ended_ = why;
  for (const auto& [number, call] : std::exchange(calls_, {})) call->OnEnd(why);
}

template <typename T>
void AnyMember::Ask(std::shared_ptr<CallFor<T>> call) {
  if (!ended_.ok()) return call->Reply(ended_);
  if (places_.empty()) return call->Reply(UnreachableMembers());
  auto place = places_.find(current_);
  if (place == places_.end()) {
    place = places_.upper_bound(current_);
    if (place == places_.end()) place = places_.begin();
    current_ = place->first;
  }
  call->member = current_;
  const uint64_t number = next_++;
  calls_[number] = call;
  call->ask(place->second, [this, alive = alive_, number,
                            weak = std::weak_ptr<CallFor<T>>(call)](absl::StatusOr<T> result) {
    // Else it was answered, or asked of another, when its member went.
    if (!*alive || calls_.count(number) == 0) return;
    const std::shared_ptr<CallFor<T>> answered = weak.lock();
    calls_.erase(number);
    answered->Reply(std::move(result));
  });
}

template <typename T, typename F>
void AnyMember::Ask(F ask, bool again, Executor* reply_on, client::Callback<T> done) {
  auto call = std::make_shared<CallFor<T>>();
  call->ask = std::move(ask);
  call->again = again;
  call->reply_on = reply_on;
  call->done = std::move(done);
  Ask(std::move(call));
}

void AnyMember::Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
                    Executor* reply_on, client::Callback<api::ObjectPtr> done) {
  Ask(
      [&resource, name_space = std::move(name_space), name = std::move(name)](const Place& place,
                                                                              auto answer) {
        place.server->Get(resource, name_space, name, place.loop, std::move(answer));
      },
      /*again=*/true, reply_on, std::move(done));
}

void AnyMember::List(const api::ResourceInfo& resource, client::ListOptions options,
                     Executor* reply_on, client::Callback<client::ListResult> done) {
  Ask(
      [&resource, options = std::move(options)](const Place& place, auto answer) {
        place.server->List(resource, options, place.loop, std::move(answer));
      },
      /*again=*/true, reply_on, std::move(done));
}

void AnyMember::Commit(std::vector<client::Write> writes, Executor* reply_on,
                       client::Callback<client::WriteResult> done) {
  Ask(
      [writes = std::move(writes)](const Place& place, auto answer) mutable {
        place.server->Commit(std::move(writes), place.loop, std::move(answer));
      },
      /*again=*/false, reply_on, std::move(done));
}

std::unique_ptr<client::Watch> AnyMember::StartWatch(const api::ResourceInfo& resource,
                                                     client::WatchOptions options,
                                                     Executor* reply_on, client::WatchSink sink) {
  auto stream = std::make_shared<Stream>();
  stream->reply_on = reply_on;
  stream->sink = std::move(sink);
  if (places_.empty()) {
    reply_on->Post([stream] { stream->End(UnreachableMembers()); });
    return std::make_unique<Handle>(stream);
  }
  auto place = places_.upper_bound(last_watched_);
  if (place == places_.end()) place = places_.begin();
  last_watched_ = stream->member = place->first;
  std::erase_if(streams_, [](const auto& entry) { return entry.second.expired(); });
  streams_[next_++] = stream;
  // A member that is behind waits until it has what the watch begins at.
  const Place at = place->second;
  at.server->Fresh(at.loop, [at, &resource, options = std::move(options),
                             stream](const absl::Status& fresh) mutable {
    if (stream->over) return;
    if (!fresh.ok()) {
      stream->reply_on->Post([stream, fresh] { stream->End(fresh); });
      return;
    }
    stream->inner =
        at.server->StartWatch(resource, std::move(options), stream->reply_on,
                              {[stream](std::vector<client::WatchEvent> events) {
                                 if (!stream->over) stream->sink.on_events(std::move(events));
                               },
                               [stream](absl::Status why) { stream->End(std::move(why)); }});
  });
  return std::make_unique<Handle>(stream);
}

}  // namespace skiff::cluster
