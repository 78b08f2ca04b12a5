#include "absl/strings/str_cat.h"
#include "api/same.h"
#include "api/selector.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/rbac/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr absl::string_view kGroup = "rbac.authorization.k8s.io";

void CheckRule(const rbacv1::PolicyRule& rule, bool namespaced, const Path& path,
               ErrorList* errors) {
  if (rule.verbs().empty()) {
    errors->Required(path / "verbs", "verbs must contain at least one value");
  }
  if (!rule.non_resource_urls().empty()) {
    if (namespaced) {
      errors->Invalid(path / "nonResourceURLs", rule.non_resource_urls(),
                      "namespaced rules cannot apply to non-resource URLs");
    }
    if (!rule.api_groups().empty() || !rule.resources().empty() || !rule.resource_names().empty()) {
      errors->Invalid(path / "nonResourceURLs", rule.non_resource_urls(),
                      "rules cannot apply to both regular resources and non-resource URLs");
    }
    return;
  }
  if (rule.api_groups().empty()) {
    errors->Required(path / "apiGroups", "resource rules must supply at least one api group");
  }
  if (rule.resources().empty()) {
    errors->Required(path / "resources", "resource rules must supply at least one resource");
  }
}

template <typename R>
void CheckRules(const R& role, bool namespaced, ErrorList* errors) {
  for (int i = 0; i < role.rules_size(); ++i) {
    CheckRule(role.rules(i), namespaced, Path("rules")[i], errors);
  }
}

void CheckSubject(const rbacv1::Subject& subject, bool namespaced, const Path& path,
                  ErrorList* errors) {
  const std::string& name = subject.name();
  if (name.empty()) errors->Required(path / "name");
  if (subject.kind() == "ServiceAccount") {
    if (!name.empty()) errors->InvalidEach(path / "name", name, CheckDns1123Subdomain(name));
    errors->OneOf(path / "apiGroup", subject.api_group(), {""});
    if (!namespaced && subject.namespace_().empty()) errors->Required(path / "namespace");
  } else if (subject.kind() == "User" || subject.kind() == "Group") {
    if (name.empty()) {
      errors->Invalid(
          path / "name", name,
          absl::StrCat(subject.kind() == "User" ? "user" : "group", " name cannot be empty"));
    }
    errors->OneOf(path / "apiGroup", subject.api_group(), {kGroup});
  } else {
    errors->NotSupported(path / "kind", subject.kind(), {"ServiceAccount", "User", "Group"});
  }
}

// RoleBinding or ClusterRoleBinding.
template <typename B>
void CheckBinding(const B& binding, bool namespaced, ErrorList* errors) {
  const Path path("roleRef");
  const rbacv1::RoleRef& ref = binding.role_ref();
  errors->OneOf(path / "apiGroup", ref.api_group(), {kGroup});
  if (namespaced) {
    errors->OneOf(path / "kind", ref.kind(), {"Role", "ClusterRole"});
  } else {
    errors->OneOf(path / "kind", ref.kind(), {"ClusterRole"});
  }
  if (ref.name().empty()) {
    errors->Required(path / "name");
  } else {
    errors->InvalidEach(path / "name", ref.name(), CheckPathSegment(ref.name()));
  }
  for (int i = 0; i < binding.subjects_size(); ++i) {
    CheckSubject(binding.subjects(i), namespaced, Path("subjects")[i], errors);
  }
}

template <typename B>
void CheckSameRole(const B& now, const B& old, ErrorList* errors) {
  if (!LooksSame(now.role_ref(), old.role_ref())) {
    errors->Invalid(Path("roleRef"), now.role_ref(), "cannot change roleRef");
  }
}

}  // namespace

void CheckRole(const rbacv1::Role& role, ErrorList* errors) { CheckRules(role, true, errors); }

void CheckClusterRole(const rbacv1::ClusterRole& role, ErrorList* errors) {
  CheckRules(role, false, errors);
  if (!role.has_aggregation_rule()) return;
  const Path path = Path("aggregationRule") / "clusterRoleSelectors";
  const auto& selectors = role.aggregation_rule().cluster_role_selectors();
  if (selectors.empty()) {
    errors->Required(path,
                     "at least one clusterRoleSelector required if aggregationRule is non-nil");
  }
  for (int i = 0; i < selectors.size(); ++i) {
    CheckLabelSelector(selectors[i], path[i], errors);
    if (!LabelSelector::FromProto(selectors[i]).ok()) {
      errors->Invalid(path[i], nullptr, "invalid label selector.");
    }
  }
}

void CheckRoleBinding(const rbacv1::RoleBinding& binding, ErrorList* errors) {
  CheckBinding(binding, true, errors);
}

void CheckRoleBindingUpdate(const rbacv1::RoleBinding& now, const rbacv1::RoleBinding& old,
                            ErrorList* errors) {
  CheckBinding(now, true, errors);
  CheckSameRole(now, old, errors);
}

void CheckClusterRoleBinding(const rbacv1::ClusterRoleBinding& binding, ErrorList* errors) {
  CheckBinding(binding, false, errors);
}

void CheckClusterRoleBindingUpdate(const rbacv1::ClusterRoleBinding& now,
                                   const rbacv1::ClusterRoleBinding& old, ErrorList* errors) {
  CheckBinding(now, false, errors);
  CheckSameRole(now, old, errors);
}

}  // namespace skiff::api
