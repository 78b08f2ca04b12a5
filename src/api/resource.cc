#include "api/resource.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "api/types.h"
#include "base/status.h"
#include "k8s.io/api/authentication/v1/generated.pb.h"
#include "k8s.io/api/authorization/v1/generated.pb.h"
#include "k8s.io/api/autoscaling/v2/generated.pb.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "k8s.io/api/policy/v1/generated.pb.h"
#include "k8s.io/api/rbac/v1/generated.pb.h"
#include "k8s.io/api/resource/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::api {
namespace {

// The rows, and the lists that their spans point into. Built once, on first use; never changed.
class Table {
 public:
  Table() {
    rows_ = {
#include "api/resources.inc"
    };
    for (const ResourceInfo& row : rows_) {
      by_resource_[absl::StrCat(row.api_version(), "/", row.resource)] = &row;
      by_kind_[absl::StrCat(row.api_version(), "/", row.kind)] = &row;
      by_descriptor_[row.prototype->GetDescriptor()] = &row;
    }
  }

  std::span<const ResourceInfo> rows() const { return rows_; }

  const ResourceInfo* FindResource(absl::string_view api_version, absl::string_view name) const {
    return Find(by_resource_, absl::StrCat(api_version, "/", name));
  }
  const ResourceInfo* FindKind(absl::string_view api_version, absl::string_view kind) const {
    return Find(by_kind_, absl::StrCat(api_version, "/", kind));
  }
  const ResourceInfo* FindDescriptor(const google::protobuf::Descriptor* descriptor) const {
    const auto it = by_descriptor_.find(descriptor);
    return it == by_descriptor_.end() ? nullptr : it->second;
  }

 private:
  using Index = absl::flat_hash_map<std::string, const ResourceInfo*>;

  static const ResourceInfo* Find(const Index& index, const std::string& key) {
    const auto it = index.find(key);
    return it == index.end() ? nullptr : it->second;
  }

  std::span<const absl::string_view> Strings(std::initializer_list<absl::string_view> list) {
    if (list.size() == 0) return {};
    return *strings_.emplace_back(std::make_unique<std::vector<absl::string_view>>(list));
  }
  std::span<const ResourceInfo::Subresource> Subresources(
      std::initializer_list<ResourceInfo::Subresource> list) {
    if (list.size() == 0) return {};
    return *subresources_.emplace_back(
        std::make_unique<std::vector<ResourceInfo::Subresource>>(list));
  }

  std::vector<ResourceInfo> rows_;
  std::vector<std::unique_ptr<std::vector<absl::string_view>>> strings_;
  std::vector<std::unique_ptr<std::vector<ResourceInfo::Subresource>>> subresources_;
  Index by_resource_;
  Index by_kind_;
  absl::flat_hash_map<const google::protobuf::Descriptor*, const ResourceInfo*> by_descriptor_;
};

const Table& TheTable() {
  static const Table table;
  return table;
}

std::string ApiVersion(absl::string_view group, absl::string_view version) {
  return group.empty() ? std::string(version) : absl::StrCat(group, "/", version);
}

}  // namespace

bool ResourceInfo::has_verb(absl::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

std::string ResourceInfo::api_version() const { return ApiVersion(group, version); }

std::string ResourceInfo::qualified() const {
  return group.empty() ? std::string(resource) : absl::StrCat(resource, ".", group);
}

std::span<const ResourceInfo> Resources() { return TheTable().rows(); }

const ResourceInfo* FindResource(absl::string_view group, absl::string_view version,
                                 absl::string_view resource) {
  return TheTable().FindResource(ApiVersion(group, version), resource);
}

const ResourceInfo* FindKind(absl::string_view api_version, absl::string_view kind) {
  return TheTable().FindKind(api_version, kind);
}

const ResourceInfo& ResourceOfDescriptor(const google::protobuf::Descriptor* descriptor) {
  const ResourceInfo* found = TheTable().FindDescriptor(descriptor);
  SKIFF_CHECK(found != nullptr);
  return *found;
}

}  // namespace skiff::api
