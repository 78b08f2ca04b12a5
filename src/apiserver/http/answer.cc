#include "apiserver/http/answer.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "api/codec.h"
#include "api/errors.h"
#include "apiserver/http/table.h"

namespace skiff::apiserver::http {
namespace {

std::shared_ptr<const std::string> Shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::shared_ptr<const std::string> InEncoding(std::string json, Encoding encoding) {
  if (encoding == Encoding::kYaml) {
    auto yaml = api::JsonToYaml(json);
    if (yaml.ok()) return Shared(*std::move(yaml));
  }
  return Shared(std::move(json));
}

}  // namespace

void SendJson(Exchange& exchange, int status, std::string json) {
  exchange.Send(Response::Text(status, std::move(json), "application/json"));
}

void SendText(Exchange& exchange, int status, std::string text) {
  exchange.Send(Response::Text(status, std::move(text)));
}

Document MakeDocument(std::shared_ptr<const std::string> body, std::string content_type) {
  // FNV-1a: the same document has the same tag in every process.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : *body) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return {std::move(body), std::move(content_type),
          absl::StrCat("\"", absl::Hex(hash, absl::kZeroPad16), "\"")};
}

void SendDocument(Exchange& exchange, const Document& document) {
  Response response;
  if (absl::StrContains(exchange.request().Header("if-none-match"), document.tag)) {
    response.status = 304;
  } else {
    response.headers.emplace_back("Content-Type", document.content_type);
    response.body.push_back(document.body);
  }
  response.headers.emplace_back("Cache-Control", "public");
  response.headers.emplace_back("ETag", document.tag);
  response.headers.emplace_back("Vary", "Accept");
  exchange.Send(std::move(response));
}

void AddWarnings(const std::vector<std::string>& warnings, Response* response) {
  for (const std::string& warning : warnings) {
    // A quoted-string (RFC 9110 section 5.6.4): quotes and backslashes escaped, no line ends.
    const std::string quoted =
        absl::StrReplaceAll(warning, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", " "}, {"\r", " "}});
    response->headers.emplace_back("Warning", absl::StrCat("299 - \"", quoted, "\""));
  }
}

namespace {

Response OfMessage(int status, const google::protobuf::Message& message,
                   absl::string_view api_version, absl::string_view kind, const Format& format,
                   const std::vector<std::string>& warnings) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", ContentType(format.encoding, false));
  AddWarnings(warnings, &response);
  if (format.encoding == Encoding::kProtobuf) {
    response.body.push_back(Shared(api::EncodeProtobuf(message, api_version, kind)));
  } else {
    std::string json;
    api::JsonOptions options;
    options.kind = kind;
    options.api_version = api_version;
    api::EncodeJson(message, options, &json);
    response.body.push_back(InEncoding(std::move(json), format.encoding));
  }
  return response;
}

}  // namespace

Response Refusal(int status, const std::string& text) {
  if (status != 413) return Response::Text(status, text + "\n");
  // Clients of the API expect its own form.
  return OfMessage(status, api::ToMetaStatus(api::RequestEntityTooLarge(text)), "v1", "Status",
                   Format(), {});
}

void SendMessage(Exchange& exchange, int status, const google::protobuf::Message& message,
                 absl::string_view api_version, absl::string_view kind, const Format& format,
                 const std::vector<std::string>& warnings) {
  exchange.Send(OfMessage(status, message, api_version, kind, format, warnings));
}

void SendError(Exchange& exchange, const absl::Status& error) {
  const metav1::Status status = api::ToMetaStatus(error);
  auto format = Negotiate(exchange.request().Header("accept"), Offer());
  if (!format.ok()) format = Format{};
  Response response = OfMessage(status.code(), status, "v1", "Status", *format, {});
  // Clients try again by themselves where this header is.
  if (const int seconds = status.details().retry_after_seconds(); seconds > 0) {
    response.headers.emplace_back("Retry-After", absl::StrCat(seconds));
  }
  exchange.Send(std::move(response));
}

void SendObject(Exchange& exchange, int status, const api::ObjectPtr& object, const Format& format,
                absl::Time now, const std::vector<std::string>& warnings) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", ContentType(format.encoding, false));
  AddWarnings(warnings, &response);
  if (format.as == "Table") {
    TableOptions options;
    options.resource_version = object->meta().resource_version();
    if (exchange.request().Query("includeObject") == "Object") {
      options.include = IncludeObject::kObject;
    }
    response.body.push_back(Shared(TableJson(object->resource(), {object}, options, now)));
  } else if (!format.as.empty()) {
    response.body.push_back(InEncoding(PartialJson(*object), format.encoding));
  } else if (format.encoding == Encoding::kProtobuf) {
    response.body.push_back(object->Protobuf());
  } else if (format.encoding == Encoding::kYaml) {
    response.body.push_back(InEncoding(*object->Json(), format.encoding));
  } else {
    response.body.push_back(object->Json());
  }
  response.headers.emplace_back("Cache-Control", "no-cache, private");
  exchange.Send(std::move(response));
}

metav1::Status SuccessStatus(const api::Object& object) {
  metav1::Status out;
  out.mutable_metadata();
  out.set_status("Success");
  metav1::StatusDetails* details = out.mutable_details();
  details->set_name(object.meta().name());
  details->set_group(std::string(object.resource().group));
  details->set_kind(std::string(object.resource().resource));
  details->set_uid(object.meta().uid());
  out.set_code(200);
  return out;
}

}  // namespace skiff::apiserver::http
