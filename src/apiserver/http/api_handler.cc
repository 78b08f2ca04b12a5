#include "apiserver/http/api_handler.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/scale.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/discovery.h"
#include "apiserver/http/table.h"
#include "base/status.h"

namespace skiff::apiserver::http {
namespace {

absl::Status NoSuchPath() {
  metav1::Status status;
  status.set_status("Failure");
  status.set_reason("NotFound");
  status.set_code(404);
  status.set_message("the server could not find the requested resource");
  status.mutable_details();
  return api::FromMetaStatus(status);
}

absl::Status NoSuchMethod() {
  metav1::Status status;
  status.set_status("Failure");
  status.set_reason("MethodNotAllowed");
  status.set_code(405);
  status.set_message("the server does not allow this method on the requested resource");
  status.mutable_details();
  return api::FromMetaStatus(status);
}

constexpr char kPaths[] = R"({"paths":["/api","/api/v1","/apis","/healthz","/livez","/metrics",)"
                          R"("/openapi/v2","/openapi/v3","/readyz","/version"]})";

bool IsApi(absl::string_view path) {
  return path == "/api" || path == "/apis" || absl::StartsWith(path, "/api/") ||
         absl::StartsWith(path, "/apis/");
}

// The methods that clients use; others share a label, so that nobody can grow the registry at will.
absl::string_view MethodLabel(absl::string_view method) {
  for (const absl::string_view known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
    if (method == known) return known;
  }
  return "other";
}

// "/livez", "/readyz/ping?verbose": what the checks say. False if `path` is none of them.
bool HandleHealth(Exchange& exchange, absl::string_view path) {
  constexpr absl::string_view kChecks[] = {"ping", "store"};
  for (const absl::string_view name : {"livez", "readyz", "healthz"}) {
    if (!absl::StartsWith(path, absl::StrCat("/", name))) continue;
    absl::string_view rest = path.substr(1 + name.size());
    if (!rest.empty() && rest[0] != '/') continue;
    absl::ConsumePrefix(&rest, "/");
    if (!rest.empty()) {
      if (std::find(std::begin(kChecks), std::end(kChecks), rest) == std::end(kChecks))
        return false;
      SendText(exchange, 200, "ok");
    } else if (!exchange.request().HasQuery("verbose")) {
      SendText(exchange, 200, "ok");
    } else {
      std::string text;
      for (const absl::string_view check : kChecks) absl::StrAppend(&text, "[+]", check, " ok\n");
      SendText(exchange, 200, absl::StrCat(text, name, " check passed\n"));
    }
    return true;
  }
  return false;
}

using PathParts = absl::InlinedVector<absl::string_view, 8>;

PathParts Parts(absl::string_view path) {
  PathParts out;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    out.push_back(part);
  }
  return out;
}

bool Contains(std::span<const absl::string_view> verbs, absl::string_view verb) {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

}  // namespace

ApiHandler::ApiHandler(Server* server, Executor* loop, client::NodeDirectory* nodes,
                       Metrics* metrics, std::shared_ptr<const Access> access)
    : server_(server), loop_(loop), nodes_(nodes), metrics_(metrics), access_(std::move(access)) {}

ApiHandler::~ApiHandler() { *alive_ = false; }

void ApiHandler::SetAddress(std::string address) {
  loop_->Post([this, alive = alive_, address = std::move(address)]() mutable {
    if (*alive) address_ = std::move(address);
  });
}

void ApiHandler::Handle(std::shared_ptr<Exchange> exchange) {
  const Request& request = exchange->request();
  CountRequest(request.method);
  const RequestInfo info = InfoOf(request);
  const auto user = access_->Admit(*exchange, info);
  if (!user.ok()) return SendError(*exchange, user.status());
  if (!info.is_resource) {
    if (!HandleMeta(exchange)) HandleDiscovery(exchange);
    return;
  }
  const auto target = TargetOf(info, *user);
  if (!target.ok()) return SendError(*exchange, target.status());
  // Who asks for revision 0 takes what is there.
  if (!IsRead(request) || request.Query("resourceVersion") == "0") {
    return HandleResource(exchange, *target);
  }
  server_->Fresh(loop_, [this, alive = alive_, exchange, target = *target](absl::Status fresh) {
    if (!*alive) return;
    if (!fresh.ok()) return SendError(*exchange, fresh);
    HandleResource(exchange, target);
  });
}

void ApiHandler::CountRequest(absl::string_view method) {
  const absl::string_view label = MethodLabel(method);
  auto it = requests_.find(label);
  if (it == requests_.end()) {
    prometheus::Counter& counter = metrics_->Counter(
        "apiserver_request_total", "Requests by method.", {{"method", std::string(label)}});
    it = requests_.emplace(std::string(label), &counter).first;
  }
  it->second->Increment();
}

// Health, version, metrics, schema: what is not about objects.
bool ApiHandler::HandleMeta(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  const std::string& path = request.path;
  if (IsApi(path)) return false;
  if (!IsRead(request)) {
    SendText(*exchange, 405, "405 method not allowed\n");
  } else if (absl::StartsWith(path, "/readyz") || absl::StartsWith(path, "/healthz")) {
    server_->Fresh(loop_, [exchange](const absl::Status& fresh) {
      if (!fresh.ok()) {
        SendText(*exchange, 500,
                 absl::StrCat("[+]ping ok\n[-]store failed: ", fresh.message(),
                              "\nreadyz check failed\n"));
      } else if (!HandleHealth(*exchange, exchange->request().path)) {
        SendText(*exchange, 404, "404 page not found\n");
      }
    });
  } else if (HandleHealth(*exchange, path)) {
    return true;
  } else if (path == "/version" || path == "/version/") {
    SendJson(*exchange, 200, VersionJson());
  } else if (path == "/metrics") {
    exchange->Send(Response::Text(200, metrics_->Text(), "text/plain; version=0.0.4"));
  } else if (path == "/openapi/v2") {
    SendOpenApi(exchange, openapi_->V2());
  } else if (path == "/openapi/v3") {
    SendOpenApi(exchange, openapi_->V3Index());
  } else if (absl::StartsWith(path, "/openapi/v3/")) {
    SendOpenApi(exchange, openapi_->V3(path.substr(12)));
  } else if (path == "/") {
    SendJson(*exchange, 200, kPaths);
  } else {
    SendText(*exchange, 404, "404 page not found\n");
  }
  return true;
}

// A document of openapi_, empty if there is none. It has no protobuf form, and who asks for nothing
// else is told so.
void ApiHandler::SendOpenApi(const ExchangePtr& exchange, const std::string& document) {
  Offer offer;
  offer.yaml = offer.protobuf = false;
  const auto format = Negotiate(exchange->request().Header("accept"), offer);
  if (document.empty()) return SendError(*exchange, NoSuchPath());
  if (!format.ok()) return SendError(*exchange, format.status());
  SendDocument(*exchange, Cached(exchange->request().path, "application/json", [&] {
    return std::shared_ptr<const std::string>(openapi_, &document);
  }));
}

const Document& ApiHandler::Cached(const std::string& key, const std::string& content_type,
                                   absl::FunctionRef<std::shared_ptr<const std::string>()> make) {
  auto it = documents_.find(key);
  if (it == documents_.end()) {
    it = documents_.emplace(key, MakeDocument(make(), content_type)).first;
  }
  return it->second;
}

void ApiHandler::HandleDiscovery(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  const PathParts parts = Parts(request.path);
  const bool core = parts[0] == "api";
  std::string json;
  if (parts.size() == 1) {
    json = core ? ApiVersionsJson(address_) : ApiGroupListJson();
  } else if (core) {
    json = ApiResourceListJson("", parts[1]);
  } else if (parts.size() == 2) {
    json = ApiGroupJson(parts[1]);
  } else {
    json = ApiResourceListJson(parts[1], parts[2]);
  }
  if (json.empty()) {
    SendError(*exchange, NoSuchPath());
  } else if (!IsRead(request)) {
    SendError(*exchange, NoSuchMethod());
  } else if (parts.size() == 1) {
    SendGroups(exchange, core, std::move(json));
  } else {
    SendJson(*exchange, 200, std::move(json));
  }
}

// /api and /apis: `plain`, or aggregated discovery with the resources of every group.
void ApiHandler::SendGroups(const ExchangePtr& exchange, bool core, std::string plain) {
  Offer offer;
  offer.protobuf = false;
  offer.discovery = true;
  const auto format = Negotiate(exchange->request().Header("accept"), offer);
  if (!format.ok()) return SendError(*exchange, format.status());
  if (format->as.empty()) return SendJson(*exchange, 200, std::move(plain));
  const std::string type = absl::StrCat(
      "application/json;g=apidiscovery.k8s.io;v=", format->version, ";as=APIGroupDiscoveryList");
  SendDocument(*exchange,
               Cached(absl::StrCat(exchange->request().path, " ", format->version), type, [&] {
                 return std::make_shared<const std::string>(AggregatedJson(core, format->version));
               }));
}

absl::StatusOr<ApiHandler::Target> ApiHandler::TargetOf(const RequestInfo& info, UserPtr user) {
  Target out;
  out.resource = api::FindResource(info.group, info.version, info.resource);
  if (out.resource == nullptr || !info.rest.empty()) return NoSuchPath();
  if (out.resource->namespaced) out.name_space = std::string(info.name_space);
  out.name = std::string(info.name);
  out.subresource = std::string(info.subresource);
  if (!out.name.empty() && out.resource->namespaced && out.name_space.empty()) {
    return NoSuchPath();
  }
  out.verb = info.verb;
  out.user = std::move(user);
  return out;
}

void ApiHandler::HandleResource(const ExchangePtr& exchange, const Target& target) {
  const absl::string_view verb = target.verb;
  std::span<const absl::string_view> verbs = target.resource->verbs;
  if (!target.subresource.empty()) {
    verbs = {};
    for (const auto& sub : target.resource->subresources) {
      if (sub.name == target.subresource) verbs = sub.verbs;
    }
    if (verbs.empty()) return SendError(*exchange, NoSuchPath());
  }
  const bool named_watch = verb == "watch" && target.subresource.empty();
  const bool nameless = target.name.empty() && (verb == "update" || verb == "patch");
  if (nameless || (!Contains(verbs, verb) && !named_watch)) {
    return SendError(*exchange, api::MethodNotSupported(*target.resource, verb));
  }
  if (verb == "watch") return Watch(exchange, target);
  if (verb == "get" || verb == "list") return Read(exchange, target);
  if (verb == "create") return Create(exchange, target);
  if (verb == "update") return Update(exchange, target);
  if (verb == "patch") return Patch(exchange, target);
  if (verb == "delete") return Delete(exchange, target);
  DeleteCollection(exchange, target);
}

void ApiHandler::Read(const ExchangePtr& exchange, const Target& target) {
  if (target.subresource == "log") return Logs(exchange, target);
  if (!target.name.empty()) return GetOne(exchange, target);
  List(exchange, target);
}

void ApiHandler::GetOne(const ExchangePtr& exchange, const Target& target) {
  Offer offer;
  offer.table = offer.partial = true;
  const auto format = Negotiate(exchange->request().Header("accept"), offer);
  if (!format.ok()) return SendError(*exchange, format.status());
  const auto object = server_->GetNow(*target.resource, target.name_space, target.name);
  if (!object.ok()) return SendError(*exchange, object.status());
  if (target.subresource == "scale") {
    return SendMessage(*exchange, 200, api::ScaleOf(**object), "autoscaling/v1", "Scale", *format);
  }
  SendObject(*exchange, 200, *object, *format, loop_->clock().Now());
}

namespace {

// A list in protobuf: the list message of the kind, made through the descriptor (its metadata is
// field 1, its items field 2).
std::string ProtobufList(const api::ResourceInfo& resource, const client::ListResult& result) {
  const auto* type = resource.prototype->GetDescriptor();
  const auto* list_type =
      type->file()->FindMessageTypeByName(absl::StrCat(std::string(type->name()), "List"));
  const api::MessagePtr list(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(list_type)->New());
  const auto& reflection = *list->GetReflection();
  auto* meta = static_cast<metav1::ListMeta*>(
      reflection.MutableMessage(list.get(), list_type->FindFieldByNumber(1)));
  meta->set_resource_version(absl::StrCat(result.revision));
  meta->set_continue_(result.continue_token);
  if (result.remaining > 0) meta->set_remaining_item_count(result.remaining);
  for (const api::ObjectPtr& item : result.items) {
    reflection.AddMessage(list.get(), list_type->FindFieldByNumber(2))->CopyFrom(item->message());
  }
  return api::EncodeProtobuf(*list, resource.api_version(), absl::StrCat(resource.kind, "List"));
}

absl::Status ReadListOptions(const Request& request, client::ListOptions* options, bool* exact) {
  options->label_selector = std::string(request.Query("labelSelector"));
  options->field_selector = std::string(request.Query("fieldSelector"));
  options->continue_token = std::string(request.Query("continue"));
  if (const absl::string_view limit = request.Query("limit");
      !limit.empty() && !absl::SimpleAtoi(limit, &options->limit)) {
    return api::BadRequest(absl::StrCat("limit: Invalid value: \"", limit, "\": want a number"));
  }
  const absl::string_view version = request.Query("resourceVersion");
  if (!version.empty() && !absl::SimpleAtoi(version, &options->revision)) {
    return api::BadRequest(absl::StrCat("resourceVersion: Invalid value: \"", version,
                                        "\": want a number that an earlier answer gave"));
  }
  const absl::string_view match = request.Query("resourceVersionMatch");
  if (!match.empty() && match != "Exact" && match != "NotOlderThan") {
    return api::BadRequest(absl::StrCat("resourceVersionMatch: Unsupported value: \"", match,
                                        "\": supported values: \"Exact\", \"NotOlderThan\""));
  }
  if (!match.empty() && version.empty()) {
    return api::BadRequest("resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (!options->continue_token.empty() && !version.empty() && version != "0") {
    return api::BadRequest("specifying resource version is not allowed when using continue");
  }
  // A limit with a version and no match asks for that very version.
  *exact = match == "Exact" || (match.empty() && options->limit > 0 && options->revision > 0);
  return absl::OkStatus();
}

}  // namespace

void ApiHandler::List(const ExchangePtr& exchange, const Target& target) {
  const Request& request = exchange->request();
  Offer offer;
  offer.table = offer.partial = true;
  const auto format = Negotiate(request.Header("accept"), offer);
  if (!format.ok()) return SendError(*exchange, format.status());
  client::ListOptions options;
  bool exact = false;
  options.name_space = target.name_space;
  if (const absl::Status bad = ReadListOptions(request, &options, &exact); !bad.ok()) {
    return SendError(*exchange, bad);
  }
  auto result = server_->ListNow(*target.resource, options, exact);
  if (!result.ok()) return SendError(*exchange, result.status());
  const std::string revision = absl::StrCat(result->revision);
  const auto shared = [](std::string text) {
    return std::make_shared<const std::string>(std::move(text));
  };
  Response response;
  response.headers.emplace_back("Content-Type", ContentType(format->encoding, false));
  response.headers.emplace_back("Cache-Control", "no-cache, private");
  if (format->as == "Table") {
    TableOptions table;
    table.resource_version = revision;
    table.continue_token = result->continue_token;
    table.remaining = result->remaining;
    if (request.Query("includeObject") == "Object") table.include = IncludeObject::kObject;
    if (request.Query("includeObject") == "None") table.include = IncludeObject::kNone;
    response.body.push_back(
        shared(TableJson(*target.resource, result->items, table, loop_->clock().Now())));
    return exchange->Send(std::move(response));
  }
  const bool partial = !format->as.empty();
  if (format->encoding == Encoding::kProtobuf) {
    response.body.push_back(shared(ProtobufList(*target.resource, *result)));
    return exchange->Send(std::move(response));
  }
  const std::string kind =
      partial ? "PartialObjectMetadataList" : absl::StrCat(target.resource->kind, "List");
  const std::string head = absl::StrCat(
      "{\"kind\":\"", kind, "\",\"apiVersion\":\"",
      partial ? "meta.k8s.io/v1" : target.resource->api_version(),
      "\",\"metadata\":", ListMetaJson(revision, result->continue_token, result->remaining),
      ",\"items\":[");
  response.body.push_back(shared(head));
  const auto comma = shared(",");
  for (size_t i = 0; i < result->items.size(); ++i) {
    if (i > 0) response.body.push_back(comma);
    response.body.push_back(partial ? shared(PartialJson(*result->items[i]))
                                    : result->items[i]->Json());
  }
  response.body.push_back(shared("]}"));
  if (format->encoding == Encoding::kYaml) {
    std::string whole;
    for (const auto& piece : response.body) whole += *piece;
    const auto yaml = api::JsonToYaml(whole);
    if (yaml.ok()) response.body = {shared(*yaml)};
  }
  exchange->Send(std::move(response));
}

}  // namespace skiff::apiserver::http
