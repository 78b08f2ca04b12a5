#include "cluster/log_stream.h"

#include "absl/strings/str_cat.h"
#include "base/notification.h"
#include "base/status.h"
#include "cluster/await.h"

namespace skiff::cluster {
namespace {

// Destroys the stream on its loop, and waits, so that no callback runs afterwards.
class LogSubscription final : public Subscription {
 public:
  LogSubscription(Executor* loop, std::unique_ptr<client::LogStream> stream,
                  std::shared_ptr<bool> open)
      : loop_(loop), stream_(std::move(stream)), open_(std::move(open)) {}
  ~LogSubscription() override {
    struct Gate {
      Notification passed;
    };
    struct Opener {
      std::shared_ptr<Gate> gate;
      ~Opener() {
        if (gate != nullptr) gate->passed.Notify();
      }
    };
    auto gate = std::make_shared<Gate>();
    auto opener = std::make_unique<Opener>();
    opener->gate = gate;
    loop_->Post([stream = std::move(stream_), open = open_, opener = std::move(opener)]() mutable {
      *open = false;
      stream.reset();
    });
    gate->passed.WaitForNotification();
  }

 private:
  Executor* const loop_;
  std::unique_ptr<client::LogStream> stream_;
  std::shared_ptr<bool> open_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Subscription>> StartLogs(Objects& objects,
                                                        client::NodeDirectory* nodes,
                                                        Executor* loop, const LogQuery& query,
                                                        std::function<void(std::string)> on_data,
                                                        std::function<void(absl::Status)> on_end) {
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr found,
                         objects.Get({"pods", query.name_space, query.pod}));
  const auto& pod = found->As<corev1::Pod>();
  if (pod.spec().node_name().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("pod ", query.pod, " does not have a host assigned"));
  }
  client::NodeApi* node = nodes->Find(pod.spec().node_name());
  if (node == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("node ", pod.spec().node_name(), " cannot be reached"));
  }
  client::LogOptions options;
  options.container = query.container;
  if (options.container.empty()) {
    if (pod.spec().containers_size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("a container name must be specified for pod ", query.pod));
    }
    options.container = pod.spec().containers(0).name();
  }
  options.follow = query.follow;
  options.previous = query.previous;
  options.tail_lines = query.tail_lines;
  options.offset_bytes = query.offset_bytes;
  auto open = std::make_shared<bool>(true);
  client::LogSink sink;
  sink.on_data = [open, on_data = std::move(on_data)](std::string data) {
    if (*open) on_data(std::move(data));
  };
  sink.on_end = [open, on_end = std::move(on_end)](absl::Status status) {
    if (std::exchange(*open, false)) on_end(std::move(status));
  };
  auto stream = Await<std::unique_ptr<client::LogStream>>(
      loop, [&](client::Callback<std::unique_ptr<client::LogStream>> started) {
        node->StreamLogs(query.name_space, query.pod, std::move(options), loop, std::move(sink),
                         std::move(started));
      });
  SKIFF_RETURN_IF_ERROR(stream.status());
  return std::make_unique<LogSubscription>(loop, *std::move(stream), std::move(open));
}

}  // namespace skiff::cluster
