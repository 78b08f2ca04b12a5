#include "raft/peer_transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/notification.h"
#include "base/unique_fd.h"
#include "raft/message_codec.h"
#include "raft/peer_address.h"

namespace skiff::raft {
namespace {

constexpr uint64_t kCluster = 0xc1;

TlsIdentity Authority(const std::string& name) { return *MakeAuthority(name); }

// Made once: keys take time.
const TlsIdentity& Ours() {
  static const auto* const ca = new TlsIdentity(Authority("ours"));
  return *ca;
}

class Lines final : public LogSink {
 public:
  void Write(LogLevel, absl::string_view, absl::string_view message) override {
    MutexLock lock(&mutex_);
    lines_.emplace_back(message);
  }
  int Count(const std::string& text) {
    MutexLock lock(&mutex_);
    return static_cast<int>(std::count_if(lines_.begin(), lines_.end(), [&](const auto& line) {
      return absl::StrContains(line, text);
    }));
  }
  std::string All() {
    MutexLock lock(&mutex_);
    std::string out;
    for (const std::string& line : lines_) absl::StrAppend(&out, line, "\n");
    return out;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> lines_;
};

// A member with a loop of its own.
class Member {
 public:
  explicit Member(
      MemberId id, absl::FunctionRef<void(PeerOptions*)> change = [](PeerOptions*) {})
      : id_(id) {
    options_.id = id;
    options_.cluster_id = kCluster;
    options_.listen = "127.0.0.1:0";
    options_.identity = *IssueCertificate(Ours(), {.common_name = absl::StrCat("member-", id)},
                                          SystemClock().Now());
    options_.authorities_pem = Ours().certificate_pem;
    options_.redial_min = absl::Milliseconds(5);
    options_.redial_max = absl::Milliseconds(50);
    change(&options_);
    Open();
  }
  ~Member() { transport_.reset(); }

  void Open() {
    auto transport =
        PeerTransport::Listen(&loop_, &pool_, options_, Logger(log_, "raft"), &metrics_);
    INFO(transport.status());
    REQUIRE(transport.ok());
    transport_ = *std::move(transport);
    options_.listen = transport_->address();
    On([this] {
      transport_->Start([this](Message message) {
        MutexLock lock(&mutex_);
        got_.push_back(message.context);
      });
    });
  }
  void Shut() { transport_.reset(); }

  void On(std::function<void()> work) {
    Notification done;
    loop_.Post([&] {
      work();
      done.Notify();
    });
    done.WaitForNotification();
  }
  void Knows(std::vector<const Member*> others) {
    std::map<MemberId, std::string> peers{{id_, address()}};
    for (const Member* other : others) peers[other->id_] = other->address();
    On([&] { transport_->SetPeers(peers); });
  }
  const std::string& address() const { return options_.listen; }

  Message To(MemberId to, uint64_t number, size_t bulk = 0) {
    Message message{.type = bulk != 0 ? MessageType::kSnapshotChunk : MessageType::kHeartbeat};
    message.from = id_;
    message.to = to;
    message.context = number;
    message.data = std::string(bulk, 'x');
    return message;
  }
  void Send(MemberId to, uint64_t number) {
    On([&] { transport_->Send(To(to, number)); });
  }
  void SendMembers(MemberId to, uint64_t number) {
    Message message = To(to, number);
    message.type = MessageType::kMembers;
    On([&] { transport_->Send(message); });
  }
  std::vector<uint64_t> Got() {
    MutexLock lock(&mutex_);
    return got_;
  }
  bool ConnectedTo(MemberId id) {
    bool connected = false;
    On([&] { connected = transport_->ConnectedTo(id); });
    return connected;
  }

  // Whether it comes true within half a minute.
  bool Eventually(const std::function<bool()>& condition) {
    const absl::Duration end = loop_.clock().Monotonic() + absl::Seconds(30);
    while (!condition()) {
      if (loop_.clock().Monotonic() > end) return false;
      Notification later;
      loop_.PostAfter(absl::Milliseconds(2), [&] { later.Notify(); });
      later.WaitForNotification();
    }
    return true;
  }
  bool Connects(MemberId id) {
    return Eventually([&] { return ConnectedTo(id); });
  }
  bool Says(const std::string& text) {
    const bool said = Eventually([&] { return log_->Count(text) != 0; });
    INFO(log_->All());
    CHECK(said);
    return said;
  }

