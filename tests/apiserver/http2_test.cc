// HTTP/2 through real TLS, by a client made of nghttp2.
#include <nghttp2/nghttp2.h>

#include <cstring>
#include <map>

#include "base/certificate.h"
#include "tests/apiserver/http_fixture.h"

namespace skiff::apiserver::http {
namespace {

constexpr char kMaps[] = "/api/v1/namespaces/default/configmaps";

class Http2Client {
 public:
  struct Answer {
    int status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
    bool ended = false;
    uint32_t error = NGHTTP2_NO_ERROR;
  };

  explicit Http2Client(ServedApi* api, const TlsContext& context) : raw_(api->port()) {
    REQUIRE(raw_.StartTls(context, ""));
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
           const uint8_t* value, size_t value_size, uint8_t, void* self) {
          Answer& answer = Self(self)->answers_[frame->hd.stream_id];
          const std::string key(reinterpret_cast<const char*>(name), name_size);
          const std::string text(reinterpret_cast<const char*>(value), value_size);
          if (key == ":status") answer.status = std::stoi(text);
          answer.headers[key] = text;
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
          Self(self)->answers_[id].body.append(reinterpret_cast<const char*>(data), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t id, uint32_t error, void* self) {
          Self(self)->answers_[id].ended = true;
          Self(self)->answers_[id].error = error;
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Http2Client() { nghttp2_session_del(session_); }

  int32_t Begin(const std::string& method, const std::string& path, std::string body = "",
                const std::map<std::string, std::string>& more = {}) {
    std::map<std::string, std::string> fields = {
        {":method", method}, {":path", path}, {":scheme", "https"}, {":authority", "test"}};
    fields.insert(more.begin(), more.end());
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      list.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    nghttp2_data_provider provider{};
    bodies_.push_back(std::make_unique<std::string>(std::move(body)));
    provider.source.ptr = bodies_.back().get();
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* buffer, size_t size,
                                uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
      auto* rest = static_cast<std::string*>(source->ptr);
      const size_t taken = std::min(size, rest->size());
      std::memcpy(buffer, rest->data(), taken);
      rest->erase(0, taken);
      if (rest->empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(taken);
    };
    const bool has_body = !bodies_.back()->empty();
    return nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                  has_body ? &provider : nullptr, nullptr);
  }
  void GiveUp(int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    Send();
  }
  bool Send() {
    const uint8_t* bytes = nullptr;
    ssize_t size = 0;
    while ((size = nghttp2_session_mem_send(session_, &bytes)) > 0) {
      if (!raw_.Send({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)})) {
        return false;
      }
    }
    return true;
  }
  // Sends and takes until `enough`; false if the server closes first.
  bool RunUntil(const std::function<bool()>& enough) {
    while (Send() && !enough()) {
      const std::string bytes = raw_.TakeSome();
      if (bytes.empty()) return enough();
      if (nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                   bytes.size()) < 0) {
        return false;
      }
    }
    return enough();
  }
  Answer& Await(int32_t id) {
    CHECK(RunUntil([&] { return answers_[id].ended; }));
    return answers_[id];
  }
  Answer& Ask(const std::string& method, const std::string& path, std::string body = "",
              const std::map<std::string, std::string>& more = {}) {
    return Await(Begin(method, path, std::move(body), more));
  }
  Answer& answer(int32_t id) { return answers_[id]; }

 private:
  static Http2Client* Self(void* client) { return static_cast<Http2Client*>(client); }

  RawClient raw_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Answer> answers_;
  std::vector<std::unique_ptr<std::string>> bodies_;
};

struct Http2Api {
  Http2Api() {
    authority = *MakeAuthority("test");
    TlsOptions server;
    server.identity = *IssueCertificate(authority, {.common_name = "server"}, absl::UnixEpoch());
    server.authorities_pem = authority.certificate_pem;
    server.protocols = {kHttp2, kHttp1};
    TlsOptions own;
    own.role = TlsOptions::Role::kClient;
    own.identity = *IssueCertificate(
        authority, {.common_name = "root", .organizations = {"system:masters"}}, absl::UnixEpoch());
    own.authorities_pem = authority.certificate_pem;
    own.protocols = {kHttp2};
    client.emplace(*TlsContext::Make(own));
    api = std::make_unique<ServedApi>(ConnectionLimits(), nullptr, "127.0.0.1:0",
                                      *TlsContext::Make(server));
  }
  TlsIdentity authority;
  std::optional<TlsContext> client;
  std::unique_ptr<ServedApi> api;
};

std::string Map(const std::string& name, const std::string& value) {
  return absl::StrCat(R"({"metadata":{"name":")", name, R"("},"data":{"k":")", value, "\"}}");
}

