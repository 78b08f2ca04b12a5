// Turns the asynchronous Client into answers for a caller that may block.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/notification.h"
#include "client/client.h"
#include "cluster/virtual_time.h"

namespace skiff::cluster {

// Calls `start` with a callback and blocks until it was called, on `loop` if that is not null. Only
// in virtual time may this be its thread.
template <typename T>
absl::StatusOr<T> Await(Executor* loop, absl::FunctionRef<void(client::Callback<T>)> start) {
  struct Slot {
    Notification done;
    std::optional<absl::StatusOr<T>> result;
  };
  // Shared: a callback that is dropped by a stopping loop must not leave the caller waiting.
  struct Finisher {
    explicit Finisher(std::shared_ptr<Slot> s) : slot(std::move(s)) {}
    ~Finisher() {
      if (!slot->result) slot->result.emplace(absl::UnavailableError("the cluster is closing"));
      slot->done.Notify();
    }
    std::shared_ptr<Slot> slot;
  };
  auto slot = std::make_shared<Slot>();
  auto finisher = std::make_unique<Finisher>(slot);
  start([finisher = std::move(finisher)](absl::StatusOr<T> result) {
    finisher->slot->result.emplace(std::move(result));
  });
  if (VirtualTime::OnDriver() && loop != nullptr && loop->InLoop()) {
    // All of the cluster runs on this very thread: its next tasks bring the answer.
    VirtualTime::PumpUntil([&] { return slot->result.has_value(); });
    if (!slot->result.has_value()) {
      return absl::UnavailableError("the answer has not come in a day of virtual time");
    }
  }
  slot->done.WaitForNotification();
  return *std::move(slot->result);
}

}  // namespace skiff::cluster
