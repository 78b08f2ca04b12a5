#include "apiserver/auth/authenticator.h"

#include <openssl/sha.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

UserPtr MakeUser(std::string name, std::vector<std::string> groups, std::string uid = "") {
  auto user = std::make_shared<User>();
  user->name = std::move(name);
  user->uid = std::move(uid);
  user->groups = std::move(groups);
  return user;
}

// Looked up by its hash, a token tells nothing by how long the look-up takes.
std::string Hash(absl::string_view token) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

// The fields of a line of CSV (RFC 4180); nothing if a quote is not closed.
std::vector<std::string> Fields(absl::string_view line) {
  std::vector<std::string> out = {""};
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      out.back() += line[i++];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += line[i];
    }
  }
  if (quoted) out.clear();
  return out;
}

}  // namespace

absl::StatusOr<Authenticator> Authenticator::FromTokenFile(absl::string_view text) {
  Authenticator out;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> fields = Fields(line);
    if (fields.size() < 3 || fields.size() > 4 || fields[0].empty() || fields[1].empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": want TOKEN,USER,UID or TOKEN,USER,UID,\"GROUP,GROUP\""));
    }
    std::vector<std::string> groups;
    if (fields.size() == 4) groups = absl::StrSplit(fields[3], ',', absl::SkipWhitespace());
    groups.push_back(kAuthenticated);
    if (!out.tokens_.emplace(Hash(fields[0]), MakeUser(fields[1], std::move(groups), fields[2]))
             .second) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": an earlier line has the same token"));
    }
  }
  return out;
}

absl::StatusOr<UserPtr> Authenticator::Authenticate(const TlsSession* tls,
                                                    absl::string_view authorization) const {
  static const auto* const kAdmin = new UserPtr(MakeUser(kAdminName, {kAdmins, kAuthenticated}));
  static const auto* const kAnonymous =
      new UserPtr(MakeUser("system:anonymous", {kUnauthenticated}));
  if (absl::StartsWithIgnoreCase(authorization, "bearer ")) {
    if (UserPtr found = FindToken(absl::StripAsciiWhitespace(authorization.substr(7)))) {
      return found;
    }
    return absl::UnauthenticatedError("nobody has this token");
  }
  if (tls == nullptr) return *kAdmin;
  if (tls->peer_common_name().empty()) return *kAnonymous;
  std::vector<std::string> groups = tls->peer_organizations();
  groups.push_back(kAuthenticated);
  return MakeUser(tls->peer_common_name(), std::move(groups));
}

UserPtr Authenticator::FindToken(absl::string_view token) const {
  const auto found = tokens_.find(Hash(token));
  return found == tokens_.end() ? nullptr : found->second;
}

}  // namespace skiff::apiserver
