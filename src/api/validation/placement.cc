#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckRequirement(const corev1::NodeSelectorRequirement& requirement, const Path& path,
                      ErrorList* errors) {
  const std::string& op = requirement.operator_();
  const int values = requirement.values_size();
  if (op == "In" || op == "NotIn") {
    if (values == 0) {
      errors->Required(path / "values", "must be specified when `operator` is 'In' or 'NotIn'");
    }
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (values > 0) {
      errors->Forbidden(path / "values",
                        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
  } else if (op == "Gt" || op == "Lt") {
    if (values != 1) {
      errors->Required(path / "values",
                       "must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
  } else {
    errors->Invalid(path / "operator", op, "not a valid selector operator");
  }
  errors->InvalidEach(path / "key", requirement.key(), CheckQualifiedName(requirement.key()));
}

void CheckTerm(const corev1::NodeSelectorTerm& term, const Path& path, ErrorList* errors) {
  for (int i = 0; i < term.match_expressions_size(); ++i) {
    CheckRequirement(term.match_expressions(i), (path / "matchExpressions")[i], errors);
  }
  for (int i = 0; i < term.match_fields_size(); ++i) {
    const corev1::NodeSelectorRequirement& field = term.match_fields(i);
    const Path at = (path / "matchFields")[i];
    if (field.key() != "metadata.name") {
      errors->Invalid(at / "key", field.key(), "not a valid field selector key");
    }
    if (field.operator_() != "In" && field.operator_() != "NotIn") {
      errors->Invalid(at / "operator", field.operator_(), "not a valid selector operator");
    } else if (field.values_size() != 1) {
      errors->Required(at / "values",
                       "must be only one value when `operator` is 'In' or 'NotIn' for node field "
                       "selector");
    }
  }
}

void CheckWeight(int32_t weight, const Path& path, ErrorList* errors) {
  if (weight < 1 || weight > 100) {
    errors->Invalid(path / "weight", weight, "must be in the range 1-100");
  }
}

void CheckPodTerm(const corev1::PodAffinityTerm& term, const Path& path, ErrorList* errors) {
  CheckLabelSelector(term.label_selector(), path / "labelSelector", errors);
  CheckLabelSelector(term.namespace_selector(), path / "namespaceSelector", errors);
  for (const std::string& name : term.namespaces()) {
    errors->InvalidEach(path / "namespace", name, CheckDns1123Label(name));
  }
  if (term.topology_key().empty()) {
    errors->Required(path / "topologyKey", "can not be empty");
  } else {
    errors->InvalidEach(path / "topologyKey", term.topology_key(),
                        CheckQualifiedName(term.topology_key()));
  }
}

// PodAffinity and PodAntiAffinity have the same members.
template <typename T>
void CheckPodTerms(const T& affinity, const Path& path, ErrorList* errors) {
  const Path required = path / "requiredDuringSchedulingIgnoredDuringExecution";
  for (int i = 0; i < affinity.required_during_scheduling_ignored_during_execution_size(); ++i) {
    CheckPodTerm(affinity.required_during_scheduling_ignored_during_execution(i), required[i],
                 errors);
  }
  const Path preferred = path / "preferredDuringSchedulingIgnoredDuringExecution";
  for (int i = 0; i < affinity.preferred_during_scheduling_ignored_during_execution_size(); ++i) {
    const auto& term = affinity.preferred_during_scheduling_ignored_during_execution(i);
    CheckWeight(term.weight(), preferred[i], errors);
    CheckPodTerm(term.pod_affinity_term(), preferred[i] / "podAffinityTerm", errors);
  }
}

void CheckNodeAffinity(const corev1::NodeAffinity& affinity, const Path& path, ErrorList* errors) {
  if (affinity.has_required_during_scheduling_ignored_during_execution()) {
    CheckNodeSelector(affinity.required_during_scheduling_ignored_during_execution(),
                      path / "requiredDuringSchedulingIgnoredDuringExecution", errors);
  }
  const Path preferred = path / "preferredDuringSchedulingIgnoredDuringExecution";
  for (int i = 0; i < affinity.preferred_during_scheduling_ignored_during_execution_size(); ++i) {
    const auto& term = affinity.preferred_during_scheduling_ignored_during_execution(i);
    CheckWeight(term.weight(), preferred[i], errors);
    CheckTerm(term.preference(), preferred[i] / "preference", errors);
  }
}

void CheckToleration(const corev1::Toleration& toleration, const Path& path, ErrorList* errors) {
  if (!toleration.key().empty()) {
    errors->InvalidEach(path / "key", toleration.key(), CheckQualifiedName(toleration.key()));
  } else if (toleration.operator_() != "Exists") {
    errors->Invalid(path / "operator", toleration.operator_(),
                    "operator must be Exists when `key` is empty, which means \"match all values "
                    "and all keys\"");
  }
  if (toleration.has_toleration_seconds() && toleration.effect() != "NoExecute") {
    errors->Invalid(path / "effect", toleration.effect(),
                    "effect must be 'NoExecute' when `tolerationSeconds` is set");
  }
  const std::string& op = toleration.operator_();
  if (op.empty() || op == "Equal") {
    errors->InvalidEach(path / "operator", toleration.value(), CheckLabelValue(toleration.value()));
  } else if (op == "Exists") {
    if (!toleration.value().empty()) {
      errors->Invalid(path / "operator", toleration,
                      "value must be empty when `operator` is 'Exists'");
    }
  } else {
    errors->OneOf(path / "operator", op, {"Equal", "Exists"});
  }
  if (!toleration.effect().empty()) {
    errors->OneOf(path / "effect", toleration.effect(),
                  {"NoExecute", "NoSchedule", "PreferNoSchedule"});
  }
}

}  // namespace

void CheckNodeSelector(const corev1::NodeSelector& selector, const Path& path, ErrorList* errors) {
  const Path terms = path / "nodeSelectorTerms";
  if (selector.node_selector_terms().empty()) {
    errors->Required(terms, "must have at least one node selector term");
  }
  for (int i = 0; i < selector.node_selector_terms_size(); ++i) {
    CheckTerm(selector.node_selector_terms(i), terms[i], errors);
  }
}

void CheckAffinity(const corev1::Affinity& affinity, const Path& path, ErrorList* errors) {
  CheckNodeAffinity(affinity.node_affinity(), path / "nodeAffinity", errors);
  CheckPodTerms(affinity.pod_affinity(), path / "podAffinity", errors);
  CheckPodTerms(affinity.pod_anti_affinity(), path / "podAntiAffinity", errors);
}

void CheckTolerations(const google::protobuf::RepeatedPtrField<corev1::Toleration>& tolerations,
                      const Path& path, ErrorList* errors) {
  for (int i = 0; i < tolerations.size(); ++i) CheckToleration(tolerations[i], path[i], errors);
}

void CheckTopologySpread(const corev1::PodSpec& spec, const Path& path, ErrorList* errors) {
  for (int i = 0; i < spec.topology_spread_constraints_size(); ++i) {
    const corev1::TopologySpreadConstraint& constraint = spec.topology_spread_constraints(i);
    const Path at = path[i];
    if (constraint.max_skew() <= 0) {
      errors->Invalid(at / "maxSkew", constraint.max_skew(), "must be greater than zero");
    }
    if (constraint.topology_key().empty()) {
      errors->Required(at / "topologyKey", "can not be empty");
    }
    errors->OneOf(at / "whenUnsatisfiable", constraint.when_unsatisfiable(),
                  {"DoNotSchedule", "ScheduleAnyway"});
    CheckLabelSelector(constraint.label_selector(), at / "labelSelector", errors);
  }
}

}  // namespace skiff::api
