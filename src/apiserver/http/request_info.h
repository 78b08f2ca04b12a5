// What a path of the API is about, whether or not there is such a thing.
//
// Threads: any.
#pragma once

#include "absl/strings/string_view.h"
#include "apiserver/http/message.h"

namespace skiff::apiserver::http {

// Views into the request, which outlives it.
struct RequestInfo {
  bool is_resource = false;  // Of an object or a list; all others are empty if it is not.
  absl::string_view group;
  absl::string_view version;
  absl::string_view name_space;
  absl::string_view resource;
  absl::string_view name;
  absl::string_view subresource;
  absl::string_view rest;  // What follows the subresource, without the slash before it.
  absl::string_view verb;  // "get", "list", …; of no resource: the method, in lower case.
};

// /api/v1/namespaces/NS/pods/NAME/log, /apis/apps/v1/deployments, /version, …
RequestInfo InfoOf(const Request& request);

// Of the methods of HTTP.
bool IsRead(const Request& request);

}  // namespace skiff::apiserver::http
