#include "scheduler/topology.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace skiff::scheduler {
namespace {

using Terms = google::protobuf::RepeatedPtrField<corev1::PodAffinityTerm>;
using Labels = google::protobuf::Map<std::string, std::string>;

const Terms& Affinity(const corev1::Pod& pod) {
  return pod.spec().affinity().pod_affinity().required_during_scheduling_ignored_during_execution();
}

const Terms& AntiAffinity(const corev1::Pod& pod) {
  return pod.spec()
      .affinity()
      .pod_anti_affinity()
      .required_during_scheduling_ignored_during_execution();
}

bool Forbids(const corev1::TopologySpreadConstraint& constraint) {
  return constraint.when_unsatisfiable() != "ScheduleAnyway";
}

// The selector with the values that `labels` has for some keys (matchLabelKeys), or has not
// (mismatchLabelKeys). An absent selector matches nothing.
template <typename Rule>
api::LabelSelector SelectorOf(const Rule& rule, const Labels& labels,
                              const google::protobuf::RepeatedPtrField<std::string>& mismatched) {
  if (!rule.has_label_selector()) return api::LabelSelector::Nothing();
  metav1::LabelSelector selector = rule.label_selector();
  const auto require = [&](const std::string& key, const char* op) {
    const auto at = labels.find(key);
    if (at == labels.end()) return;
    auto* requirement = selector.add_match_expressions();
    requirement->set_key(key);
    requirement->set_operator_(op);
    requirement->add_values(at->second);
  };
  for (const std::string& key : rule.match_label_keys()) require(key, "In");
  for (const std::string& key : mismatched) require(key, "NotIn");
  const auto parsed = api::LabelSelector::FromProto(selector);
  return parsed.ok() ? *parsed : api::LabelSelector::Nothing();
}

// Which pods a term of `owner` means.
class TermMatcher {
 public:
  TermMatcher(const corev1::PodAffinityTerm& term, const corev1::Pod& owner)
      : selector_(SelectorOf(term, owner.metadata().labels(), term.mismatch_label_keys())),
        namespaces_(term.namespaces().begin(), term.namespaces().end()),
        // The empty selector means all of them; others are refused beforehand.
        everywhere_(term.has_namespace_selector()) {
    if (namespaces_.empty() && !everywhere_) namespaces_.push_back(owner.metadata().namespace_());
  }
  bool Matches(const corev1::Pod& pod) const {
    const std::string& home = pod.metadata().namespace_();
    const bool here =
        everywhere_ || std::find(namespaces_.begin(), namespaces_.end(), home) != namespaces_.end();
    return here && selector_.Matches(pod.metadata().labels());
  }

 private:
  api::LabelSelector selector_;
  std::vector<std::string> namespaces_;
  bool everywhere_;
};

}  // namespace

bool Topology::Concerns(const corev1::Pod& pod) {
  const auto& constraints = pod.spec().topology_spread_constraints();
  return !Affinity(pod).empty() || !AntiAffinity(pod).empty() ||
         std::any_of(constraints.begin(), constraints.end(), Forbids);
}

bool Topology::RepelsOthers(const corev1::Pod& pod) { return !AntiAffinity(pod).empty(); }

std::string Topology::Unsupported(const corev1::Pod& pod) {
  for (const auto& [terms, field] : {std::pair(&Affinity(pod), "podAffinity"),
                                     std::pair(&AntiAffinity(pod), "podAntiAffinity")}) {
    for (int i = 0; i < terms->size(); ++i) {
      const metav1::LabelSelector& selector = terms->Get(i).namespace_selector();
      if (selector.match_labels().empty() && selector.match_expressions().empty()) continue;
      return absl::StrCat("spec.affinity.", field,
                          ".requiredDuringSchedulingIgnoredDuringExecution[", i,
                          "].namespaceSelector is not supported by this scheduler; name the "
                          "namespaces instead");
    }
  }
  return "";
}

Topology::Topology(const corev1::Pod& pod, const NodeTable& table,
                   const std::vector<PlacedPod>& placed)
    : table_(table) {
  CompileSpread(pod, placed);
  CompileAffinity(pod, placed);
  CompileAntiAffinity(pod, placed);
}

const std::string* Topology::Label(NodeRow row, const std::string& key) const {
  const auto& labels = table_.labels(row);
  const auto at = labels.find(key);
  return at == labels.end() ? nullptr : &at->second;
}

