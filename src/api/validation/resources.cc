#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

bool IsHugePages(absl::string_view name) { return absl::StartsWith(name, "hugepages-"); }

// A resource of a domain other than Kubernetes' own: "example.com/gpu".
bool IsExtended(absl::string_view name) {
  return absl::StrContains(name, '/') && !absl::StrContains(name, "kubernetes.io/") &&
         !absl::StartsWith(name, "requests.");
}

bool IsStandard(absl::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" || IsHugePages(name);
}

void CheckName(const std::string& name, const Path& path, ErrorList* errors) {
  errors->InvalidEach(path, name, CheckQualifiedName(name));
  if (!absl::StrContains(name, '/') && !IsStandard(name)) {
    errors->Invalid(path, name, "must be a standard resource type or fully qualified");
    errors->Invalid(path, name, "must be a standard resource for containers");
  }
}

void CheckAmount(const std::string& name, const QuantityProto& amount, const Path& path,
                 ErrorList* errors) {
  const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
  if (!quantity.ok()) {
    errors->Invalid(path, amount.string(), std::string(quantity.status().message()));
    return;
  }
  if (quantity->Sign() < 0) {
    errors->Invalid(path, amount.string(), "must be greater than or equal to 0");
  }
  const bool whole = Quantity::FromInt(quantity->Value()) == *quantity;
  if ((IsExtended(name) || IsHugePages(name)) && !whole) {
    errors->Invalid(path, amount.string(), "must be an integer");
  }
}

}  // namespace

void CheckBasicAmount(const QuantityProto& amount, const Path& path, ErrorList* errors) {
  const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
  if (!quantity.ok() || quantity->Sign() < 0) {
    errors->Invalid(path, quantity.ok() ? quantity->Value() : 0,
                    "must be a valid resource quantity");
  }
}

void CheckPositiveAmount(const QuantityProto& amount, const Path& path, ErrorList* errors) {
  const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
  if (!quantity.ok() || quantity->Sign() <= 0) {
    errors->Invalid(path, quantity.ok() ? quantity->ToString() : amount.string(),
                    "must be greater than zero");
  }
}

void CheckResourceList(const ResourceList& list, const Path& path, ErrorList* errors) {
  for (const auto& [name, amount] : list) CheckAmount(name, amount, path.Key(name), errors);
}

void CheckResources(const corev1::ResourceRequirements& resources, const Path& path,
                    ErrorList* errors) {
  const Path limits = path / "limits";
  const Path requests = path / "requests";
  for (const auto& [name, amount] : resources.limits()) {
    CheckName(name, limits, errors);
    CheckAmount(name, amount, limits.Key(name), errors);
  }
  for (const auto& [name, amount] : resources.requests()) {
    CheckName(name, requests, errors);
    CheckAmount(name, amount, requests.Key(name), errors);
    const bool overcommits = !IsExtended(name) && !IsHugePages(name);
    const auto limit = resources.limits().find(name);
    if (limit == resources.limits().end()) {
      if (!overcommits) {
        errors->Required(limits, "Limit must be set for non overcommitable resources");
      }
      continue;
    }
    const absl::StatusOr<Quantity> asked = Quantity::FromProto(amount);
    const absl::StatusOr<Quantity> most = Quantity::FromProto(limit->second);
    if (!asked.ok() || !most.ok()) continue;
    if (!overcommits && !(*asked == *most)) {
      errors->Invalid(requests, asked->ToString(),
                      absl::StrCat("must be equal to ", name, " limit of ", most->ToString()));
    } else if (*asked > *most) {
      errors->Invalid(
          requests, asked->ToString(),
          absl::StrCat("must be less than or equal to ", name, " limit of ", most->ToString()));
    }
  }
}

}  // namespace skiff::api
