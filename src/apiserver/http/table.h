// Objects as `kubectl get` asks for them: metav1.Table, and metadata alone.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "api/object.h"

namespace skiff::apiserver::http {

enum class IncludeObject { kNone, kMetadata, kObject };

struct TableOptions {
  IncludeObject include = IncludeObject::kMetadata;
  bool columns = true;  // Later tables of a watch leave the definitions out.
  std::string resource_version;
  std::string continue_token;
  int64_t remaining = 0;
};

// A Table in JSON.
std::string TableJson(const api::ResourceInfo& resource, const std::vector<api::ObjectPtr>& objects,
                      const TableOptions& options, absl::Time now);

// A PartialObjectMetadata in JSON.
std::string PartialJson(const api::Object& object);

// The ListMeta of a list, in JSON.
std::string ListMetaJson(absl::string_view resource_version, absl::string_view continue_token,
                         int64_t remaining);

}  // namespace skiff::apiserver::http
