#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/same.h"
#include "api/system_objects.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int32_t kMaxPrecedence = 10'000;
constexpr int32_t kMaxQueues = 10'000'000;
// Of a request's hash, that choose the queues which it may join.
constexpr int kHashBits = 60;

constexpr std::initializer_list<absl::string_view> kVerbs = {
    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"};

using Texts = google::protobuf::RepeatedPtrField<std::string>;

bool HasWildcard(const Texts& texts) {
  return std::find(texts.begin(), texts.end(), "*") != texts.end();
}

// `*` stands alone. Whether it is there.
bool CheckWildcard(const Texts& texts, absl::string_view others, const Path& path,
                   ErrorList* errors) {
  if (!HasWildcard(texts)) return false;
  if (texts.size() > 1) {
    errors->Invalid(path, texts,
                    absl::StrCat("if '*' is present, must not specify other ", others));
  }
  return true;
}

void CheckVerbs(const Texts& verbs, const Path& path, ErrorList* errors) {
  if (verbs.empty()) {
    errors->Required(path, "verbs must contain at least one value");
    return;
  }
  if (CheckWildcard(verbs, "verbs", path, errors)) return;
  for (const std::string& verb : verbs) {
    if (std::find(kVerbs.begin(), kVerbs.end(), verb) == kVerbs.end()) {
      errors->NotSupported(path, verbs, kVerbs);
      return;
    }
  }
}

void CheckUrl(const std::string& url, const Path& path, ErrorList* errors) {
  const auto stars = std::count(url.begin(), url.end(), '*');
  if (url.empty()) {
    errors->Invalid(path, url, "must not be empty");
  } else if (url == "/") {
    return;
  } else if (url[0] != '/') {
    errors->Invalid(path, url, "must start with slash");
  } else if (absl::StrContains(url, ' ')) {
    errors->Invalid(path, url, "must not contain white-space");
  } else if (absl::StrContains(url, "//")) {
    errors->Invalid(path, url, "must not contain double slash");
  } else if (stars > 1 || (stars == 1 && !absl::EndsWith(url, "/*"))) {
    errors->Invalid(path, url, "wildcard can only do suffix matching");
  }
}

void CheckNonResourceRule(const flowcontrolv1::NonResourcePolicyRule& rule, const Path& path,
                          ErrorList* errors) {
  CheckVerbs(rule.verbs(), path / "verbs", errors);
  const Path urls = path / "nonResourceURLs";
  if (rule.non_resource_urls().empty()) {
    errors->Required(urls, "nonResourceURLs must contain at least one value");
  } else if (!CheckWildcard(rule.non_resource_urls(), "non-resource URLs", urls, errors)) {
    for (int i = 0; i < rule.non_resource_urls_size(); ++i) {
      CheckUrl(rule.non_resource_urls(i), urls[i], errors);
    }
  }
}

void CheckResourceRule(const flowcontrolv1::ResourcePolicyRule& rule, const Path& path,
                       ErrorList* errors) {
  CheckVerbs(rule.verbs(), path / "verbs", errors);
  if (rule.api_groups().empty()) {
    errors->Required(path / "apiGroups", "resource rules must supply at least one api group");
  } else {
    CheckWildcard(rule.api_groups(), "api groups", path / "apiGroups", errors);
  }
  if (rule.resources().empty()) {
    errors->Required(path / "resources", "resource rules must supply at least one resource");
  } else {
    CheckWildcard(rule.resources(), "resources", path / "resources", errors);
  }
  const Path spaces = path / "namespaces";
  if (rule.namespaces().empty() && !rule.cluster_scope()) {
    errors->Required(
        spaces, "resource rules that are not cluster scoped must supply at least one namespace");
  } else if (!CheckWildcard(rule.namespaces(), "namespaces", spaces, errors)) {
    for (int i = 0; i < rule.namespaces_size(); ++i) {
      for (const std::string& fault : CheckDns1123Label(rule.namespaces(i))) {
        errors->Invalid(
            spaces[i], rule.namespaces(i),
            absl::StrCat("each member of this list must be '*' or a DNS-1123 label; ", fault));
      }
    }
  }
}

void CheckAccount(const flowcontrolv1::ServiceAccountSubject& account, const Path& path,
                  ErrorList* errors) {
  if (account.name().empty()) {
    errors->Required(path / "name");
  } else if (account.name() != "*") {
    errors->InvalidEach(path / "name", account.name(), CheckDns1123Subdomain(account.name()));
  }
  if (account.namespace_().empty()) {
    errors->Required(path / "namespace", "must specify namespace for service account");
  } else {
    errors->InvalidEach(path / "namespace", account.namespace_(),
                        CheckDns1123Label(account.namespace_()));
  }
}

void CheckSubject(const flowcontrolv1::Subject& subject, const Path& path, ErrorList* errors) {
  const std::string& kind = subject.kind();
  if (kind != "ServiceAccount" && kind != "User" && kind != "Group") {
    errors->OneOf(path / "kind", kind, {"Group", "ServiceAccount", "User"});
    return;
  }
  struct Member {
    absl::string_view kind;
    absl::string_view name;
    bool has;
  };
  const Member members[] = {{"ServiceAccount", "serviceAccount", subject.has_service_account()},
                            {"User", "user", subject.has_user()},
                            {"Group", "group", subject.has_group()}};
  for (const Member& member : members) {
    if (member.kind != kind) continue;
    const Path at = path / member.name;
    if (!member.has) {
      errors->Required(at,
                       absl::StrCat(member.name, " is required when subject kind is '", kind, "'"));
    } else if (kind == "ServiceAccount") {
      CheckAccount(subject.service_account(), at, errors);
    } else if ((kind == "User" ? subject.user().name() : subject.group().name()).empty()) {
      errors->Required(at / "name");
    }
  }
  for (const Member& member : members) {
    if (member.kind == kind || !member.has) continue;
    errors->Forbidden(
        path / member.name,
        absl::StrCat(member.name, " is forbidden when subject kind is not '", member.kind, "'"));
  }
}

void CheckRule(const flowcontrolv1::PolicyRulesWithSubjects& rule, const Path& path,
               ErrorList* errors) {
  if (rule.subjects().empty()) {
    errors->Required(path / "subjects", "subjects must contain at least one value");
  }
  for (int i = 0; i < rule.subjects_size(); ++i) {
    CheckSubject(rule.subjects(i), (path / "subjects")[i], errors);
  }
  if (rule.resource_rules().empty() && rule.non_resource_rules().empty()) {
    errors->Required(path,
                     "at least one of resourceRules and nonResourceRules has to be non-empty");
  }
  for (int i = 0; i < rule.resource_rules_size(); ++i) {
    CheckResourceRule(rule.resource_rules(i), (path / "resourceRules")[i], errors);
  }
  for (int i = 0; i < rule.non_resource_rules_size(); ++i) {
    CheckNonResourceRule(rule.non_resource_rules(i), (path / "nonResourceRules")[i], errors);
  }
}

void CheckPrecedence(const flowcontrolv1::FlowSchema& schema, const Path& path, ErrorList* errors) {
  const int32_t precedence = schema.spec().matching_precedence();
  if (precedence <= 0) errors->Invalid(path, precedence, "must be a positive value");
  if (precedence > kMaxPrecedence) {
    errors->Invalid(path, precedence, absl::StrCat("must not be greater than ", kMaxPrecedence));
  }
  if (precedence == 1 && schema.metadata().name() != "exempt") {
    errors->Invalid(path, precedence,
                    "only the schema named 'exempt' may have matchingPrecedence 1");
  }
}

template <typename Conditions>
void CheckConditionTypes(const Conditions& conditions, ErrorList* errors) {
  std::set<std::string> types;
  for (int i = 0; i < conditions.size(); ++i) {
    const Path at = Path("status.conditions")[i] / "type";
    const std::string& type = conditions[i].type();
    if (!types.insert(type).second) errors->Duplicate(at, type);
    if (type.empty()) errors->Required(at, "must not be empty");
  }
}

template <typename T>
void CheckMandatory(const T& object, const std::vector<T>& mandatory, ErrorList* errors) {
  for (const T& fixed : mandatory) {
    if (fixed.metadata().name() == object.metadata().name() &&
        !LooksSame(fixed.spec(), object.spec())) {
      errors->Invalid(
          Path("spec"), object.spec(),
          absl::StrCat("spec of '", object.metadata().name(), "' must equal the fixed value"));
    }
  }
}

void CheckShares(bool has_share, int32_t shares, bool has_percent, int32_t percent,
                 const Path& path, ErrorList* errors) {
  if (has_share && shares < 0) {
    errors->Invalid(path / "nominalConcurrencyShares", shares, "must be a non-negative integer");
  }
  if (has_percent && (percent < 0 || percent > 100)) {
    errors->Invalid(path / "lendablePercent", percent, "must be between 0 and 100, inclusive");
  }
}

void CheckQueuing(const flowcontrolv1::QueuingConfiguration& queuing, const Path& path,
                  ErrorList* errors) {
  const int32_t queues = queuing.queues();
  const int32_t hand = queuing.hand_size();
  if (queuing.queue_length_limit() <= 0) {
    errors->Invalid(path / "queueLengthLimit", queuing.queue_length_limit(), "must be positive");
  }
  if (queues <= 0) {
    errors->Invalid(path / "queues", queues, "must be positive");
  } else if (queues > kMaxQueues) {
    errors->Invalid(path / "queues", queues, absl::StrCat("must not be greater than ", kMaxQueues));
  }
  if (hand <= 0) {
    errors->Invalid(path / "handSize", hand, "must be positive");
  } else if (hand > queues) {
    errors->Invalid(path / "handSize", hand,
                    absl::StrCat("should not be greater than queues (", queues, ")"));
  } else if (std::ceil(std::log2(queues) * hand) > kHashBits) {
    errors->Invalid(path / "handSize", hand,
                    absl::StrCat("required entropy bits of deckSize ", queues, " and handSize ",
                                 hand, " should not be greater than ", kHashBits));
  }
}

void CheckLimited(const flowcontrolv1::LimitedPriorityLevelConfiguration& limited, const Path& path,
                  ErrorList* errors) {
  CheckShares(limited.has_nominal_concurrency_shares(), limited.nominal_concurrency_shares(),
              limited.has_lendable_percent(), limited.lendable_percent(), path, errors);
  if (limited.has_borrowing_limit_percent() && limited.borrowing_limit_percent() < 0) {
    errors->Invalid(path / "borrowingLimitPercent", limited.borrowing_limit_percent(),
                    "if specified, must be a non-negative integer");
  }
  const flowcontrolv1::LimitResponse& response = limited.limit_response();
  const Path at = path / "limitResponse";
  if (response.type() == "Reject") {
    if (response.has_queuing()) {
      errors->Forbidden(at / "queuing", "must be nil if limited.limitResponse.type is not Limited");
    }
  } else if (response.type() != "Queue") {
    errors->OneOf(at / "type", response.type(), {"Queue", "Reject"});
  } else if (!response.has_queuing()) {
    errors->Required(at / "queuing", "must not be empty if limited.limitResponse.type is Limited");
  } else {
    CheckQueuing(response.queuing(), at / "queuing", errors);
  }
}

void CheckLevelSpec(const flowcontrolv1::PriorityLevelConfiguration& level, const Path& path,
                    ErrorList* errors) {
  const flowcontrolv1::PriorityLevelConfigurationSpec& spec = level.spec();
  if ((level.metadata().name() == "exempt") != (spec.type() == "Exempt")) {
    errors->Invalid(path / "type", spec.type(),
                    "type must be 'Exempt' if and only if name is 'exempt'");
  }
  if (spec.type() == "Exempt") {
    if (spec.has_limited()) {
      errors->Forbidden(path / "limited", "must be nil if the type is not Limited");
    }
    CheckShares(spec.exempt().has_nominal_concurrency_shares(),
                spec.exempt().nominal_concurrency_shares(), spec.exempt().has_lendable_percent(),
                spec.exempt().lendable_percent(), path / "exempt", errors);
  } else if (spec.type() == "Limited") {
    if (spec.has_exempt()) {
      errors->Forbidden(path / "exempt", "must be nil if the type is Limited");
    }
    if (!spec.has_limited()) {
      errors->Required(path / "limited", "must not be empty when type is Limited");
    } else {
      CheckLimited(spec.limited(), path / "limited", errors);
    }
  } else {
    errors->OneOf(path / "type", spec.type(), {"Exempt", "Limited"});
  }
}

}  // namespace

