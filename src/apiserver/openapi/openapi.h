// The schema of everything served, as OpenAPI documents: what clients validate with, and what
// `kubectl explain` reads. Made from the plans of the messages (api/schema.h), when first asked
// for.
//
// Threads: one at a time.
#pragma once

#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace skiff::apiserver {

class OpenApi {
 public:
  // /openapi/v2: Swagger 2.0, all of it.
  const std::string& V2();
  // /openapi/v3: the paths of the documents, each with the hash of its content.
  const std::string& V3Index();
  // /openapi/v3/<path>, such as "api/v1" or "apis/apps/v1"; empty if there is none.
  const std::string& V3(absl::string_view path);

 private:
  std::string v2_;
  std::string index_;
  std::map<std::string, std::string> v3_;
};

}  // namespace skiff::apiserver