TEST_CASE("RequestsOfOneConnectionAreAnsweredSideBySide") {
  Http2Api served;
  Http2Client client(served.api.get(), *served.client);
  CHECK(client.Ask("GET", "/livez").body == "ok");
  const int32_t watch = client.Begin("GET", absl::StrCat(kMaps, "?watch=1"));
  std::vector<int32_t> asked;
  for (int i = 0; i < 50; ++i) {
    asked.push_back(client.Begin("POST", kMaps, Map(absl::StrCat("m", i), "v"),
                                 {{"content-type", "application/json"}}));
  }
  for (const int32_t id : asked) CHECK(client.Await(id).status == 201);
  const std::string last = R"("name":"m49")";
  CHECK(client.RunUntil([&] { return absl::StrContains(client.answer(watch).body, last); }));
  CHECK_FALSE(client.answer(watch).ended);
  CHECK(client.answer(watch).headers["content-type"] == "application/json");
  client.GiveUp(watch);
  const auto& list = client.Ask("GET", kMaps);
  CHECK(list.headers.at("content-length") == absl::StrCat(list.body.size()));
}

TEST_CASE("ALargeBodyGoesThroughTheWindowsBothWays") {
  Http2Api served;
  Http2Client client(served.api.get(), *served.client);
  const std::string large(900 << 10, 'x');
  for (int i = 0; i < 4; ++i) {
    CHECK(client.Ask("POST", kMaps, Map(absl::StrCat("m", i), large)).status == 201);
  }
  CHECK(client.Ask("GET", kMaps).body.size() > 4 * large.size());
  const auto& head = client.Ask("HEAD", kMaps);
  CHECK(head.status == 200);
  CHECK(head.body.empty());
}

TEST_CASE("WhatIsTooLargeIsRefusedAndTheConnectionGoesOn") {
  Http2Api served;
  Http2Client client(served.api.get(), *served.client);
  const auto& body = client.Ask("POST", kMaps, std::string(5 << 20, ' '));
  CHECK(body.status == 413);
  CHECK(absl::StrContains(body.body, "RequestEntityTooLarge"));
  std::map<std::string, std::string> many;  // Each counts 32 bytes more than it has.
  for (int i = 0; i < 1800; ++i) many[absl::StrCat("h", i)] = "v";
  const auto& headers = client.Ask("GET", kMaps, "", many);
  CHECK(headers.status == 431);
  CHECK(client.Ask("GET", "nowhere").status != 200);
  CHECK(client.Ask("GET", "/livez").status == 200);
}

TEST_CASE("WhoGivesUpRequestAfterRequestIsCutOff") {
  Http2Api served;
  Http2Client client(served.api.get(), *served.client);
  bool open = true;
  for (int i = 0; i < 3000 && open; ++i) {
    const int32_t id = client.Begin("GET", absl::StrCat(kMaps, "?watch=1"));
    open = id > 0 && client.Send();
    if (open) client.GiveUp(id);
    if (i % 100 != 99 || !open) continue;
    // It may be while this is asked that the connection is cut.
    const int32_t asked = client.Begin("GET", "/livez");
    open = asked > 0 && client.RunUntil([&] { return client.answer(asked).ended; }) &&
           client.answer(asked).status == 200;
  }
  CHECK_FALSE(open);
  Http2Client other(served.api.get(), *served.client);
  CHECK(other.Ask("GET", "/livez").status == 200);
}

TEST_CASE("ClosingTheServerEndsStreamsProperly") {
  Http2Api served;
  Http2Client client(served.api.get(), *served.client);
  const int32_t watch = client.Begin("GET", absl::StrCat(kMaps, "?watch=1"));
  CHECK(client.RunUntil([&] { return client.answer(watch).status == 200; }));
  served.api->Close();
  CHECK(client.Await(watch).error == NGHTTP2_NO_ERROR);
}

}  // namespace
}  // namespace skiff::apiserver::http
