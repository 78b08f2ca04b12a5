// What every answer has in common, whichever way it travels: it is given once, and whoever gives it
// learns when nobody can take it any more.
//
// Threads: the server's loop.
#pragma once

#include <functional>
#include <utility>

#include "apiserver/http/message.h"

namespace skiff::apiserver::http {

class ReplyBase : public Exchange {
 public:
  const Request& request() const final { return request_; }

  void OnClose(std::function<void()> callback) final {
    if (gone_) {
      callback();
    } else if (!done_) {
      on_close_ = std::move(callback);
    }
  }

  bool streaming() const { return started_ && !over(); }

  // The client is.
  void Gone() {
    if (!std::exchange(gone_, true) && !done_) TellGiver();
  }

 protected:
  explicit ReplyBase(Request request) : request_(std::move(request)) {}

  bool over() const { return done_ || gone_; }
  void TellGiver() {
    if (on_close_) std::exchange(on_close_, nullptr)();
  }

  const Request request_;
  size_t queued_limit_ = 0;  // Of a streamed answer.
  bool started_ = false;     // A streamed answer's head is on its way.
  bool done_ = false;        // All of it was given.

 private:
  std::function<void()> on_close_;
  bool gone_ = false;
};

}  // namespace skiff::apiserver::http
