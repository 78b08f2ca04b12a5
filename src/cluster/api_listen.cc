#include "cluster/api_listen.h"

#include <arpa/inet.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cluster/secret_file.h"

namespace skiff::cluster {
namespace {

bool IsLoopback(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "localhost" || host == "::1";
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListen(const std::string& listen) {
  ListenAddress out;
  absl::string_view text = listen;
  if (absl::StartsWith(text, "unix:")) return ListenAddress{true, listen, ""};
  out.in_the_clear = absl::ConsumePrefix(&text, "http://");
  if (!out.in_the_clear) absl::ConsumePrefix(&text, "https://");
  out.address = std::string(text);
  absl::string_view host = text.substr(0, text.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  out.host = host.empty() ? "0.0.0.0" : std::string(host);
  if (!out.in_the_clear || IsLoopback(out.host)) return out;
  return absl::InvalidArgumentError(absl::StrCat(
      "listen address \"", listen, "\": without TLS the host must be 127.0.0.1 or another of this ",
      "machine's own, since whoever reaches it is the admin; leave out http:// to serve with TLS"));
}

absl::StatusOr<apiserver::Authenticator> ReadTokens(const std::string& path) {
  const auto text = ReadWholeFile(path);
  if (!text.ok()) {
    return absl::NotFoundError(absl::StrCat("the token file ", path, " cannot be read"));
  }
  auto tokens = apiserver::Authenticator::FromTokenFile(*text);
  if (tokens.ok()) return tokens;
  return absl::InvalidArgumentError(
      absl::StrCat("the token file ", path, ", ", tokens.status().message()));
}

}  // namespace skiff::cluster
