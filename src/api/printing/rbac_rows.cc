#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/printing/rows.h"
#include "k8s.io/api/rbac/v1/generated.pb.h"

namespace skiff::api::printing {
namespace {

// RoleBinding and ClusterRoleBinding; roles show no columns of their own.
constexpr Column kBinding[] = {
    kName,
    {"Role", "string", "", "The role that is granted.", 0},
    kAge,
    {"Users", "string", "", "Users that it is granted to.", 1},
    {"Groups", "string", "", "Groups that it is granted to.", 1},
    {"ServiceAccounts", "string", "", "Service accounts that it is granted to.", 1},
};

template <typename B>
std::string SubjectsOf(const B& binding, absl::string_view kind) {
  std::vector<std::string> names;
  for (const rbacv1::Subject& subject : binding.subjects()) {
    if (subject.kind() != kind) continue;
    names.push_back(kind == "ServiceAccount"
                        ? absl::StrCat(subject.namespace_(), "/", subject.name())
                        : subject.name());
  }
  return absl::StrJoin(names, ", ");
}

template <typename B>
Cells BindingRow(const B& binding, absl::Time now) {
  return {binding.metadata().name(),
          absl::StrCat(binding.role_ref().kind(), "/", binding.role_ref().name()),
          Age(binding.metadata(), now),
          SubjectsOf(binding, "User"),
          SubjectsOf(binding, "Group"),
          SubjectsOf(binding, "ServiceAccount")};
}

}  // namespace

std::span<const Table> RbacTables() {
  static const Table kTables[] = {
      MakeTable<rbacv1::RoleBinding, BindingRow<rbacv1::RoleBinding>>(kBinding),
      MakeTable<rbacv1::ClusterRoleBinding, BindingRow<rbacv1::ClusterRoleBinding>>(kBinding),
  };
  return kTables;
}

}  // namespace skiff::api::printing
