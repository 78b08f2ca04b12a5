// How errors are answered.
#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "api/errors.h"
#include "apiserver/http/answer.h"

namespace skiff::apiserver::http {
namespace {

// Keeps the answer.
class Kept final : public Exchange {
 public:
  const Request& request() const override { return request_; }
  const TlsSession* tls() const override { return nullptr; }
  void Send(Response response) override { response_ = std::move(response); }
  void Start(Response) override {}
  bool Write(std::vector<std::shared_ptr<const std::string>>) override { return true; }
  void Finish() override {}
  void OnClose(std::function<void()>) override {}

  const Response& response() const { return *response_; }
  std::string Header(const std::string& name) const {
    for (const auto& [key, value] : response_->headers) {
      if (key == name) return value;
    }
    return "";
  }

 private:
  Request request_;
  std::optional<Response> response_;
};

TEST_CASE("AnErrorThatPassesSaysWhenToTryAgain") {
  Kept exchange;
  SendError(exchange, api::TooManyRequests("64 MiB of writes wait", 3));
  CHECK(exchange.response().status == 429);
  CHECK(exchange.Header("Retry-After") == "3");
  CHECK_THAT(*exchange.response().body.at(0), Catch::Contains("\"retryAfterSeconds\":3"));
}

TEST_CASE("AFullDiskIsNotToBeTriedAgain") {
  Kept exchange;
  SendError(exchange, absl::ResourceExhaustedError("the disk is full"));
  CHECK(exchange.Header("Retry-After").empty());
  CHECK_THAT(*exchange.response().body.at(0), Catch::Contains("the disk is full"));
}

}  // namespace
}  // namespace skiff::apiserver::http
