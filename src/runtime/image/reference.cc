#include <cctype>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/image/digest.h"
#include "runtime/image/image_store.h"

namespace skiff::runtime {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsAlnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// path-component of the distribution grammar: lower-case letters and digits, with separators '.',
// '_', '__' or dashes strictly inside.
bool ValidComponent(absl::string_view part) {
  if (part.empty()) return false;
  bool previous_separator = true;
  for (const char c : part) {
    const bool separator = c == '.' || c == '_' || c == '-';
    if (!separator && !IsLower(c) && !std::isdigit(static_cast<unsigned char>(c))) return false;
    if (separator && previous_separator && c == '.') return false;
    previous_separator = separator;
  }
  return !previous_separator && IsAlnum(part.front());
}

bool ValidTag(absl::string_view tag) {
  if (tag.empty() || tag.size() > 128 || tag.front() == '.' || tag.front() == '-') return false;
  for (const char c : tag) {
    if (!IsAlnum(c) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

bool IsRegistryHost(absl::string_view first) {
  return absl::StrContains(first, '.') || absl::StrContains(first, ':') || first == "localhost";
}

bool ValidHost(absl::string_view host) {
  for (const char c : host) {
    if (!IsAlnum(c) && c != '.' && c != '-' && c != ':' && c != '[' && c != ']') return false;
  }
  return !host.empty();
}

}  // namespace

absl::StatusOr<std::string> NormalizeReference(absl::string_view reference) {
  const auto invalid = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        "couldn't parse image name \"", reference,
        "\": invalid reference format (want [HOST/]NAME[:TAG][@sha256:DIGEST], in lower case)"));
  };
  absl::string_view rest = reference;
  absl::string_view digest;
  if (const size_t at = rest.find('@'); at != absl::string_view::npos) {
    digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!IsSha256Digest(digest)) return invalid();
  }
  absl::string_view host = "docker.io";
  if (const size_t slash = rest.find('/'); slash != absl::string_view::npos) {
    if (const absl::string_view first = rest.substr(0, slash); IsRegistryHost(first)) {
      host = first;
      rest = rest.substr(slash + 1);
    }
  }
  absl::string_view tag;
  if (const size_t colon = rest.rfind(':'); colon != absl::string_view::npos) {
    tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!ValidTag(tag)) return invalid();
  }
  if (!ValidHost(host) || rest.size() > 255) return invalid();
  for (const absl::string_view part : absl::StrSplit(rest, '/')) {
    if (!ValidComponent(part)) return invalid();
  }
  const bool official = host == "docker.io" && !absl::StrContains(rest, '/');
  std::string out = absl::StrCat(host, "/", official ? "library/" : "", rest);
  if (!tag.empty()) absl::StrAppend(&out, ":", tag);
  if (!digest.empty()) absl::StrAppend(&out, "@", digest);
  if (tag.empty() && digest.empty()) absl::StrAppend(&out, ":latest");
  return out;
}

}  // namespace skiff::runtime
