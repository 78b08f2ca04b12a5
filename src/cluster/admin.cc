#include "cluster/admin.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/json_value.h"
#include "apiserver/http/answer.h"
#include "base/status.h"
#include "cluster/members_json.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;
using apiserver::http::Request;

// The text member `name` of a request's body.
absl::StatusOr<std::string> Argument(const Request& request, const char* name) {
  SKIFF_ASSIGN_OR_RETURN(const JsonValue body, JsonValue::Parse(request.body));
  const JsonValue* value = body.Find(name);
  if (value != nullptr && value->is_string() && !value->text().empty()) return value->text();
  return absl::InvalidArgumentError(absl::StrCat("the request lacks \"", name, "\""));
}

absl::StatusOr<std::string> Empty(const absl::Status& status) {
  SKIFF_RETURN_IF_ERROR(status);
  return std::string("{}");
}

absl::StatusOr<std::string> List(Members* members) {
  SKIFF_ASSIGN_OR_RETURN(const std::vector<MemberInfo> list, members->List());
  return ToJson(list);
}

absl::StatusOr<std::string> Add(Members* members, const Request& request) {
  SKIFF_ASSIGN_OR_RETURN(const std::string name, Argument(request, "name"));
  SKIFF_ASSIGN_OR_RETURN(const std::string address, Argument(request, "address"));
  SKIFF_ASSIGN_OR_RETURN(const std::string token, members->Add(name, address));
  JsonValue out = JsonValue::Object();
  out.Member("token") = JsonValue::String(token);
  return out.ToString();
}

absl::StatusOr<std::string> Save(Members* members, const Request& request) {
  SKIFF_ASSIGN_OR_RETURN(const std::string path, Argument(request, "path"));
  SKIFF_ASSIGN_OR_RETURN(const SnapshotInfo saved, members->SaveSnapshot(path));
  return ToJson(saved);
}

absl::StatusOr<std::string> Answer(Members* members, const Request& request) {
  const std::vector<std::string> parts = absl::StrSplit(request.path, '/', absl::SkipEmpty());
  const std::string& method = request.method;
  if (parts.size() == 1 && parts[0] == "members") {
    if (method == "GET") return List(members);
    if (method == "POST") return Add(members, request);
  } else if (parts.size() == 2 && parts[0] == "members" && method == "DELETE") {
    return Empty(members->Remove(parts[1]));
  } else if (parts.size() == 3 && parts[0] == "members" && method == "POST") {
    if (parts[2] == "promote") return Empty(members->Promote(parts[1]));
    if (parts[2] == "lead") return Empty(members->Lead(parts[1]));
  } else if (parts.size() == 1 && parts[0] == "snapshot" && method == "POST") {
    return Save(members, request);
  }
  return absl::NotFoundError(absl::StrCat("there is no ", method, " ", request.path));
}

}  // namespace

std::string AdminSocket(const std::string& dir) { return absl::StrCat(dir, "/admin.sock"); }

Admin::Admin(Members* members, UvExecutor* loop)
    : members_(members),
      loop_(loop),
      server_(loop, apiserver::http::ConnectionLimits(),
              [this](std::shared_ptr<apiserver::http::Exchange> exchange) {
                Handle(std::move(exchange));
              }) {}

Admin::~Admin() { server_.Close(); }

absl::Status Admin::Listen(const std::string& dir) {
  return server_.Listen("unix:" + AdminSocket(dir)).status();
}

void Admin::Handle(std::shared_ptr<apiserver::http::Exchange> exchange) {
  worker_.Run([members = members_, loop = loop_, exchange = std::move(exchange)]() mutable {
    absl::StatusOr<std::string> answer = Answer(members, exchange->request());
    loop->Post([exchange = std::move(exchange), answer = std::move(answer)]() mutable {
      if (answer.ok()) {
        apiserver::http::SendJson(*exchange, 200, *std::move(answer));
      } else {
        apiserver::http::SendError(*exchange, answer.status());
      }
    });
  });
}

}  // namespace skiff::cluster
