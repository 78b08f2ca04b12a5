// What members say to one another inside TLS, as bytes: frames of at most 256 KiB, of which many
// make a long message, so that bulk never holds up anything else for longer than one of them.
//
//   frame: length of the payload (4 bytes, big endian), kind (1 byte), payload
//
// One side dials and says kHello; the other answers kWelcome or kRefusal; from then on only the
// dialer speaks.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "raft/types.h"

namespace skiff::raft {

inline constexpr size_t kMaxFrameBytes = 256 << 10;   // Of payload.
inline constexpr size_t kMaxGreetingBytes = 1 << 10;  // The same, of kHello and its answers.
inline constexpr size_t kMaxMessageBytes = 64 << 20;  // Encoded.

enum class FrameKind : uint8_t {
  kHello = 1,
  kWelcome = 2,
  kRefusal = 3,      // A text for the log.
  kMessage = 4,      // All of a message, or its last part.
  kMessagePart = 5,  // More parts follow.
  kBulk = 6,         // The same for bulk, whose parts may be among those of the others.
  kBulkPart = 7,
};

struct Frame {
  FrameKind kind;
  std::string payload;
};

struct Hello {
  uint32_t min_version = kOldestVersion;  // The least that the log may need.
  uint32_t max_version = kNewestVersion;
  uint64_t cluster_id = 0;
  MemberId from = 0;
  MemberId to = 0;  // Whom the dialer believes to have reached.
};

struct Welcome {
  uint32_t version = kOldestVersion;  // Spoken from now on.
};

std::string EncodeFrame(FrameKind kind, absl::string_view payload);
std::string EncodeHello(const Hello& hello);                   // A payload, as all below.
absl::StatusOr<Hello> DecodeHello(absl::string_view payload);  // kDataLoss.
std::string EncodeWelcome(const Welcome& welcome);
absl::StatusOr<Welcome> DecodeWelcome(absl::string_view payload);  // kDataLoss.

// Finds the frames in a stream of bytes.
class FrameReader {
 public:
  // No payload may be longer than `max_bytes`.
  explicit FrameReader(size_t max_bytes) : max_bytes_(max_bytes) {}
  void Allow(size_t max_bytes) { max_bytes_ = max_bytes; }

  void Feed(absl::string_view bytes);
  // None: it has not come whole. kDataLoss: too long, or of an unknown kind; then for ever.
  absl::StatusOr<std::optional<Frame>> Next();

 private:
  size_t max_bytes_;
  std::string bytes_;
  size_t taken_ = 0;
};

// Puts messages together again from the frames of their parts.
class MessageAssembler {
 public:
  void Expect(uint32_t version) { version_ = version; }
  // The message of which `frame` was the last part. kDataLoss: too long, malformed, or no message.
  absl::StatusOr<std::optional<Message>> Add(Frame frame);

 private:
  uint32_t version_ = kOldestVersion;
  std::string message_;
  std::string bulk_;
};

struct SendLimits {
  size_t messages = 4096;  // Waiting, bulk apart.
  size_t bytes = 64 << 20;
  size_t bulk_bytes = 4 << 20;  // Of `data`.
};

// What waits to be sent to one member: in order, but bulk only while nothing else waits.
class SendQueue {
 public:
  explicit SendQueue(SendLimits limits) : limits_(limits) {}

  // What follows is encoded in `version`.
  void Speak(uint32_t version) { version_ = version; }
  // False: there was no room or it is of a later version, the message is dropped.
  bool Push(const Message& message);
  size_t BulkRoom() const { return limits_.bulk_bytes - bulk_bytes_; }

  struct Batch {
    std::string frames;   // Empty: nothing waits.
    size_t messages = 0;  // That end in it.
  };
  // Frames of about `bytes`, or a single piece of bulk.
  Batch Take(size_t bytes);
  // Forgets everything; how many messages that were.
  size_t Clear();

 private:
  struct Waiting {
    std::string bytes;
    size_t counted = 0;  // Against its limit.
    size_t sent = 0;
  };
  // Appends the next frame of `waiting`; whether it was the last.
  static bool TakeFrame(Waiting* waiting, size_t most, FrameKind last, FrameKind part,
                        std::string* out);

  const SendLimits limits_;
  uint32_t version_ = kOldestVersion;
  std::deque<Waiting> messages_;
  std::deque<Waiting> bulk_;
  size_t message_bytes_ = 0;
  size_t bulk_bytes_ = 0;
};

}  // namespace skiff::raft
