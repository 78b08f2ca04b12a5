// What the server does to daemon sets besides storing them: it numbers their templates, in an
// annotation, as it did when that was a field.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/same.h"
#include "apiserver/rest/strategy.h"

namespace skiff::apiserver {
namespace {

constexpr char kGeneration[] = "deprecated.daemonset.template.generation";

int64_t TemplateGeneration(const appsv1::DaemonSet& set) {
  const auto found = set.metadata().annotations().find(kGeneration);
  int64_t generation = 0;
  if (found == set.metadata().annotations().end() ||
      !absl::SimpleAtoi(found->second, &generation)) {
    return 0;
  }
  return generation;
}

void SetTemplateGeneration(int64_t generation, appsv1::DaemonSet* set) {
  (*set->mutable_metadata()->mutable_annotations())[kGeneration] = absl::StrCat(generation);
}

}  // namespace

void PrepareDaemonSet(const Env&, const appsv1::DaemonSet* old, appsv1::DaemonSet* now) {
  if (old == nullptr) {
    SetTemplateGeneration(std::max<int64_t>(TemplateGeneration(*now), 1), now);
    return;
  }
  const bool same = api::LooksSame(old->spec().template_(), now->spec().template_());
  SetTemplateGeneration(TemplateGeneration(*old) + (same ? 0 : 1), now);
}

}  // namespace skiff::apiserver
