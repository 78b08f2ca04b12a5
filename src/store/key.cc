#include "absl/strings/str_cat.h"
#include "store/store.h"

namespace skiff::store {

std::string Key(const api::ResourceInfo& resource, absl::string_view name_space,
                absl::string_view name) {
  return absl::StrCat(resource.group, "/", resource.resource, "/",
                      resource.namespaced ? name_space : "", "/", name);
}

std::string Prefix(const api::ResourceInfo& resource, absl::string_view name_space) {
  if (name_space.empty()) return absl::StrCat(resource.group, "/", resource.resource, "/");
  return absl::StrCat(resource.group, "/", resource.resource, "/", name_space, "/");
}

Precondition Precondition::Absent(std::string key) { return {Kind::kAbsent, std::move(key), 0}; }
Precondition Precondition::Exists(std::string key) { return {Kind::kExists, std::move(key), 0}; }
Precondition Precondition::AtRevision(std::string key, uint64_t revision) {
  return {Kind::kRevision, std::move(key), revision};
}

Op Op::Put(std::string key, api::MessagePtr object) { return {std::move(key), std::move(object)}; }
Op Op::Delete(std::string key) { return {std::move(key), nullptr}; }

}  // namespace skiff::store
