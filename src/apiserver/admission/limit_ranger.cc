// LimitRanger: what the limit ranges of a namespace give new pods, and what they allow.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "api/errors.h"
#include "api/quantity.h"
#include "apiserver/admission/admission.h"

namespace skiff::apiserver {
namespace {

using google::protobuf::Message;
using Amounts = google::protobuf::Map<std::string, api::QuantityProto>;

constexpr char kAnnotation[] = "kubernetes.io/limit-ranger";

std::vector<api::ObjectPtr> RangesOf(const AdmissionRequest& request) {
  std::vector<api::ObjectPtr> out;
  request.list(api::ResourceOf<corev1::LimitRange>(), request.name_space,
               [&out](const api::ObjectPtr& range) { out.push_back(range); });
  return out;
}

// They were validated: what cannot be read does not get here.
api::Quantity Amount(const api::QuantityProto& proto) {
  return api::Quantity::FromProto(proto).value_or(api::Quantity());
}

const api::QuantityProto* Find(const Amounts& amounts, const std::string& name) {
  const auto it = amounts.find(name);
  return it == amounts.end() ? nullptr : &it->second;
}

// Adds what is not named yet, and says what that was: " cpu, memory request for container web".
void Fill(const Amounts& defaults, const char* what, const std::string& whom, Amounts* amounts,
          std::vector<std::string>* told) {
  std::set<std::string> set;
  for (const auto& [name, amount] : defaults) {
    if (amounts->insert({name, amount}).second) set.insert(name);
  }
  if (!set.empty()) {
    told->push_back(absl::StrCat(absl::StrJoin(set, ", "), " ", what, " for ", whom));
  }
}

void FillContainer(const corev1::LimitRange& range, const char* kind, corev1::Container* container,
                   std::vector<std::string>* told) {
  const std::string whom = absl::StrCat(kind, " ", container->name());
  Amounts requests;
  Amounts limits;
  for (const corev1::LimitRangeItem& item : range.spec().limits()) {
    if (item.type() != "Container") continue;
    for (const auto& [name, amount] : item.default_request()) requests[name] = amount;
    for (const auto& [name, amount] : item.default_()) limits[name] = amount;
  }
  if (requests.empty() && limits.empty()) return;
  corev1::ResourceRequirements* resources = container->mutable_resources();
  Fill(requests, "request", whom, resources->mutable_requests(), told);
  Fill(limits, "limit", whom, resources->mutable_limits(), told);
}

// One object's requests and limits against one item of a range.
class Item {
 public:
  Item(const corev1::LimitRangeItem& item, const Amounts& requests, const Amounts& limits,
       std::vector<std::string>* faults)
      : item_(item), requests_(requests), limits_(limits), faults_(faults) {}

  void CheckMin() {
    for (const auto& [name, bound] : item_.min()) {
      const auto* request = Find(requests_, name);
      const auto* limit = Find(limits_, name);
      if (request == nullptr) {
        Say("minimum", name, bound, ".  No request is specified");
      } else if (Amount(*request) < Amount(bound)) {
        Say("minimum", name, bound, ", but request is " + Amount(*request).ToString());
      } else if (limit != nullptr && Amount(*limit) < Amount(bound)) {
        Say("minimum", name, bound, ", but limit is " + Amount(*limit).ToString());
      }
    }
  }
  void CheckMaxOfLimits() {
    for (const auto& [name, bound] : item_.max()) {
      const auto* request = Find(requests_, name);
      const auto* limit = Find(limits_, name);
      if (limit == nullptr) {
        Say("maximum", name, bound, ".  No limit is specified");
      } else if (Amount(*limit) > Amount(bound)) {
        Say("maximum", name, bound, ", but limit is " + Amount(*limit).ToString());
      } else if (request != nullptr && Amount(*request) > Amount(bound)) {
        Say("maximum", name, bound, ", but request is " + Amount(*request).ToString());
      }
    }
  }
  void CheckMaxOfRequests() {
    for (const auto& [name, bound] : item_.max()) {
      const auto* request = Find(requests_, name);
      if (request == nullptr) {
        Say("maximum", name, bound, ".  No request is specified");
      } else if (Amount(*request) > Amount(bound)) {
        Say("maximum", name, bound, ", but request is " + Amount(*request).ToString());
      }
    }
  }
  void CheckRatio() {
    for (const auto& [name, bound] : item_.max_limit_request_ratio()) {
      const api::Quantity most = Amount(bound);
      const std::string before = absl::StrCat(name, " max limit to request ratio per ",
                                              item_.type(), " is ", most.ToString(), ", but ");
      const auto* request = Find(requests_, name);
      const auto* limit = Find(limits_, name);
      if (request == nullptr || Amount(*request).IsZero()) {
        faults_->push_back(before + "no request is specified or request is 0");
      } else if (limit == nullptr || Amount(*limit).IsZero()) {
        faults_->push_back(before + "no limit is specified or limit is 0");
      } else {
        const double ratio = Amount(*limit).ToDouble() / Amount(*request).ToDouble();
        if (ratio > most.ToDouble()) {
          faults_->push_back(absl::StrFormat("%sprovided ratio is %f", before, ratio));
        }
      }
    }
  }

