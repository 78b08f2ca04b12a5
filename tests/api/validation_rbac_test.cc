#include "k8s.io/api/rbac/v1/generated.pb.h"
#include "tests/api/rules.h"

namespace skiff::api {
namespace {

const char kRole[] = R"({"metadata": {"name": "pod-reader", "namespace": "default"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "watch", "list"]}]})";

TEST_CASE("ARoleGrantsVerbsOnResources") {
  CheckCreates<rbacv1::Role>(
      kRole,
      {{"{}", ""},
       {R"({"rules": null})", ""},
       {R"({"metadata": {"name": "system:controller:x"}})", ""},
       {R"({"metadata": {"name": "a/b"}})",
        "metadata.name: Invalid value: \"a/b\": may not contain '/'"},
       {R"({"metadata": {"name": ".."}})", "metadata.name: Invalid value: \"..\": may not be '..'"},
       {R"({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": []}]})",
        "rules[0].verbs: Required value: verbs must contain at least one value"},
       {R"({"rules": [{"verbs": ["get"]}]})",
        "rules[0].apiGroups: Required value: resource rules must supply at least one api group; "
        "rules[0].resources: Required value: resource rules must supply at least one resource"},
       {R"({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]})",
        "rules[0].nonResourceURLs: Invalid value: [\"/healthz\"]: namespaced rules cannot apply to "
        "non-resource URLs"}});
}

TEST_CASE("AClusterRoleGrantsUrlsOrResources") {
  const char base[] = R"({"metadata": {"name": "r"}})";
  CheckCreates<rbacv1::ClusterRole>(
      base,
      {{R"({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz/*"]}]})", ""},
       {R"({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"]}]})",
        "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: rules cannot apply to both regular "
        "resources and non-resource URLs"},
       {R"({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}})", ""},
       {R"({"aggregationRule": {}})",
        "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector "
        "required if aggregationRule is non-nil"},
       {R"({"aggregationRule": {"clusterRoleSelectors": [
             {"matchExpressions": [{"key": "a", "operator": "Maybe"}]}]}})",
        "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "
        "\"Maybe\": not a valid selector operator; aggregationRule.clusterRoleSelectors[0]: "
        "Invalid value: null: invalid label selector."},
       {R"({"metadata": {"namespace": "n"}})",
        "metadata.namespace: Forbidden: not allowed on this type"}});
}

const char kBinding[] = R"({"metadata": {"name": "b", "namespace": "default"},
    "roleRef": {"kind": "Role", "name": "pod-reader"},
    "subjects": [{"kind": "User", "name": "jane"}]})";

TEST_CASE("ARoleBindingNamesARoleAndSubjects") {
  CheckCreates<rbacv1::RoleBinding>(
      kBinding,
      {{"{}", ""},
       {R"({"subjects": null})", ""},
       {R"({"subjects": [{"kind": "Group", "name": "system:authenticated"},
                         {"kind": "ServiceAccount", "name": "default"}]})",
        ""},
       {R"({"roleRef": {"apiGroup": "x", "kind": "Rolle", "name": ""}})",
        "roleRef.apiGroup: Unsupported value: \"x\": supported values: "
        "\"rbac.authorization.k8s.io\"; roleRef.kind: Unsupported value: \"Rolle\": supported "
        "values: \"Role\", \"ClusterRole\"; roleRef.name: Required value"},
       {R"({"roleRef": {"name": "a%b"}})",
        "roleRef.name: Invalid value: \"a%b\": may not contain '%'"},
       {R"({"subjects": [{"kind": "Robot", "name": "x"}]})",
        "subjects[0].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", "
        "\"User\", \"Group\""},
       {R"({"subjects": [{"kind": "User", "name": ""}]})",
        "subjects[0].name: Required value; subjects[0].name: Invalid value: \"\": user name cannot "
        "be empty"},
       {R"({"subjects": [{"kind": "Group", "name": "g", "apiGroup": "x"}]})",
        "subjects[0].apiGroup: Unsupported value: \"x\": supported values: "
        "\"rbac.authorization.k8s.io\""},
       {R"({"subjects": [{"kind": "ServiceAccount", "name": "a", "apiGroup": "x"}]})",
        "subjects[0].apiGroup: Unsupported value: \"x\": supported values: \"\""}});
  CheckCreates<rbacv1::ClusterRoleBinding>(
      R"({"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": "r"}})",
      {{"{}", ""},
       {R"({"roleRef": {"kind": "Role"}})",
        "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\""},
       {R"({"subjects": [{"kind": "ServiceAccount", "name": "a"}]})",
        "subjects[0].namespace: Required value"}});
}

TEST_CASE("ABindingKeepsItsRole") {
  CheckUpdates<rbacv1::RoleBinding>(
      kBinding, {{R"({"subjects": [{"kind": "User", "name": "joe"}]})", ""},
                 {R"({"roleRef": {"name": "other"}})",
                  "roleRef: Invalid value: {\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":"
                  "\"Role\",\"name\":\"other\"}: cannot change roleRef"}});
  CheckUpdates<rbacv1::Role>(kRole, {{R"({"rules": [{"apiGroups": ["*"], "resources": ["*"],
                                                   "verbs": ["*"]}]})",
                                      ""}});
}

TEST_CASE("BindingsAreOfTheGroupOfRoles") {
  const auto binding = Patched<rbacv1::RoleBinding>(kBinding, R"({"subjects": [
      {"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"},
      {"kind": "ServiceAccount", "name": "a"}]})");
  CHECK(binding.role_ref().api_group() == "rbac.authorization.k8s.io");
  CHECK(binding.subjects(0).api_group() == "rbac.authorization.k8s.io");
  CHECK(binding.subjects(1).api_group() == "rbac.authorization.k8s.io");
  CHECK(binding.subjects(2).api_group() == "");
}

}  // namespace
}  // namespace skiff::api
