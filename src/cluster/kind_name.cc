#include "cluster/kind_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skiff::cluster {
namespace {

bool Names(const api::ResourceInfo& resource, absl::string_view name) {
  if (name == resource.resource || name == resource.singular ||
      absl::EqualsIgnoreCase(name, resource.kind)) {
    return true;
  }
  return std::find(resource.short_names.begin(), resource.short_names.end(), name) !=
         resource.short_names.end();
}

}  // namespace

absl::StatusOr<const api::ResourceInfo*> ResolveKind(absl::string_view written) {
  const std::string lower = absl::AsciiStrToLower(written);
  absl::string_view name = lower;
  absl::string_view group;
  bool any_group = true;
  if (const size_t dot = lower.find('.'); dot != std::string::npos) {
    name = absl::string_view(lower).substr(0, dot);
    group = absl::string_view(lower).substr(dot + 1);
    any_group = false;
  }
  for (const api::ResourceInfo& resource : api::Resources()) {
    if (!Names(resource, name)) continue;
    if (any_group || group == resource.group ||
        group == absl::StrCat(resource.version, ".", resource.group)) {
      return &resource;
    }
  }
  return absl::NotFoundError(
      absl::StrCat("the server doesn't have a resource type \"", written, "\""));
}

}  // namespace skiff::cluster
