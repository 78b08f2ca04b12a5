// What the server serves, in every form that clients ask for it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace skiff::apiserver::http {

std::string ApiVersionsJson(absl::string_view server_address);  // GET /api
std::string ApiGroupListJson();                                 // GET /apis
std::string ApiGroupJson(absl::string_view group);              // GET /apis/<group>; "" if unknown
// GET /api/v1, /apis/<group>/<version>; "" if unknown.
std::string ApiResourceListJson(absl::string_view group, absl::string_view version);
// Aggregated: of the core group (/api) or all others (/apis). `version` is v2 or v2beta1.
std::string AggregatedJson(bool core, absl::string_view version);
std::string VersionJson();  // GET /version

}  // namespace skiff::apiserver::http