 private:
  void Say(const char* which, const std::string& name, const api::QuantityProto& bound,
           const std::string& why) {
    faults_->push_back(absl::StrCat(which, " ", name, " usage per ", item_.type(), " is ",
                                    Amount(bound).ToString(), why));
  }

  const corev1::LimitRangeItem& item_;
  const Amounts& requests_;
  const Amounts& limits_;
  std::vector<std::string>* const faults_;
};

void AddAll(const Amounts& from, Amounts* to) {
  for (const auto& [name, proto] : from) {
    api::Quantity sum = Amount(proto);
    if (const auto* known = Find(*to, name)) sum.Add(Amount(*known));
    (*to)[name] = sum.ToProto();
  }
}

void RaiseTo(const Amounts& from, Amounts* to) {
  for (const auto& [name, proto] : from) {
    const auto* known = Find(*to, name);
    if (known == nullptr || Amount(*known) < Amount(proto)) (*to)[name] = proto;
  }
}

// What a pod takes in all: its containers together, or while it begins, what an init container
// takes beside the sidecars that have begun before it.
template <typename Of>
Amounts Whole(const corev1::PodSpec& spec, Of of) {
  Amounts running;
  for (const corev1::Container& container : spec.containers()) AddAll(of(container), &running);
  Amounts sidecars;
  Amounts beginning;
  for (const corev1::Container& container : spec.init_containers()) {
    const bool sidecar = container.restart_policy() == "Always";
    Amounts now = sidecars;
    AddAll(of(container), &now);
    if (sidecar) {
      AddAll(of(container), &running);
      sidecars = now;
    }
    RaiseTo(now, &beginning);
  }
  RaiseTo(beginning, &running);
  return running;
}

void CheckPod(const corev1::PodSpec& spec, const corev1::LimitRangeItem& item,
              std::vector<std::string>* faults) {
  const auto check = [&](const Amounts& requests, const Amounts& limits) {
    Item one(item, requests, limits, faults);
    one.CheckMin();
    one.CheckMaxOfLimits();
    one.CheckRatio();
  };
  if (item.type() == "Container") {
    for (const auto* containers : {&spec.containers(), &spec.init_containers()}) {
      for (const corev1::Container& container : *containers) {
        check(container.resources().requests(), container.resources().limits());
      }
    }
  } else if (item.type() == "Pod") {
    check(Whole(
              spec, [](const auto& each) -> const auto& { return each.resources().requests(); }),
          Whole(
              spec, [](const auto& each) -> const auto& { return each.resources().limits(); }));
  }
}

void CheckClaim(const corev1::PersistentVolumeClaim& claim, const corev1::LimitRangeItem& item,
                std::vector<std::string>* faults) {
  if (item.type() != "PersistentVolumeClaim") return;
  const Amounts none;
  Item one(item, claim.spec().resources().requests(), none, faults);
  one.CheckMin();
  one.CheckMaxOfRequests();
}

}  // namespace

absl::Status AdmitLimits(const AdmissionRequest& request, Message* object) {
  if (request.operation != AdmissionRequest::Operation::kCreate ||
      object->GetDescriptor() != corev1::Pod::descriptor()) {
    return absl::OkStatus();
  }
  auto* pod = static_cast<corev1::Pod*>(object);
  for (const api::ObjectPtr& range : RangesOf(request)) {
    std::vector<std::string> told;
    for (corev1::Container& container : *pod->mutable_spec()->mutable_containers()) {
      FillContainer(range->As<corev1::LimitRange>(), "container", &container, &told);
    }
    for (corev1::Container& container : *pod->mutable_spec()->mutable_init_containers()) {
      FillContainer(range->As<corev1::LimitRange>(), "init container", &container, &told);
    }
    if (told.empty()) continue;
    (*pod->mutable_metadata()->mutable_annotations())[kAnnotation] =
        absl::StrCat("LimitRanger plugin set: ", absl::StrJoin(told, "; "));
  }
  return absl::OkStatus();
}

absl::Status CheckLimits(const AdmissionRequest& request, const Message* object) {
  if (request.operation == AdmissionRequest::Operation::kDelete) return absl::OkStatus();
  const bool pod = object->GetDescriptor() == corev1::Pod::descriptor();
  const bool claim = object->GetDescriptor() == corev1::PersistentVolumeClaim::descriptor();
  // What a pod's containers take is not changed by an update.
  const bool created = request.operation == AdmissionRequest::Operation::kCreate;
  if (!claim && !(pod && created)) return absl::OkStatus();
  for (const api::ObjectPtr& range : RangesOf(request)) {
    std::vector<std::string> faults;
    for (const corev1::LimitRangeItem& item : range->As<corev1::LimitRange>().spec().limits()) {
      if (pod) {
        CheckPod(static_cast<const corev1::Pod*>(object)->spec(), item, &faults);
      } else {
        CheckClaim(static_cast<const corev1::PersistentVolumeClaim&>(*object), item, &faults);
      }
    }
    if (faults.empty()) continue;
    // Maps come in any order; answers do not.
    std::sort(faults.begin(), faults.end());
    faults.erase(std::unique(faults.begin(), faults.end()), faults.end());
    return api::Forbidden(
        *request.resource, request.name,
        faults.size() == 1 ? faults[0] : absl::StrCat("[", absl::StrJoin(faults, ", "), "]"));
  }
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
