#include "apiserver/http/parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace skiff::apiserver::http {

namespace beast = boost::beast;
using beast::http::error;

class RequestParser::Beast final : public beast::http::basic_parser<true> {
 public:
  Request request;
  bool begun = false;
  bool expects_continue = false;
  bool no_host = false;
  beast::error_code failure;

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, beast::error_code& ec) override {
    request.method = std::string(method);
    request.version = version;
    if (!ReadTarget(absl::string_view(target.data(), target.size()), &request)) {
      ec = error::bad_target;
    }
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    std::string& slot =
        request.headers[absl::AsciiStrToLower(absl::string_view(name.data(), name.size()))];
    if (!slot.empty()) slot += ", ";
    slot.append(value.data(), value.size());
  }
  void on_header_impl(beast::error_code& ec) override {
    // RFC 9112 section 3.2.
    no_host = request.version >= 11 && !request.headers.contains("host");
    if (no_host) ec = error::bad_field;
    expects_continue = absl::EqualsIgnoreCase(request.Header("expect"), "100-continue");
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& size, beast::error_code&) override {
    if (size) request.body.reserve(static_cast<size_t>(*size));
  }
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                 beast::error_code&) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override { request.keep_alive = keep_alive(); }
};

RequestParser::RequestParser(ParserLimits limits)
    : limits_(limits), beast_(std::make_unique<Beast>()) {
  Begin();
}

void RequestParser::Begin() {
  beast_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  beast_->body_limit(limits_.body_bytes);
  beast_->eager(true);
}

RequestParser::~RequestParser() = default;

RequestParser::State RequestParser::Feed(absl::string_view bytes, size_t* used) {
  *used = 0;
  if (!bytes.empty()) beast_->begun = true;
  while (!beast_->is_done()) {
    beast::error_code ec;
    const absl::string_view rest = bytes.substr(*used);
    if (rest.empty()) break;
    const size_t n = beast_->put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
    *used += n;
    if (ec == error::need_more) break;
    if (ec) {
      beast_->failure = ec;
      return State::kFailed;
    }
    if (n == 0) break;
  }
  if (beast_->is_done()) return State::kDone;
  // Beast wants whole headers at once; what it did not take must be offered again with more.
  if (!beast_->is_header_done() && bytes.size() - *used > limits_.header_bytes) {
    beast_->failure = error::header_limit;
    return State::kFailed;
  }
  if (beast_->is_header_done() && std::exchange(beast_->expects_continue, false)) {
    return State::kExpectContinue;
  }
  return State::kMore;
}

Request RequestParser::TakeRequest() {
  Request out = std::move(beast_->request);
  // Where the last one was: a parser is of use once.
  std::destroy_at(beast_.get());
  std::construct_at(beast_.get());
  Begin();
  return out;
}

int RequestParser::error_status() const {
  if (beast_->failure == error::header_limit) return 431;
  if (beast_->failure == error::body_limit) return 413;
  return 400;
}

std::string RequestParser::error_text() const {
  switch (error_status()) {
    case 431:
      return absl::StrCat("the request's headers are too large: limit is ", limits_.header_bytes,
                          " bytes");
    case 413:
      return absl::StrCat("limit is ", limits_.body_bytes, " bytes");
    default:
      return absl::StrCat("malformed HTTP request: ",
                          beast_->no_host ? "it has no Host header" : beast_->failure.message());
  }
}

bool RequestParser::started() const { return beast_->begun; }

bool RequestParser::in_body() const { return beast_->is_header_done(); }

bool PercentDecode(absl::string_view text, bool plus_is_space, std::string* out) {
  out->clear();
  out->reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out->push_back(' ');
    } else if (text[i] != '%') {
      out->push_back(text[i]);
    } else {
      if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
          !absl::ascii_isxdigit(text[i + 2])) {
        return false;
      }
      const char byte =
          static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      if (byte == '\0') return false;
      out->push_back(byte);
      i += 2;
    }
  }
  return true;
}

bool ReadTarget(absl::string_view target, Request* request) {
  target = target.substr(0, target.find('#'));
  const size_t mark = target.find('?');
  if (mark != absl::string_view::npos) request->query = ParseQuery(target.substr(mark + 1));
  return !target.empty() && target[0] == '/' &&
         PercentDecode(target.substr(0, mark), /*plus_is_space=*/false, &request->path);
}

std::vector<std::pair<std::string, std::string>> ParseQuery(absl::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const absl::string_view part : absl::StrSplit(text, '&', absl::SkipEmpty())) {
    const size_t equals = part.find('=');
    std::string key;
    std::string value;
    if (!PercentDecode(part.substr(0, equals), true, &key)) continue;
    if (equals != absl::string_view::npos) PercentDecode(part.substr(equals + 1), true, &value);
    out.emplace_back(std::move(key), std::move(value));
  }
  return out;
}

}  // namespace skiff::apiserver::http
