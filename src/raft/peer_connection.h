// One TCP connection under TLS, dialed or accepted, and what all connections of a transport share.
//
// Threads: the loop's.
#pragma once

#include <uv.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "raft/peer_address.h"
#include "raft/peer_transport.h"

namespace skiff::raft {

class PeerConnection;

// Says what is wrong once, until it is right again.
class ProblemLog {
 public:
  explicit ProblemLog(Logger logger) : logger_(std::move(logger)) {}
  // `about`: whom it concerns.
  void Wrong(const std::string& about, const std::string& text);
  void Right(const std::string& about, const std::string& text);
  // Right again, which is said elsewhere.
  void Forget(const std::string& about) { said_.erase(about); }

 private:
  const Logger logger_;
  std::map<std::string, std::set<std::string>> said_;
};

struct PeerShared {
  PeerShared(UvExecutor* executor, WorkPool* pool, PeerOptions options, const Logger& logger,
             Metrics* metrics, TlsContext server, TlsContext client)
      : executor(executor),
        pool(pool),
        options(std::move(options)),
        problems(logger),
        strangers(logger),
        metrics(metrics),
        server(std::move(server)),
        client(std::move(client)) {}

  // Whether a certificate for `common_name` may speak for member `id`. kUnauthenticated.
  absl::Status CheckName(MemberId id, const std::string& common_name) const;
  // The newest version that this member and `id`, which understands [min, max], both understand.
  // kFailedPrecondition: none that the log would do with, and what is to be done.
  absl::StatusOr<uint32_t> AgreeOnVersion(MemberId id, uint32_t min, uint32_t max) const;

  UvExecutor* const executor;
  WorkPool* const pool;
  const PeerOptions options;
  ProblemLog problems;   // With peers.
  ProblemLog strangers;  // Apart, so that they cannot fill that of the peers.
  Metrics* const metrics;
  const TlsContext server;
  const TlsContext client;
  uint32_t required_version = kOldestVersion;  // By the log.
  // Every connection whose socket is open; this is what owns them.
  std::set<std::shared_ptr<PeerConnection>> connections;
};

class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  // None is called after Close or Leave, or after `ended`, which is called once. Any may call them.
  struct Events {
    std::function<void()> established;  // TLS is; Write may be called.
    std::function<void(absl::string_view plaintext)> received;
    std::function<void()> written;  // The kernel has taken it all.
    std::function<void(const absl::Status& why)> ended;
  };

  static std::shared_ptr<PeerConnection> Dial(const std::shared_ptr<PeerShared>& shared,
                                              const sockaddr_storage& address, Events events);
  // Null: it was gone already.
  static std::shared_ptr<PeerConnection> Accept(const std::shared_ptr<PeerShared>& shared,
                                                uv_stream_t* listener, Events events);

  PeerConnection(const std::shared_ptr<PeerShared>& shared, bool accepted, Events events);

  void Write(absl::string_view plaintext);
  // Whether everything written has been taken by the kernel.
  bool idle() const { return !writing_; }
  // The greeting is done: there is no time limit any more.
  void Settle();
  // At once.
  void Close();
  // When the other side has read what was written, or does not.
  void Leave();

  const std::string& peer_common_name() const { return session_.peer_common_name(); }
  const std::string& peer_ip() const { return peer_ip_; }

 private:
  struct Output;

  void Begin();
  void OnConnect(int status);
  void OnRead(ssize_t n);
  void Flush();
  void OnWritten(int status);
  void End(const absl::Status& why);
  void EndLater(const absl::Status& why);
  void FinishLeaving();
  void LimitTime(absl::Duration time, absl::string_view what);
  void SetSocketOptions();

  const std::shared_ptr<PeerShared> shared_;
  Events events_;
  TlsSession session_;
  uv_tcp_t tcp_;
  uv_connect_t connect_;
  uv_shutdown_t shutdown_;
  std::string peer_ip_;
  Executor::TimerId timer_ = 0;
  bool writing_ = false;
  bool begun_ = false;  // TCP is connected.
  bool told_established_ = false;
  bool quiet_ = false;    // No more events.
  bool leaving_ = false;  // What is still to be written is written, what comes is not read.
  bool shut_ = false;
  bool closed_ = false;
  size_t discarded_bytes_ = 0;
  char read_buffer_[64 << 10];
};

}  // namespace skiff::raft