  const MemberId id_;
  PeerOptions options_;
  const std::shared_ptr<Lines> log_ = std::make_shared<Lines>();
  Metrics metrics_;
  UvExecutor loop_{"member"};
  ThreadPool pool_{1};
  Mutex mutex_;
  std::vector<uint64_t> got_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<PeerTransport> transport_;
};

UniqueFd Connect(const std::string& address) {
  const sockaddr_storage to = NumericAddress(*SplitHostPort(address)).front();
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(sockaddr_in)) == 0);
  const timeval bound{.tv_sec = 30};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  return fd;
}

// Whether the other side ends the connection, whatever it says before.
bool Ends(int fd) {
  char bytes[4096];
  while (true) {
    const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n == 0) return true;
    if (n < 0) return errno == ECONNRESET;
  }
}

// One with a good certificate who says what no member would.
class Impostor {
 public:
  explicit Impostor(const Member& victim)
      : fd_(Connect(victim.address())),
        session_(*TlsContext::Make({TlsOptions::Role::kClient, victim.options_.identity,
                                    victim.options_.authorities_pem})) {
    while (!session_.established() && Turn()) {
    }
    REQUIRE(session_.established());
  }

  void Say(FrameKind kind, const std::string& payload) {
    REQUIRE(session_.Write(EncodeFrame(kind, payload)).ok());
    Flush();
  }
  Frame Hear() {
    while (true) {
      absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
      REQUIRE(frame.ok());
      if (frame->has_value()) return **std::move(frame);
      REQUIRE(Turn());
    }
  }
  bool Ends() {
    while (Turn()) {
    }
    return true;
  }

 private:
  void Flush() {
    const std::string out = session_.TakeOutput();
    send(fd_.get(), out.data(), out.size(), MSG_NOSIGNAL);
  }
  bool Turn() {
    Flush();
    char bytes[4096];
    const ssize_t n = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    std::string plaintext;
    const absl::Status status =
        session_.Feed(absl::string_view(bytes, static_cast<size_t>(n)), &plaintext);
    reader_.Feed(plaintext);
    return status.ok();
  }

  const UniqueFd fd_;
  TlsSession session_;
  FrameReader reader_{kMaxFrameBytes};
};

Hello HelloTo(MemberId to) {
  Hello hello;
  hello.cluster_id = kCluster;
  hello.from = 2;
  hello.to = to;
  return hello;
}

int OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<int>(std::distance(begin(files), end(files)));
}

TEST_CASE("MembersExchangeMessagesInOrder") {
  Member a(1), b(2), c(3);
  a.Knows({&b, &c});
  b.Knows({&a, &c});
  c.Knows({&a, &b});
  for (Member* from : {&a, &b, &c}) {
    for (const Member* to : {&a, &b, &c}) {
      if (from != to) REQUIRE(from->Connects(to->id_));
    }
  }
  std::vector<uint64_t> sent;
  for (uint64_t n = 0; n < 1000; ++n) sent.push_back(n);
  a.On([&] {
    for (const uint64_t n : sent) a.transport_->Send(a.To(2, n));
  });
  CHECK(b.Eventually([&] { return b.Got().size() >= 1000; }));
  CHECK(b.Got() == sent);
  b.Send(3, 7);
  c.Send(1, 8);
  CHECK(c.Eventually([&] { return c.Got() == std::vector<uint64_t>{7}; }));
  CHECK(a.Eventually([&] { return a.Got() == std::vector<uint64_t>{8}; }));
  CHECK(
      absl::StrContains(a.metrics_.Text(), "skiff_raft_peer_sent_messages_total{peer=\"2\"} 1000"));
  CHECK(absl::StrContains(b.metrics_.Text(),
                          "skiff_raft_peer_received_messages_total{peer=\"1\"} 1000"));
}

