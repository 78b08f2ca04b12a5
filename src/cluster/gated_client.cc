#include "cluster/gated_client.h"

#include <utility>

namespace skiff::cluster {
namespace {

absl::Status Unreachable() { return absl::UnavailableError("the API server cannot be reached"); }

template <typename T>
void Refuse(Executor* reply_on, client::Callback<T> done) {
  reply_on->Post([done = std::move(done)]() mutable { std::move(done)(Unreachable()); });
}

}  // namespace

// Of one watch; its loop's.
struct GatedClient::Sink {
  Executor* loop;
  client::WatchSink sink;
  bool over = false;

  void End(absl::Status why) {
    if (std::exchange(over, true)) return;
    const auto on_end = sink.on_end;  // It may destroy the watch.
    on_end(std::move(why));
  }
};

class GatedClient::Handle final : public client::Watch {
 public:
  Handle(std::shared_ptr<Sink> sink, std::unique_ptr<client::Watch> inner)
      : sink_(std::move(sink)), inner_(std::move(inner)) {}
  ~Handle() override { sink_->over = true; }

 private:
  const std::shared_ptr<Sink> sink_;
  const std::unique_ptr<client::Watch> inner_;
};

void GatedClient::Cut(bool cut) {
  std::vector<std::weak_ptr<Sink>> ended;
  {
    MutexLock lock(&mutex_);
    cut_ = cut;
    if (cut) ended.swap(open_);
  }
  for (const std::weak_ptr<Sink>& each : ended) {
    const auto sink = each.lock();
    if (sink != nullptr) sink->loop->Post([sink] { sink->End(Unreachable()); });
  }
}

void GatedClient::Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
                      Executor* reply_on, client::Callback<api::ObjectPtr> done) {
  if (cut()) return Refuse(reply_on, std::move(done));
  inner_->Get(resource, std::move(name_space), std::move(name), reply_on, std::move(done));
}

void GatedClient::List(const api::ResourceInfo& resource, client::ListOptions options,
                       Executor* reply_on, client::Callback<client::ListResult> done) {
  if (cut()) return Refuse(reply_on, std::move(done));
  inner_->List(resource, std::move(options), reply_on, std::move(done));
}

void GatedClient::Commit(std::vector<client::Write> writes, Executor* reply_on,
                         client::Callback<client::WriteResult> done) {
  if (cut()) return Refuse(reply_on, std::move(done));
  inner_->Commit(std::move(writes), reply_on, std::move(done));
}

std::unique_ptr<client::Watch> GatedClient::StartWatch(const api::ResourceInfo& resource,
                                                       client::WatchOptions options,
                                                       Executor* reply_on, client::WatchSink sink) {
  auto state = std::make_shared<Sink>();
  state->loop = reply_on;
  state->sink = std::move(sink);
  bool cut = false;
  {
    MutexLock lock(&mutex_);
    cut = cut_;
    std::erase_if(open_, [](const auto& each) { return each.expired(); });
    if (!cut) open_.push_back(state);
  }
  if (cut) {
    reply_on->Post([state] { state->End(Unreachable()); });
    return std::make_unique<Handle>(state, nullptr);
  }
  auto inner = inner_->StartWatch(resource, std::move(options), reply_on,
                                  {[state](std::vector<client::WatchEvent> events) {
                                     if (!state->over) state->sink.on_events(std::move(events));
                                   },
                                   [state](absl::Status why) { state->End(std::move(why)); }});
  return std::make_unique<Handle>(state, std::move(inner));
}

}  // namespace skiff::cluster