// Counts what matches by domain, over the nodes that have all the keys and that the pod could be
// on (nodeAffinityPolicy, nodeTaintsPolicy).
void Topology::CompileSpread(const corev1::Pod& pod, const std::vector<PlacedPod>& placed) {
  std::vector<const corev1::TopologySpreadConstraint*> rules;
  for (const auto& constraint : pod.spec().topology_spread_constraints()) {
    if (Forbids(constraint)) rules.push_back(&constraint);
  }
  for (const corev1::TopologySpreadConstraint* rule : rules) {
    const auto counts = [&](NodeRow row) {
      return std::all_of(
                 rules.begin(), rules.end(),
                 [&](const auto* each) { return Label(row, each->topology_key()) != nullptr; }) &&
             (rule->node_affinity_policy() == "Ignore" || table_.MatchesAffinity(pod, row)) &&
             (rule->node_taints_policy() != "Honor" || table_.IsTolerated(pod, row));
    };
    const api::LabelSelector selector = SelectorOf(*rule, pod.metadata().labels(), {});
    Spread spread;
    spread.key = rule->topology_key();
    spread.max_skew = rule->max_skew();
    spread.self = selector.Matches(pod.metadata().labels());
    for (const NodeRow row : table_.rows()) {
      if (counts(row)) spread.counts[*Label(row, spread.key)];
    }
    for (const PlacedPod& other : placed) {
      if (other.pod->metadata().has_deletion_timestamp() ||
          other.pod->metadata().namespace_() != pod.metadata().namespace_() ||
          !selector.Matches(other.pod->metadata().labels()) || !counts(other.row)) {
        continue;
      }
      ++spread.counts[*Label(other.row, spread.key)];
    }
    spread.least = std::numeric_limits<int>::max();
    for (const auto& [value, count] : spread.counts) spread.least = std::min(spread.least, count);
    const bool too_few =
        rule->has_min_domains() && static_cast<int>(spread.counts.size()) < rule->min_domains();
    if (spread.counts.empty() || too_few) spread.least = 0;
    spreads_.push_back(std::move(spread));
  }
}

void Topology::CompileAffinity(const corev1::Pod& pod, const std::vector<PlacedPod>& placed) {
  if (Affinity(pod).empty()) return;
  std::vector<TermMatcher> matchers;
  for (const auto& term : Affinity(pod)) {
    affinity_keys_.push_back(term.topology_key());
    matchers.emplace_back(term, pod);
  }
  const auto matches_all = [&](const corev1::Pod& other) {
    return std::all_of(matchers.begin(), matchers.end(),
                       [&](const TermMatcher& matcher) { return matcher.Matches(other); });
  };
  for (const PlacedPod& other : placed) {
    if (!matches_all(*other.pod)) continue;
    for (const std::string& key : affinity_keys_) {
      if (const std::string* value = Label(other.row, key)) friends_.insert({key, *value});
    }
  }
  // The first of a group that wants to be together may be anywhere.
  first_of_its_kind_ = friends_.empty() && matches_all(pod);
}

void Topology::CompileAntiAffinity(const corev1::Pod& pod, const std::vector<PlacedPod>& placed) {
  for (const auto& term : AntiAffinity(pod)) {
    const TermMatcher matcher(term, pod);
    for (const PlacedPod& other : placed) {
      const std::string* value = Label(other.row, term.topology_key());
      if (value != nullptr && matcher.Matches(*other.pod)) {
        foes_.insert({term.topology_key(), *value});
      }
    }
  }
  for (const PlacedPod& other : placed) {
    for (const auto& term : AntiAffinity(*other.pod)) {
      const std::string* value = Label(other.row, term.topology_key());
      if (value != nullptr && TermMatcher(term, *other.pod).Matches(pod)) {
        repelled_.insert({term.topology_key(), *value});
      }
    }
  }
}

const Topology::Reason* Topology::Reject(NodeRow row) const {
  static const Reason kUnlabelled = {
      "node(s) didn't match pod topology spread constraints (missing required label)", false};
  static const Reason kUneven = {"node(s) didn't match pod topology spread constraints", true};
  static const Reason kFriendless = {"node(s) didn't match pod affinity rules", false};
  static const Reason kFoes = {"node(s) didn't match pod anti-affinity rules", true};
  static const Reason kRepelled = {"node(s) didn't satisfy existing pods anti-affinity rules",
                                   true};
  for (const Spread& spread : spreads_) {
    const std::string* value = Label(row, spread.key);
    if (value == nullptr) return &kUnlabelled;
    const auto at = spread.counts.find(*value);
    const int count = at == spread.counts.end() ? 0 : at->second;
    if (count + (spread.self ? 1 : 0) - spread.least > spread.max_skew) return &kUneven;
  }
  for (const std::string& key : affinity_keys_) {
    const std::string* value = Label(row, key);
    if (value == nullptr || (!first_of_its_kind_ && !friends_.contains({key, *value}))) {
      return &kFriendless;
    }
  }
  const auto meets = [&](const absl::flat_hash_set<Domain>& domains) {
    return std::any_of(domains.begin(), domains.end(), [&](const Domain& domain) {
      const std::string* value = Label(row, domain.first);
      return value != nullptr && *value == domain.second;
    });
  };
  if (meets(foes_)) return &kFoes;
  if (meets(repelled_)) return &kRepelled;
  return nullptr;
}

}  // namespace skiff::scheduler