TEST_CASE("ALargeMessageArrivesWhole") {
  Member a(1), b(2);
  a.Knows({&b});
  b.Knows({&a});
  REQUIRE(a.Connects(2));
  std::string got;
  Notification arrived;
  b.On([&] {
    b.transport_->Start([&](Message message) {
      got = message.entries.at(0).data;
      arrived.Notify();
    });
  });
  std::string sent(5 << 20, '\0');
  Rng rng(1);
  for (char& c : sent) c = static_cast<char>(rng.Next());
  a.On([&] {
    Message message{.type = MessageType::kAppend, .from = 1, .to = 2};
    message.entries.push_back({1, 1, EntryType::kData, sent});
    a.transport_->Send(message);
  });
  arrived.WaitForNotification();
  CHECK(got == sent);
}

TEST_CASE("AHostNameIsLookedUp") {
  Member a(1), b(2);
  b.Knows({&a});
  const int port = SplitHostPort(b.address())->port;
  a.On([&] { a.transport_->SetPeers({{2, absl::StrCat("localhost:", port)}}); });
  CHECK(a.Connects(2));
}

TEST_CASE("AMemberOfAnotherAuthorityIsRefused") {
  const TlsIdentity theirs = Authority("theirs");
  Member a(1);
  Member b(2, [&](PeerOptions* options) {
    options->identity = *IssueCertificate(theirs, {.common_name = "member-2"}, SystemClock().Now());
  });
  a.Knows({&b});
  b.Knows({&a});
  CHECK(a.Says("to member 2 at " + b.address() + ": it is a member of another cluster"));
  CHECK(a.Says("(TLS handshake: the other side's certificate is refused"));
  CHECK(b.Says("to member 1 at " + a.address() + ": it is a member of another cluster"));
  CHECK_FALSE(a.ConnectedTo(2));
  CHECK_FALSE(b.ConnectedTo(1));
}

TEST_CASE("AMemberOfAnotherClusterIsRefused") {
  Member a(1);
  Member b(2, [](PeerOptions* options) { options->cluster_id = 0xc2; });
  a.Knows({&b});
  b.Knows({&a});
  CHECK(a.Says("member 2 belongs to cluster c2, member 1 to cluster c1"));
  CHECK(a.Says("it refuses this member: member 1 belongs to cluster c1, member 2 to cluster c2"));
  CHECK_FALSE(a.ConnectedTo(2));
  CHECK_FALSE(b.ConnectedTo(1));
}

TEST_CASE("ACertificateSpeaksForItsOwnMemberOnly") {
  const auto insist = [](PeerOptions* options) {
    options->common_name = [](MemberId id) { return absl::StrCat("member-", id); };
  };
  Member a(1, insist), b(2, insist);
  Member c(3, [](PeerOptions* options) {
    options->identity = *IssueCertificate(Ours(), {.common_name = "member-2"}, SystemClock().Now());
  });
  a.Knows({&b, &c});
  b.Knows({&a});
  c.Knows({&a});
  CHECK(a.Connects(2));
  CHECK(b.Connects(1));
  CHECK(a.Says("to member 3 at " + c.address() + ": its certificate is for \"member-2\""));
  CHECK(c.Says("it refuses this member: its certificate is for \"member-2\""));
  CHECK_FALSE(c.ConnectedTo(1));
}

TEST_CASE("AStrangerIsRefusedUntilItIsAPeerAndAgainWhenItIsNoMore") {
  Member a(1), b(2);
  b.Knows({&a});
  CHECK(b.Says("it refuses this member: member 2 is not among those that member 1 knows"));
  a.Knows({&b});
  REQUIRE(b.Connects(1));
  REQUIRE(a.Connects(2));
  a.Knows({});
  CHECK(b.Eventually([&] { return !b.ConnectedTo(1); }));
  a.Knows({&b});
  REQUIRE(b.Connects(1));
  b.Send(1, 5);
  CHECK(a.Eventually([&] { return a.Got() == std::vector<uint64_t>{5}; }));
}

