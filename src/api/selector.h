// Label and field selectors: which objects a list, a watch or a controller means.
//
//   SKIFF_ASSIGN_OR_RETURN(LabelSelector web, LabelSelector::Parse("app=web,tier notin (test)"));
//   if (web.Matches(pod->meta().labels())) ...
//
// Threads: any; both are plain values that do not change once made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/object.h"
#include "api/resource.h"
#include "api/types.h"

namespace skiff::api {

class LabelSelector {
 public:
  using Labels = google::protobuf::Map<std::string, std::string>;

  enum class Operator { kIn, kNotIn, kExists, kNotExists, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op;
    std::vector<std::string> values;  // Sorted, without repeats.
    int64_t bound = 0;                // kGreater and kLess.
  };

  // Matches everything.
  LabelSelector() = default;
  // Matches nothing: what an absent metav1.LabelSelector means.
  static LabelSelector Nothing();

  // `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`, `a`, `!a`, `a>1`, `a<1`, joined by commas.
  // An empty text matches everything. kInvalidArgument in Kubernetes' words.
  static absl::StatusOr<LabelSelector> Parse(absl::string_view text);
  // An empty message matches everything.
  static absl::StatusOr<LabelSelector> FromProto(const metav1::LabelSelector& proto);
  // Exactly these labels, as a Service's or a NodeSelector's map means them.
  static LabelSelector FromMap(const Labels& labels);

  bool Matches(const Labels& labels) const;
  // Has no requirement (and so matches everything).
  bool empty() const { return !nothing_ && requirements_.empty(); }
  const std::vector<Requirement>& requirements() const { return requirements_; }
  // In the form that Parse reads, requirements by key: what status.selector of a Scale holds.
  std::string ToString() const;

 private:
  std::vector<Requirement> requirements_;
  bool nothing_ = false;
};

class FieldSelector {
 public:
  struct Term {
    std::string field;
    bool equal;  // Else: differs.
    std::string value;
  };

  // Matches everything.
  FieldSelector() = default;
  // `a=b`, `a==b`, `a!=b`, joined by commas; `\`, `,` and `=` in values are escaped by `\`.
  // kInvalidArgument for other text, and for a field that the resource does not offer ("field label
  // not supported: x").
  static absl::StatusOr<FieldSelector> Parse(const ResourceInfo& resource, absl::string_view text);

  bool Matches(const Object& object) const;
  // The same on values that the caller looks up by field name.
  bool Matches(absl::FunctionRef<std::string(absl::string_view field)> value_of) const;

  bool empty() const { return terms_.empty(); }
  const std::vector<Term>& terms() const { return terms_; }
  // The value that `field` must equal, if there is such a term: for a list by an index.
  std::optional<absl::string_view> Exact(absl::string_view field) const;
  std::string ToString() const;

 private:
  std::vector<Term> terms_;
};

// The value of a selectable field ("spec.nodeName"); "" where it is unset or the field is not
// offered.
std::string SelectableField(const Object& object, absl::string_view field);
// Whether lists of the resource may be selected by `field`.
bool IsSelectableField(const ResourceInfo& resource, absl::string_view field);

}  // namespace skiff::api
