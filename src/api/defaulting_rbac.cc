#include "api/defaulting_internal.h"
#include "k8s.io/api/rbac/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr char kGroup[] = "rbac.authorization.k8s.io";

template <typename B>
void BindingDefaults(B* binding) {
  if (binding->role_ref().api_group().empty()) {
    binding->mutable_role_ref()->set_api_group(kGroup);
  }
  for (rbacv1::Subject& subject : *binding->mutable_subjects()) {
    const bool is_name = subject.kind() == "User" || subject.kind() == "Group";
    if (is_name && subject.api_group().empty()) subject.set_api_group(kGroup);
  }
}

}  // namespace

void RoleBindingDefaults(rbacv1::RoleBinding* binding) { BindingDefaults(binding); }

void ClusterRoleBindingDefaults(rbacv1::ClusterRoleBinding* binding) { BindingDefaults(binding); }

}  // namespace skiff::api