void CheckFlowSchema(const flowcontrolv1::FlowSchema& schema, ErrorList* errors) {
  const flowcontrolv1::FlowSchemaSpec& spec = schema.spec();
  const Path path("spec");
  CheckPrecedence(schema, path / "matchingPrecedence", errors);
  if (spec.has_distinguisher_method()) {
    const std::string& type = spec.distinguisher_method().type();
    if (type != "ByNamespace" && type != "ByUser") {
      errors->NotSupported(path / "distinguisherMethod" / "type",
                           RawJson{absl::StrCat("{\"Type\":", JsonOf(type), "}")},
                           {"ByNamespace", "ByUser"});
    }
  }
  const std::string& level = spec.priority_level_configuration().name();
  const Path level_path = path / "priorityLevelConfiguration" / "name";
  if (level.empty()) {
    errors->Required(level_path, "must reference a priority level");
  } else {
    errors->InvalidEach(level_path, level, CheckDns1123Subdomain(level));
  }
  for (int i = 0; i < spec.rules_size(); ++i) CheckRule(spec.rules(i), (path / "rules")[i], errors);
  CheckMandatory(schema, MandatoryFlowSchemas(), errors);
}

void CheckFlowSchemaUpdate(const flowcontrolv1::FlowSchema& now, const flowcontrolv1::FlowSchema&,
                           ErrorList* errors) {
  CheckFlowSchema(now, errors);
}

