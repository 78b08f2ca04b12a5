// Events: what happened to an object, for people. Best effort: an event that cannot be written is
// dropped.
//
//   recorder.Record(*pod, "Normal", "Started", "Started container web");
//
// Threads: its executor's.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "client/client.h"

namespace skiff::client {

class EventRecorder {
 public:
  // `component` says who speaks, `host` on which node.
  EventRecorder(Client* client, Executor* executor, std::string component, std::string host = "");
  ~EventRecorder();

  // The same event again within ten minutes counts up the one that is there.
  void Record(const api::Object& about, absl::string_view type, absl::string_view reason,
              const std::string& message, std::string field_path = "");

 private:
  struct Recent {
    std::string key;  // Object, reason and message.
    absl::Time last;
    api::ObjectPtr stored;  // Null until the API has it.
    int pending = 0;        // Repeats since.
    bool in_flight = false;
  };
  void Send(const std::shared_ptr<Recent>& recent, std::unique_ptr<corev1::Event> event,
            bool create);
  void CountUp(const std::shared_ptr<Recent>& recent);

  Client* const client_;
  Executor* const executor_;
  const std::string component_;
  const std::string host_;
  std::deque<std::shared_ptr<Recent>> recent_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::client