TEST_CASE("OneThatIsNoPeerIsHeardOnlyAboutWhoTheMembersAre") {
  const auto insist = [](PeerOptions* options) {
    options->common_name = [](MemberId id) { return absl::StrCat("member-", id); };
  };
  Member a(1, insist), b(2, insist);
  b.Knows({&a});
  REQUIRE(b.Connects(1));
  b.Send(1, 5);
  b.SendMembers(1, 6);
  CHECK(a.Eventually([&] { return a.Got() == std::vector<uint64_t>{6}; }));
  a.Knows({&b});
  REQUIRE(a.Connects(2));
  CHECK(a.Eventually([&] {
    b.Send(1, 7);
    return a.Got().back() == 7;
  }));
}

TEST_CASE("AMemberThatDiedIsDialedUntilItIsBack") {
  Member a(1), b(2);
  a.Knows({&b});
  b.Knows({&a});
  REQUIRE(a.Connects(2));
  for (uint64_t round = 1; round <= 3; ++round) {
    b.Shut();
    REQUIRE(a.Eventually([&] { return !a.ConnectedTo(2); }));
    a.Send(2, 99);  // Dropped: it must not arrive later.
    b.Open();
    b.Knows({&a});
    REQUIRE(a.Connects(2));
    a.Send(2, round);
    REQUIRE(b.Eventually([&] { return b.Got().size() == round; }));
  }
  CHECK(b.Got() == std::vector<uint64_t>{1, 2, 3});
}

