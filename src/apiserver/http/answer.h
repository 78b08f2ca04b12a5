// The common ways to answer: an object, a message, an error.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api/object.h"
#include "apiserver/http/message.h"
#include "apiserver/http/negotiate.h"

namespace skiff::apiserver::http {

void SendJson(Exchange& exchange, int status, std::string json);

// The metav1.Status of an error, in the form the client reads.
void SendError(Exchange& exchange, const absl::Status& error);

// To a request that is too large or malformed.
Response Refusal(int status, const std::string& text);

// A plain text.
void SendText(Exchange& exchange, int status, std::string text);

// A stored object in `format`, or its Table or metadata. `warnings` go into Warning headers.
void SendObject(Exchange& exchange, int status, const api::ObjectPtr& object, const Format& format,
                absl::Time now, const std::vector<std::string>& warnings = {});

// A message that is no stored object: a Scale, a Status.
void SendMessage(Exchange& exchange, int status, const google::protobuf::Message& message,
                 absl::string_view api_version, absl::string_view kind, const Format& format,
                 const std::vector<std::string>& warnings = {});

void AddWarnings(const std::vector<std::string>& warnings, Response* response);

// A document that changes seldom, with its tag: 304 if the client has it already.
struct Document {
  std::shared_ptr<const std::string> body;
  std::string content_type;
  std::string tag;  // Quoted, as in ETag.
};
Document MakeDocument(std::shared_ptr<const std::string> body, std::string content_type);
void SendDocument(Exchange& exchange, const Document& document);

// metav1.Status{status: Success} with details of `object`.
metav1::Status SuccessStatus(const api::Object& object);

}  // namespace skiff::apiserver::http