void CheckFlowSchemaStatus(const flowcontrolv1::FlowSchema& now, const flowcontrolv1::FlowSchema&,
                           ErrorList* errors) {
  CheckConditionTypes(now.status().conditions(), errors);
}

void CheckPriorityLevel(const flowcontrolv1::PriorityLevelConfiguration& level, ErrorList* errors) {
  CheckLevelSpec(level, Path("spec"), errors);
  // What the exempt level lends is the cluster's own affair.
  flowcontrolv1::PriorityLevelConfiguration fixed = level;
  if (level.metadata().name() == "exempt") {
    *fixed.mutable_spec()->mutable_exempt() = MandatoryPriorityLevels()[0].spec().exempt();
  }
  CheckMandatory(fixed, MandatoryPriorityLevels(), errors);
}

void CheckPriorityLevelUpdate(const flowcontrolv1::PriorityLevelConfiguration& now,
                              const flowcontrolv1::PriorityLevelConfiguration&, ErrorList* errors) {
  CheckPriorityLevel(now, errors);
}

void CheckPriorityLevelStatus(const flowcontrolv1::PriorityLevelConfiguration& now,
                              const flowcontrolv1::PriorityLevelConfiguration&, ErrorList* errors) {
  CheckConditionTypes(now.status().conditions(), errors);
}

}  // namespace skiff::api
