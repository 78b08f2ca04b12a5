#include "apiserver/http/request_info.h"

#include "absl/strings/match.h"

namespace skiff::apiserver::http {
namespace {

// Takes the first part off `*path`, and the slashes around it; empty at the end.
absl::string_view NextPart(absl::string_view* path) {
  while (!path->empty() && path->front() == '/') path->remove_prefix(1);
  const absl::string_view part = path->substr(0, path->find('/'));
  path->remove_prefix(part.size());
  while (!path->empty() && path->front() == '/') path->remove_prefix(1);
  return part;
}

bool WantsWatch(const Request& request) {
  const absl::string_view watch = request.Query("watch");
  return watch == "true" || watch == "1";
}

absl::string_view ResourceVerb(const Request& request, bool named) {
  if (IsRead(request)) {
    if (WantsWatch(request)) return "watch";
    return named ? "get" : "list";
  }
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "PATCH") return "patch";
  if (request.method == "DELETE") return named ? "delete" : "deletecollection";
  return "";
}

absl::string_view PlainVerb(absl::string_view method) {
  constexpr std::pair<absl::string_view, absl::string_view> kVerbs[] = {
      {"GET", "get"},     {"HEAD", "head"},     {"POST", "post"},      {"PUT", "put"},
      {"PATCH", "patch"}, {"DELETE", "delete"}, {"OPTIONS", "options"}};
  for (const auto& [known, verb] : kVerbs) {
    if (method == known) return verb;
  }
  return "";
}

}  // namespace

bool IsRead(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

RequestInfo InfoOf(const Request& request) {
  RequestInfo out;
  out.verb = PlainVerb(request.method);
  absl::string_view path = request.path;
  const absl::string_view root = NextPart(&path);
  if (root != "api" && root != "apis") return out;
  const absl::string_view group = root == "apis" ? NextPart(&path) : "";
  const absl::string_view version = NextPart(&path);
  absl::string_view first = NextPart(&path);
  if (first.empty()) return out;
  // "namespaces/NS/…" is a scope, unless it is about the namespace itself.
  if (first == "namespaces" && !path.empty()) {
    absl::string_view ahead = path;
    out.name_space = NextPart(&ahead);
    const absl::string_view inner = NextPart(&ahead);
    if (!inner.empty() && inner != "status" && inner != "finalize") {
      path = ahead;
      first = inner;
    }
  }
  out.is_resource = true;
  out.group = group;
  out.version = version;
  out.resource = first;
  out.name = NextPart(&path);
  out.subresource = NextPart(&path);
  out.rest = path;
  out.verb = ResourceVerb(request, !out.name.empty());
  return out;
}

}  // namespace skiff::apiserver::http
