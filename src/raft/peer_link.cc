#include "raft/peer_link.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::raft {
namespace {

// Of one write. What waits meanwhile, a heartbeat say, waits for so much at most.
constexpr size_t kBatchBytes = 512 << 10;
// A connection that lasted this long was a good one.
constexpr absl::Duration kLasting = absl::Seconds(1);

std::map<std::string, std::string> Labels(MemberId id) { return {{"peer", absl::StrCat(id)}}; }

// What another wrote, fit for a log.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return absl::ascii_iscntrl(c); }, '?');
  return text;
}

}  // namespace

PeerLink::PeerLink(std::shared_ptr<PeerShared> shared, MemberId id, std::string address)
    : shared_(std::move(shared)),
      id_(id),
      address_(std::move(address)),
      about_(absl::StrCat("to member ", id, " at ", address_)),
      queue_(shared_->options.queue),
      sent_messages_(shared_->metrics->Counter("skiff_raft_peer_sent_messages_total",
                                               "Raft messages sent to a member", Labels(id))),
      sent_bytes_(shared_->metrics->Counter("skiff_raft_peer_sent_bytes_total",
                                            "Bytes sent to a member, before encryption",
                                            Labels(id))),
      dropped_messages_(shared_->metrics->Counter(
          "skiff_raft_peer_dropped_messages_total",
          "Raft messages to a member that were dropped for want of a connection or of room",
          Labels(id))),
      connected_(shared_->metrics->Gauge("skiff_raft_peer_connected",
                                         "1 while messages to a member can be sent", Labels(id))) {
  Dial();
}

PeerLink::~PeerLink() {
  *alive_ = false;
  shared_->executor->Cancel(timer_);
  if (connection_) connection_->Close();
  dropped_messages_.Increment(static_cast<double>(queue_.Clear()));
  connected_.Set(0);
}

void PeerLink::Send(const Message& message) {
  if (!ready_ || !queue_.Push(message)) dropped_messages_.Increment();
}

void PeerLink::Flush() {
  if (!ready_ || !connection_->idle()) return;
  const SendQueue::Batch batch = queue_.Take(kBatchBytes);
  if (batch.frames.empty()) return;
  sent_messages_.Increment(static_cast<double>(batch.messages));
  sent_bytes_.Increment(static_cast<double>(batch.frames.size()));
  connection_->Write(batch.frames);
}

void PeerLink::Heard() {
  if (timer_ == 0) return;
  shared_->executor->Cancel(timer_);
  DialAfter(shared_->options.redial_min);
}

void PeerLink::Dial() {
  ++dials_;
  const absl::StatusOr<HostPort> where = SplitHostPort(address_);
  if (!where.ok()) return shared_->problems.Wrong(about_, std::string(where.status().message()));
  const std::vector<sockaddr_storage> numeric = NumericAddress(*where);
  if (!numeric.empty()) return DialOne(numeric);
  shared_->pool->Run([this, alive = alive_, executor = shared_->executor, where = *where] {
    executor->Post([this, alive, addresses = ResolveBlocking(where)] {
      if (!*alive) return;
      if (addresses.ok()) {
        DialOne(*addresses);
      } else {
        Lost(addresses.status());
      }
    });
  });
}

void PeerLink::DialOne(const std::vector<sockaddr_storage>& addresses) {
  reader_ = FrameReader(kMaxGreetingBytes);
  // Each in turn: some may lead nowhere.
  connection_ = PeerConnection::Dial(
      shared_, addresses[dials_ % addresses.size()],
      {.established = [this] { OnEstablished(); },
       .received = [this](absl::string_view plaintext) { OnReceived(plaintext); },
       .written = [this] { Flush(); },
       .ended = [this](const absl::Status& why) { Lost(why); }});
}

void PeerLink::OnEstablished() {
  const absl::Status status = shared_->CheckName(id_, connection_->peer_common_name());
  if (!status.ok()) {
    connection_->Leave();
    return Lost(status);
  }
  Hello hello;
  hello.min_version = shared_->required_version;
  hello.max_version = shared_->options.newest_version;
  hello.cluster_id = shared_->options.cluster_id;
  hello.from = shared_->options.id;
  hello.to = id_;
  connection_->Write(EncodeFrame(FrameKind::kHello, EncodeHello(hello)));
}

void PeerLink::OnReceived(absl::string_view plaintext) {
  reader_.Feed(plaintext);
  absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
  if (frame.ok() && !frame->has_value()) return;
  const absl::Status status = frame.ok() ? OnAnswer(**frame) : frame.status();
  if (status.ok()) return;
  connection_->Leave();
  Lost(status);
}

absl::Status PeerLink::OnAnswer(const Frame& frame) {
  if (ready_) return absl::DataLossError("it speaks where it should only listen");
  if (frame.kind == FrameKind::kRefusal) {
    return absl::PermissionDeniedError(
        absl::StrCat("it refuses this member: ", OneLine(frame.payload)));
  }
  if (frame.kind != FrameKind::kWelcome)
    return absl::DataLossError("it does not answer a greeting");
  SKIFF_ASSIGN_OR_RETURN(const Welcome welcome, DecodeWelcome(frame.payload));
  if (welcome.version < kOldestVersion || welcome.version > shared_->options.newest_version) {
    return absl::DataLossError(
        absl::StrCat("it chose version ", welcome.version, ", which was not offered"));
  }
  SKIFF_ASSIGN_OR_RETURN(version_, shared_->AgreeOnVersion(id_, welcome.version, welcome.version));
  queue_.Speak(version_);
  connection_->Settle();
  ready_ = true;
  ready_since_ = shared_->executor->clock().Monotonic();
  connected_.Set(1);
  shared_->problems.Right(about_, "connected");
  return absl::OkStatus();
}

void PeerLink::RequireVersion(uint32_t version) {
  if (!ready_ || version_ >= version) return;
  connection_->Leave();
  Lost(shared_->AgreeOnVersion(id_, version_, version_).status());
}

void PeerLink::Lost(const absl::Status& why) {
  connection_ = nullptr;
  if (std::exchange(ready_, false)) {
    connected_.Set(0);
    dropped_messages_.Increment(static_cast<double>(queue_.Clear()));
    if (shared_->executor->clock().Monotonic() - ready_since_ >= kLasting) failures_ = 0;
  }
  shared_->problems.Wrong(about_, absl::StrCat(why.message(), "; trying again"));
  const PeerOptions& options = shared_->options;
  const absl::Duration pause =
      std::min(options.redial_max, options.redial_min * std::exp2(std::min(failures_++, 30)));
  // At random within the upper half, so that those who lost each other at once do not meet for
  // ever.
  DialAfter(pause * (0.5 + shared_->executor->rng().Unit() / 2));
}

void PeerLink::DialAfter(absl::Duration pause) {
  timer_ = shared_->executor->PostAfter(pause, [this] {
    timer_ = 0;
    Dial();
  });
}

}  // namespace skiff::raft
