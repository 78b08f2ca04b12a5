#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

// What is counted in whole pieces.
constexpr absl::string_view kCounts[] = {
    "pods",
    "resourcequotas",
    "services",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
    "replicationcontrollers",
};
// What a quota may bound besides counts, and only a limit range.
constexpr absl::string_view kAmounts[] = {
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "requests.storage",
};
constexpr absl::string_view kPodAmounts[] = {
    "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"};
constexpr absl::string_view kScopes[] = {"Terminating",          "NotTerminating",
                                         "BestEffort",           "NotBestEffort",
                                         "PriorityClass",        "CrossNamespacePodAffinity",
                                         "VolumeAttributesClass"};

template <size_t N>
bool IsOneOf(const absl::string_view (&list)[N], absl::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool IsHugePages(absl::string_view name) { return absl::StartsWith(name, "hugepages-"); }

bool IsNative(absl::string_view name) {
  return !absl::StrContains(name, '/') || absl::StrContains(name, "kubernetes.io/");
}

bool IsExtended(absl::string_view name) {
  return !IsNative(name) && !absl::StartsWith(name, "requests.") &&
         CheckQualifiedName(absl::StrCat("requests.", name)).empty();
}

bool IsQuotaResource(absl::string_view name) {
  return IsOneOf(kCounts, name) || IsOneOf(kAmounts, name) || IsHugePages(name) ||
         absl::StartsWith(name, "requests.hugepages-");
}

void CheckResourceName(const std::string& name, const Path& path, ErrorList* errors) {
  errors->InvalidEach(path, name, CheckQualifiedName(name));
  const bool standard =
      IsOneOf(kCounts, name) || IsOneOf(kAmounts, name) || IsHugePages(name) || name == "storage";
  if (!absl::StrContains(name, '/') && !standard) {
    errors->Invalid(path, name, "must be a standard resource type or fully qualified");
  }
}

void CheckQuotaAmounts(const ResourceList& list, const Path& path, ErrorList* errors) {
  for (const auto& [name, amount] :
       std::map<std::string, QuantityProto>(list.begin(), list.end())) {
    const Path at = path.Key(name);
    CheckResourceName(name, at, errors);
    if (!absl::StrContains(name, '/') && !IsQuotaResource(name)) {
      errors->Invalid(at, name, "must be a standard resource for quota");
    }
    const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
    if (!quantity.ok()) {
      errors->Invalid(at, amount.string(), std::string(quantity.status().message()));
      continue;
    }
    if (quantity->Sign() < 0) {
      errors->Invalid(at, quantity->ToString(), "must be greater than or equal to 0");
    }
    if ((IsOneOf(kCounts, name) || IsExtended(name)) && quantity->MilliValue() % 1000 != 0) {
      errors->Invalid(at, quantity->ToString(), "must be an integer");
    }
  }
}

bool ScopeFits(absl::string_view scope, absl::string_view resource) {
  if (scope == "BestEffort") return resource == "pods";
  if (scope == "VolumeAttributesClass") {
    return resource == "persistentvolumeclaims" || resource == "requests.storage";
  }
  return !IsOneOf(kScopes, scope) || resource == "pods" || IsOneOf(kPodAmounts, resource);
}

// How many of the resources that the quota bounds have nothing to do with the scope.
int Misfits(const corev1::ResourceQuotaSpec& spec, absl::string_view scope) {
  return static_cast<int>(
      std::count_if(spec.hard().begin(), spec.hard().end(), [scope](const auto& entry) {
        return IsQuotaResource(entry.first) && !ScopeFits(scope, entry.first);
      }));
}

void CheckConflicts(const std::set<std::string>& scopes, const corev1::ResourceQuotaSpec& spec,
                    const Path& path, ErrorList* errors) {
  for (const auto& [one, other] :
       {std::pair("BestEffort", "NotBestEffort"), std::pair("Terminating", "NotTerminating")}) {
    if (scopes.count(one) > 0 && scopes.count(other) > 0) {
      errors->Invalid(path, spec.scopes(), "conflicting scopes");
    }
  }
}

void CheckScopes(const corev1::ResourceQuotaSpec& spec, const Path& path, ErrorList* errors) {
  for (const std::string& scope : spec.scopes()) {
    if (!IsOneOf(kScopes, scope)) errors->Invalid(path, spec.scopes(), "unsupported scope");
    for (int i = Misfits(spec, scope); i > 0; --i) {
      errors->Invalid(path, spec.scopes(), "unsupported scope applied to resource");
    }
  }
  CheckConflicts({spec.scopes().begin(), spec.scopes().end()}, spec, path, errors);
}

void CheckScopeTerm(const corev1::ScopedResourceSelectorRequirement& term, const Path& path,
                    ErrorList* errors) {
  const std::string& scope = term.scope_name();
  const std::string& op = term.operator_();
  if (scope != "PriorityClass" && scope != "VolumeAttributesClass" && IsOneOf(kScopes, scope) &&
      op != "Exists") {
    errors->Invalid(
        path / "operator", op,
        "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "
        "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
        "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
  }
  if (op == "In" || op == "NotIn") {
    if (term.values().empty()) {
      errors->Required(path / "values",
                       "must be at least one value when `operator` is 'In' or 'NotIn' for scope "
                       "selector");
    }
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (!term.values().empty()) {
      errors->Invalid(path / "values", term.values(),
                      "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope "
                      "selector");
    }
  } else {
    errors->Invalid(path / "operator", op, "not a valid selector operator");
  }
}

void CheckScopeSelector(const corev1::ResourceQuotaSpec& spec, const Path& path,
                        ErrorList* errors) {
  std::set<std::string> scopes;
  for (const auto& term : spec.scope_selector().match_expressions()) {
    if (!IsOneOf(kScopes, term.scope_name())) {
      errors->Invalid(path / "scopeName", term.scope_name(), "unsupported scope");
    }
    for (int i = Misfits(spec, term.scope_name()); i > 0; --i) {
      errors->Invalid(path, spec.scope_selector(), "unsupported scope applied to resource");
    }
    CheckScopeTerm(term, path, errors);
    scopes.insert(term.scope_name());
  }
  CheckConflicts(scopes, spec, path, errors);
}

using Amounts = std::map<std::string, Quantity>;

Amounts AmountsOf(const ResourceList& list, const Path& path, ErrorList* errors) {
  Amounts amounts;
  for (const auto& [name, amount] : list) {
    const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
    if (quantity.ok()) {
      amounts[name] = *quantity;
    } else {
      errors->Invalid(path.Key(name), amount.string(), std::string(quantity.status().message()));
    }
  }
  return amounts;
}

// The amounts of one item of a limit range, by resource.
struct Limits {
  Amounts max, min, usual, usual_request, ratio;
};

// An error at `at` unless `less` is no more than `more`.
struct Order {
  const Amounts& less;
  absl::string_view less_name;
  const Amounts& more;
  absl::string_view more_name;
  absl::string_view at;
  const Amounts& quoted;
};

void CheckOrder(const Limits& limits, const std::string& name, const Path& path,
                ErrorList* errors) {
  const Order orders[] = {
      {limits.min, "min value", limits.max, "max value", "min", limits.min},
      {limits.min, "min value", limits.usual_request, "default request value", "defaultRequest",
       limits.usual_request},
      {limits.usual_request, "default request value", limits.max, "max value", "defaultRequest",
       limits.usual_request},
      {limits.usual_request, "default request value", limits.usual, "default limit value",
       "defaultRequest", limits.usual_request},
      {limits.min, "min value", limits.usual, "default value", "default", limits.min},
      {limits.usual, "default value", limits.max, "max value", "default", limits.max},
  };
  for (const Order& order : orders) {
    const auto less = order.less.find(name);
    const auto more = order.more.find(name);
    if (less == order.less.end() || more == order.more.end()) continue;
    if (less->second <= more->second) continue;
    errors->Invalid((path / order.at).Key(name), order.quoted.at(name).ToString(),
                    absl::StrCat(order.less_name, " ", less->second.ToString(), " is greater than ",
                                 order.more_name, " ", more->second.ToString()));
  }
}

void CheckRatio(const Limits& limits, const std::string& name, const Path& path,
                ErrorList* errors) {
  const auto ratio = limits.ratio.find(name);
  if (ratio == limits.ratio.end()) return;
  const std::string text = ratio->second.ToString();
  const Path at = (path / "maxLimitRequestRatio").Key(name);
  if (ratio->second < Quantity::FromInt(1)) {
    errors->Invalid(at, text, absl::StrCat("ratio ", text, " is less than 1"));
  }
  const auto min = limits.min.find(name);
  const auto max = limits.max.find(name);
  if (min == limits.min.end() || max == limits.max.end() || min->second.IsZero()) return;
  const double most = max->second.ToDouble() / min->second.ToDouble();
  if (ratio->second.ToDouble() > most) {
    errors->Invalid(at, text, absl::StrFormat("ratio %s is greater than max/min = %f", text, most));
  }
}

void CheckSameDefaults(const Limits& limits, const std::string& name, const Path& path,
                       ErrorList* errors) {
  const auto limit = limits.usual.find(name);
  const auto request = limits.usual_request.find(name);
  const bool overcommits = IsNative(name) && !IsHugePages(name);
  if (overcommits || limit == limits.usual.end() || request == limits.usual_request.end() ||
      limit->second == request->second) {
    return;
  }
  errors->Invalid((path / "defaultRequest").Key(name), request->second.ToString(),
                  absl::StrCat("default value ", limit->second.ToString(),
                               " must equal to defaultRequest value ", request->second.ToString(),
                               " in ", name));
}

void CheckLimitNames(const corev1::LimitRangeItem& item, const ResourceList& list, const Path& path,
                     ErrorList* errors) {
  const bool of_pods = item.type() == "Pod" || item.type() == "Container";
  for (const auto& [name, amount] :
       std::map<std::string, QuantityProto>(list.begin(), list.end())) {
    if (of_pods) {
      CheckContainerResourceName(name, path.Key(name), errors);
    } else {
      CheckResourceName(name, path.Key(name), errors);
    }
  }
}

void CheckLimitType(const std::string& type, const Path& path, ErrorList* errors) {
  errors->InvalidEach(path, type, CheckQualifiedName(type));
  if (!absl::StrContains(type, '/') && type != "Pod" && type != "Container" &&
      type != "PersistentVolumeClaim") {
    errors->Invalid(path, type, "must be a standard limit type or fully qualified");
  }
}

void CheckLimits(const corev1::LimitRangeItem& item, const Path& path, ErrorList* errors) {
  CheckLimitNames(item, item.max(), path / "max", errors);
  CheckLimitNames(item, item.min(), path / "min", errors);
  Limits limits;
  if (item.type() != "Pod") {
    CheckLimitNames(item, item.default_(), path / "default", errors);
    CheckLimitNames(item, item.default_request(), path / "defaultRequest", errors);
    limits.usual = AmountsOf(item.default_(), path / "default", errors);
    limits.usual_request = AmountsOf(item.default_request(), path / "defaultRequest", errors);
  } else {
    constexpr absl::string_view kNotForPods = "may not be specified when `type` is 'Pod'";
    if (!item.default_().empty()) errors->Forbidden(path / "default", kNotForPods);
    if (!item.default_request().empty()) errors->Forbidden(path / "defaultRequest", kNotForPods);
  }
  if (item.type() == "PersistentVolumeClaim" && !item.min().contains("storage") &&
      !item.max().contains("storage")) {
    errors->Required(
        path / "limits",
        "either minimum or maximum storage value is required, but neither was provided");
  }
  CheckLimitNames(item, item.max_limit_request_ratio(), path / "maxLimitRequestRatio", errors);
  limits.max = AmountsOf(item.max(), path / "max", errors);
  limits.min = AmountsOf(item.min(), path / "min", errors);
  limits.ratio = AmountsOf(item.max_limit_request_ratio(), path / "maxLimitRequestRatio", errors);
  std::set<std::string> names;
  for (const Amounts* amounts :
       {&limits.max, &limits.min, &limits.usual, &limits.usual_request, &limits.ratio}) {
    for (const auto& [name, amount] : *amounts) names.insert(name);
  }
  for (const std::string& name : names) {
    CheckOrder(limits, name, path, errors);
    CheckRatio(limits, name, path, errors);
    CheckSameDefaults(limits, name, path, errors);
  }
}

}  // namespace

void CheckContainerResourceName(const std::string& name, const Path& path, ErrorList* errors) {
  CheckResourceName(name, path, errors);
  if (!absl::StrContains(name, '/')) {
    if (name != "cpu" && name != "memory" && name != "ephemeral-storage" && !IsHugePages(name)) {
      errors->Invalid(path, name, "must be a standard resource for containers");
    }
  } else if (!IsNative(name) && !IsExtended(name)) {
    errors->Invalid(path, name, "doesn't follow extended resource name standard");
  }
}

void CheckResourceQuota(const corev1::ResourceQuota& quota, ErrorList* errors) {
  const Path path("spec");
  CheckQuotaAmounts(quota.spec().hard(), path / "hard", errors);
  CheckScopes(quota.spec(), path / "scopes", errors);
  CheckScopeSelector(quota.spec(), path / "scopeSelector" / "matchExpressions", errors);
}

void CheckResourceQuotaUpdate(const corev1::ResourceQuota& now, const corev1::ResourceQuota& old,
                              ErrorList* errors) {
  CheckResourceQuota(now, errors);
  const auto& after = now.spec().scopes();
  const auto& before = old.spec().scopes();
  errors->Immutable(Path("spec.scopes"), after,
                    std::set<std::string>(after.begin(), after.end()) ==
                        std::set<std::string>(before.begin(), before.end()));
}

void CheckResourceQuotaStatus(const corev1::ResourceQuota& now, const corev1::ResourceQuota&,
                              ErrorList* errors) {
  CheckQuotaAmounts(now.status().hard(), Path("status.hard"), errors);
  CheckQuotaAmounts(now.status().used(), Path("status.used"), errors);
}

void CheckLimitRange(const corev1::LimitRange& range, ErrorList* errors) {
  std::set<std::string> types;
  for (int i = 0; i < range.spec().limits_size(); ++i) {
    const corev1::LimitRangeItem& item = range.spec().limits(i);
    const Path at = Path("spec.limits")[i];
    CheckLimitType(item.type(), at / "type", errors);
    if (!types.insert(item.type()).second) errors->Duplicate(at / "type", item.type());
    CheckLimits(item, at, errors);
  }
}

}  // namespace skiff::api
