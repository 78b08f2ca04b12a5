#include "api/system_objects.h"

namespace skiff::api {
namespace {

constexpr int32_t kSystemPriority = 2'000'000'000;

schedulingv1::PriorityClass PriorityClass(const char* name, int32_t value, const char* text) {
  schedulingv1::PriorityClass out;
  out.mutable_metadata()->set_name(name);
  out.set_value(value);
  out.set_description(text);
  out.set_preemption_policy("PreemptLowerPriority");
  return out;
}

// Of the requests of these groups, all.
flowcontrolv1::FlowSchema FlowSchema(const char* name, int32_t precedence,
                                     std::initializer_list<const char*> groups) {
  flowcontrolv1::FlowSchema out;
  out.mutable_metadata()->set_name(name);
  (*out.mutable_metadata()->mutable_annotations())["apf.kubernetes.io/autoupdate-spec"] = "true";
  flowcontrolv1::FlowSchemaSpec* spec = out.mutable_spec();
  spec->mutable_priority_level_configuration()->set_name(name);
  spec->set_matching_precedence(precedence);
  flowcontrolv1::PolicyRulesWithSubjects* rules = spec->add_rules();
  for (const char* group : groups) {
    flowcontrolv1::Subject* subject = rules->add_subjects();
    subject->set_kind("Group");
    subject->mutable_group()->set_name(group);
  }
  flowcontrolv1::ResourcePolicyRule* resources = rules->add_resource_rules();
  resources->add_verbs("*");
  resources->add_api_groups("*");
  resources->add_resources("*");
  resources->set_cluster_scope(true);
  resources->add_namespaces("*");
  flowcontrolv1::NonResourcePolicyRule* paths = rules->add_non_resource_rules();
  paths->add_verbs("*");
  paths->add_non_resource_urls("*");
  return out;
}

flowcontrolv1::PriorityLevelConfiguration PriorityLevel(const char* name, const char* type) {
  flowcontrolv1::PriorityLevelConfiguration out;
  out.mutable_metadata()->set_name(name);
  (*out.mutable_metadata()->mutable_annotations())["apf.kubernetes.io/autoupdate-spec"] = "true";
  out.mutable_spec()->set_type(type);
  return out;
}

}  // namespace

std::vector<schedulingv1::PriorityClass> SystemPriorityClasses() {
  return {PriorityClass("system-node-critical", kSystemPriority + 1000,
                        "Used for system critical pods that must not be moved from their current "
                        "node."),
          PriorityClass("system-cluster-critical", kSystemPriority,
                        "Used for system critical pods that must run in the cluster, but can be "
                        "moved to another node if necessary.")};
}

std::vector<flowcontrolv1::FlowSchema> MandatoryFlowSchemas() {
  flowcontrolv1::FlowSchema all =
      FlowSchema("catch-all", 10000, {"system:unauthenticated", "system:authenticated"});
  all.mutable_spec()->mutable_distinguisher_method()->set_type("ByUser");
  return {FlowSchema("exempt", 1, {"system:masters"}), all};
}

std::vector<flowcontrolv1::PriorityLevelConfiguration> MandatoryPriorityLevels() {
  flowcontrolv1::PriorityLevelConfiguration exempt = PriorityLevel("exempt", "Exempt");
  exempt.mutable_spec()->mutable_exempt()->set_nominal_concurrency_shares(0);
  exempt.mutable_spec()->mutable_exempt()->set_lendable_percent(0);
  flowcontrolv1::PriorityLevelConfiguration rest = PriorityLevel("catch-all", "Limited");
  flowcontrolv1::LimitedPriorityLevelConfiguration* limited =
      rest.mutable_spec()->mutable_limited();
  limited->set_nominal_concurrency_shares(5);
  limited->set_lendable_percent(0);
  limited->mutable_limit_response()->set_type("Reject");
  return {exempt, rest};
}

}  // namespace skiff::api
