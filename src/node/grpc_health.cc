#include "node/grpc_health.h"

#include "absl/strings/str_cat.h"

namespace skiff::node {
namespace {

// Frame types and flags (RFC 9113, section 6).
constexpr int kData = 0;
constexpr int kHeaders = 1;
constexpr int kResetStream = 3;
constexpr int kSettings = 4;
constexpr int kGoAway = 7;
constexpr int kEndStream = 1;
constexpr int kEndHeaders = 4;
constexpr int kPadded = 8;

constexpr size_t kFrameHead = 9;
constexpr size_t kMaxFrame = 1 << 20;

// A gRPC message: not compressed, four bytes of length.
constexpr size_t kMessageHead = 5;

std::string Frame(int type, int flags, int stream, absl::string_view payload) {
  std::string out;
  const auto byte = [&](size_t value) { out.push_back(static_cast<char>(value & 0xff)); };
  byte(payload.size() >> 16);
  byte(payload.size() >> 8);
  byte(payload.size());
  byte(static_cast<size_t>(type));
  byte(static_cast<size_t>(flags));
  for (int shift = 24; shift >= 0; shift -= 8) byte(static_cast<size_t>(stream) >> shift);
  return absl::StrCat(out, payload);
}

// HPACK (RFC 7541): an integer with a prefix of seven bits, and a string without Huffman coding.
void AppendString(absl::string_view text, std::string* out) {
  size_t size = text.size();
  if (size < 127) {
    out->push_back(static_cast<char>(size));
  } else {
    out->push_back(127);
    for (size -= 127; size >= 128; size >>= 7) out->push_back(static_cast<char>(size | 0x80));
    out->push_back(static_cast<char>(size));
  }
  out->append(text.data(), text.size());
}

// A literal field without indexing, its name written out (section 6.2.2).
void AppendField(absl::string_view name, absl::string_view value, std::string* out) {
  out->push_back(0);
  AppendString(name, out);
  AppendString(value, out);
}

size_t Byte(absl::string_view bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }

}  // namespace

std::string HealthRequest(absl::string_view authority, absl::string_view service) {
  std::string headers;
  AppendField(":method", "POST", &headers);
  AppendField(":scheme", "http", &headers);
  AppendField(":path", "/grpc.health.v1.Health/Check", &headers);
  AppendField(":authority", authority, &headers);
  AppendField("content-type", "application/grpc", &headers);
  AppendField("te", "trailers", &headers);
  AppendField("user-agent", "kube-probe/1.35", &headers);
  // HealthCheckRequest: field 1 is the service's name.
  std::string request;
  if (!service.empty()) {
    request.push_back(0x0a);
    size_t size = service.size();
    for (; size >= 128; size >>= 7) request.push_back(static_cast<char>(size | 0x80));
    request.push_back(static_cast<char>(size));
    request.append(service.data(), service.size());
  }
  std::string message(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    message.push_back(static_cast<char>(request.size() >> shift & 0xff));
  }
  message += request;
  return absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Frame(kSettings, 0, 0, ""),
                      Frame(kHeaders, kEndHeaders, 1, headers),
                      Frame(kData, kEndStream, 1, message));
}

void HealthReader::Feed(absl::string_view bytes) {
  pending_.append(bytes.data(), bytes.size());
  while (!done_ && pending_.size() >= kFrameHead) {
    const size_t size = Byte(pending_, 0) << 16 | Byte(pending_, 1) << 8 | Byte(pending_, 2);
    if (size > kMaxFrame) {
      done_ = true;
      return;
    }
    if (pending_.size() < kFrameHead + size) return;
    const int stream = static_cast<int>((Byte(pending_, 5) & 0x7f) << 24 | Byte(pending_, 6) << 16 |
                                        Byte(pending_, 7) << 8 | Byte(pending_, 8));
    OnFrame(static_cast<int>(Byte(pending_, 3)), static_cast<int>(Byte(pending_, 4)), stream,
            absl::string_view(pending_).substr(kFrameHead, size));
    pending_.erase(0, kFrameHead + size);
  }
}

void HealthReader::OnFrame(int type, int flags, int stream, absl::string_view payload) {
  if (type == kGoAway) done_ = true;
  if (stream != 1) return;
  if (type == kResetStream) reset_ = true;
  if (type == kHeaders) answered_ = true;
  if (type == kData) {
    const size_t padding = (flags & kPadded) != 0 && !payload.empty() ? Byte(payload, 0) + 1 : 0;
    const size_t before = padding > 0 ? 1 : 0;
    if (payload.size() >= padding) {
      const absl::string_view data = payload.substr(before, payload.size() - padding);
      message_.append(data.data(), data.size());
    }
  }
  const bool whole = message_.size() >= kMessageHead &&
                     message_.size() >= kMessageHead + (Byte(message_, 3) << 8 | Byte(message_, 4));
  done_ = done_ || reset_ || whole ||
          ((type == kData || type == kHeaders) && (flags & kEndStream) != 0);
}

absl::Status HealthReader::Verdict() const {
  if (message_.size() < kMessageHead) {
    // An error comes as headers alone: most often the service has no health check.
    return absl::UnavailableError(
        answered_ ? "error: this server does not implement the grpc health protocol "
                    "(grpc.health.v1.Health)"
                  : "error: the server did not answer the health check");
  }
  // HealthCheckResponse: field 1, a varint; absent is UNKNOWN.
  const absl::string_view body = absl::string_view(message_).substr(kMessageHead);
  const size_t status = body.size() >= 2 && body[0] == 0x08 ? Byte(body, 1) : 0;
  if (status == 1) return absl::OkStatus();
  static constexpr const char* kNames[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return absl::UnavailableError(absl::StrCat("service unhealthy (responded with \"",
                                             status < 4 ? kNames[status] : "UNKNOWN", "\")"));
}

}  // namespace skiff::node