TEST_CASE("AProblemThatStaysIsSaidOnce") {
  UniqueFd dead(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof any;
  REQUIRE(bind(dead.get(), reinterpret_cast<sockaddr*>(&any), size) == 0);
  REQUIRE(listen(dead.get(), 16) == 0);
  getsockname(dead.get(), reinterpret_cast<sockaddr*>(&any), &size);
  Member a(1);
  const std::string address = absl::StrCat("127.0.0.1:", ntohs(any.sin_port));
  a.On([&] { a.transport_->SetPeers({{2, address}}); });
  for (int i = 0; i < 10; ++i) {
    UniqueFd fd(accept(dead.get(), nullptr, nullptr));
    char bytes[4096];
    REQUIRE(recv(fd.get(), bytes, sizeof bytes, 0) > 0);
    shutdown(fd.get(), SHUT_WR);
    Ends(fd.get());
  }
  INFO(a.log_->All());
  CHECK(a.log_->Count("to member 2 at " + address) == 1);
}

TEST_CASE("AFullQueueDropsWhatComesAfter") {
  Member a(1, [](PeerOptions* options) {
    options->queue.messages = 100;
    options->queue.bulk_bytes = 1000;
  });
  Member b(2);
  a.Knows({&b});
  b.Knows({&a});
  REQUIRE(a.Connects(2));
  a.On([&] {
    CHECK(a.transport_->BulkRoom(2) == 1000);
    CHECK(a.transport_->BulkRoom(3) == 0);
    for (uint64_t n = 0; n < 1000; ++n) a.transport_->Send(a.To(2, n));
    a.transport_->Send(a.To(2, 1000, 1000));
    CHECK(a.transport_->BulkRoom(2) == 0);
    a.transport_->Send(a.To(2, 1001, 1));
  });
  REQUIRE(b.Eventually([&] { return !b.Got().empty() && b.Got().back() == 1000; }));
  CHECK(b.Got().size() == 101);
  CHECK(absl::StrContains(a.metrics_.Text(),
                          "skiff_raft_peer_dropped_messages_total{peer=\"2\"} 901"));
}

TEST_CASE("BulkDoesNotHoldUpAHeartbeat") {
  Member a(1, [](PeerOptions* options) { options->queue.bulk_bytes = 20 << 20; });
  Member b(2);
  a.Knows({&b});
  b.Knows({&a});
  REQUIRE(a.Connects(2));
  std::vector<uint64_t> order;
  Notification all;
  b.On([&] {
    b.transport_->Start([&](Message message) {
      order.push_back(message.context);
      if (message.context == 1) a.loop_.Post([&] { a.transport_->Send(a.To(2, 1000)); });
      if (message.context == 100) all.Notify();
    });
  });
  a.On([&] {
    for (uint64_t n = 1; n <= 100; ++n) a.transport_->Send(a.To(2, n, 100 << 10));
  });
  all.WaitForNotification();
  const auto at = std::find(order.begin(), order.end(), 1000) - order.begin();
  INFO("the heartbeat came after " << at << " of 100 chunks");
  CHECK(at < 50);
  CHECK(order.size() == 101);
}

TEST_CASE("GarbageIsRefusedAndHarmsNobody") {
  Member a(1), b(2);
  a.Knows({&b});
  b.Knows({&a});
  REQUIRE(a.Connects(2));
  Rng rng(1);
  for (int i = 0; i < 20; ++i) {
    const UniqueFd fd = Connect(b.address());
    std::string bytes(1 + rng.Below(5000), '\0');
    for (char& c : bytes) c = static_cast<char>(rng.Next());
    if (i == 0) bytes = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    shutdown(fd.get(), SHUT_WR);
    CHECK(Ends(fd.get()));
  }
  CHECK(b.Says("a connection from 127.0.0.1"));
  CHECK(b.log_->Count("a connection from 127.0.0.1") <= 8);
  a.Send(2, 1);
  CHECK(b.Eventually([&] { return b.Got() == std::vector<uint64_t>{1}; }));
}

TEST_CASE("AMemberOfAnotherVersionOrLookingForAnotherIsToldWhy") {
  Member a(1), b(2);
  a.Knows({&b});
  Hello hello = HelloTo(1);
  hello.min_version = kNewestVersion + 1;
  hello.max_version = kNewestVersion + 2;
  Impostor later(a);
  later.Say(FrameKind::kHello, EncodeHello(hello));
  const Frame refusal = later.Hear();
  CHECK(refusal.kind == FrameKind::kRefusal);
  CHECK(refusal.payload ==
        "member 2 understands versions 3 to 4, member 1 versions 1 to 2: start member 1 with the "
        "newer program");
  CHECK(later.Ends());
  Impostor lost(a);
  lost.Say(FrameKind::kHello, EncodeHello(HelloTo(7)));
  CHECK(lost.Hear().payload == "member 2 looks for member 7, this is member 1");
  // A later version that still speaks this one is welcome.
  hello.min_version = 1;
  Impostor both(a);
  both.Say(FrameKind::kHello, EncodeHello(hello));
  const Frame welcome = both.Hear();
  CHECK(welcome.kind == FrameKind::kWelcome);
  CHECK(DecodeWelcome(welcome.payload)->version == kNewestVersion);
}

TEST_CASE("MembersOfTwoVersionsSpeakTheNewestOfBoth") {
  const auto older = [](PeerOptions* options) { options->newest_version = 1; };
  Member a(1), b(2, older);
  a.Knows({&b});
  b.Knows({&a});
  REQUIRE(a.Connects(2));
  REQUIRE(b.Connects(1));
  a.Send(2, 1);
  b.Send(1, 2);
  CHECK(b.Eventually([&] { return b.Got() == std::vector<uint64_t>{1}; }));
  CHECK(a.Eventually([&] { return a.Got() == std::vector<uint64_t>{2}; }));
  a.On([&] {
    CHECK(a.transport_->VersionOf(1) == 2);
    CHECK(a.transport_->VersionOf(2) == 1);
    CHECK(a.transport_->VersionOf(3) == 0);
  });
  // The same member, brought up to date.
  b.Shut();
  b.options_.newest_version = 2;
  b.Open();
  b.Knows({&a});
  a.On([&] { CHECK(a.transport_->VersionOf(2) == 1); });
  CHECK(a.Eventually([&] {
    uint32_t version = 0;
    a.On([&] { version = a.transport_->VersionOf(2); });
    return version == 2;
  }));
}

TEST_CASE("AMemberThatIsTooOldForTheLogIsRefusedBothWaysAndToldWhatToDo") {
  const auto older = [](PeerOptions* options) { options->newest_version = 1; };
  Member a(1), b(2, older), c(3);
  a.Knows({&b, &c});
  b.Knows({&a});
  c.Knows({&a});
  REQUIRE(a.Connects(2));
  REQUIRE(b.Connects(1));
  REQUIRE(c.Connects(1));
  a.On([&] { a.transport_->RequireVersion(2); });
  const std::string why =
      "member 2 understands versions 1 to 1, member 1 versions 2 to 2 as the log of the cluster is "
      "of version 2: start member 2 with the newer program";
  CHECK(a.Says(why));
  CHECK(b.Says("it refuses this member: " + why));
  CHECK(b.Says("member 1 understands versions 2 to 2, member 2 versions 1 to 1: start member 2"));
  CHECK_FALSE(a.ConnectedTo(2));
  CHECK(c.ConnectedTo(1));
}

TEST_CASE("AMemberThatSpeaksForOthersOrNonsenseIsCutOff") {
  Member a(1), b(2), c(3);
  a.Knows({&b, &c});
  const auto say = [&](FrameKind kind, const std::string& payload) {
    Impostor impostor(a);
    impostor.Say(FrameKind::kHello, EncodeHello(HelloTo(1)));
    CHECK(impostor.Hear().kind == FrameKind::kWelcome);
    impostor.Say(kind, payload);
    CHECK(impostor.Ends());
  };
  say(FrameKind::kMessage, EncodeMessage(c.To(1, 5), kNewestVersion));
  CHECK(a.Says("from member 2: a message from member 3 to member 1"));
  say(FrameKind::kMessage, "nonsense");
  CHECK(a.Says("from member 2: malformed message between members"));
  say(FrameKind::kHello, EncodeHello(HelloTo(1)));
  CHECK(a.Says("from member 2: a greeting among messages"));
  Impostor early(a);
  early.Say(FrameKind::kMessage, EncodeMessage(b.To(1, 5), kNewestVersion));
  CHECK(early.Ends());
  Impostor large(a);
  large.Say(FrameKind::kHello, std::string(kMaxGreetingBytes + 1, 'x'));
  CHECK(large.Ends());
  CHECK(a.Got().empty());
}

TEST_CASE("AClientThatSaysNothingIsDropped") {
  Member a(1, [](PeerOptions* options) { options->handshake_time = absl::Milliseconds(50); });
  const UniqueFd fd = Connect(a.address());
  CHECK(Ends(fd.get()));
  CHECK(a.Says("a connection from 127.0.0.1: no greeting within 50ms"));
}

TEST_CASE("ManyClientsThatSayNothingDoNotKeepAMemberOut") {
  Member a(1), b(2);
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(Connect(a.address()));
  CHECK(Ends(silent.front().get()));
  a.Knows({&b});
  b.Knows({&a});
  CHECK(b.Connects(1));
}

TEST_CASE("ATransportMayEndWithinItsReceiverAndLeavesNothingBehind") {
  const int before = OpenFiles();
  {
    Member a(1), b(2);
    a.Knows({&b});
    b.Knows({&a});
    REQUIRE(a.Connects(2));
    REQUIRE(b.Connects(1));
    int calls = 0;
    b.On([&] {
      b.transport_->Start([&](Message) {
        ++calls;
        b.transport_.reset();
      });
    });
    a.On([&] {
      for (uint64_t n = 0; n < 10; ++n) a.transport_->Send(a.To(2, n));
    });
    CHECK(a.Eventually([&] { return !a.ConnectedTo(2); }));
    b.On([] {});
    CHECK(calls == 1);
  }
  CHECK(OpenFiles() == before);
}

TEST_CASE("AnAddressInUseOrWrongIsSaid") {
  Member a(1);
  PeerOptions options = a.options_;
  const auto listen = [&](const std::string& address) {
    options.listen = address;
    return PeerTransport::Listen(&a.loop_, &a.pool_, options, Logger(), &a.metrics_).status();
  };
  CHECK(listen(a.address()).code() == absl::StatusCode::kAlreadyExists);
  CHECK(listen("nonsense").message() ==
        "member address \"nonsense\": want HOST:PORT, such as 10.0.0.1:2380");
  CHECK(listen("example.com:1").code() == absl::StatusCode::kInvalidArgument);
  CHECK(listen("::1:1").code() == absl::StatusCode::kInvalidArgument);
  options.authorities_pem = "nonsense";
  CHECK(listen("127.0.0.1:0").code() == absl::StatusCode::kInvalidArgument);
  CHECK(SplitHostPort("[::1]:80")->host == "::1");
}

}  // namespace
}  // namespace skiff::raft
