#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr size_t kAnnotationBytes = 256 * 1024;

void CheckOwner(const metav1::OwnerReference& owner, const Path& path, ErrorList* errors) {
  if (owner.api_version().empty()) {
    errors->Required(path / "apiVersion", "must not be empty");
  } else if (std::count(owner.api_version().begin(), owner.api_version().end(), '/') > 1 ||
             owner.api_version().back() == '/') {
    errors->Invalid(path / "apiVersion", owner.api_version(),
                    "must be <group>/<version> or <version>");
  }
  if (owner.kind().empty()) errors->Required(path / "kind", "must not be empty");
  if (owner.name().empty()) errors->Required(path / "name", "must not be empty");
  if (owner.uid().empty()) errors->Required(path / "uid", "must not be empty");
  if (owner.api_version() == "v1" && owner.kind() == "Event") {
    errors->Invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner");
  }
}

void CheckOwners(const metav1::ObjectMeta& meta, const Path& path, ErrorList* errors) {
  std::string controller;
  for (int i = 0; i < meta.owner_references_size(); ++i) {
    const metav1::OwnerReference& owner = meta.owner_references(i);
    CheckOwner(owner, path[i], errors);
    if (!owner.controller()) continue;
    const std::string name = absl::StrCat(owner.kind(), "/", owner.name());
    if (!controller.empty()) {
      errors->Invalid(path, owner,
                      absl::StrCat("Only one reference can have Controller set to true. Found "
                                   "\"true\" in references for ",
                                   controller, " and ", name));
    } else {
      controller = name;
    }
  }
}

// Runs with every write: a path is made for what is there, or is wrong.
void CheckCommon(const metav1::ObjectMeta& meta, const Path& path, ErrorList* errors) {
  if (meta.generation() < 0) errors->NotNegative(path / "generation", meta.generation());
  if (!meta.labels().empty()) CheckLabels(meta.labels(), path / "labels", errors);
  if (!meta.annotations().empty()) {
    CheckAnnotations(meta.annotations(), path / "annotations", errors);
  }
  if (!meta.owner_references().empty()) CheckOwners(meta, path / "ownerReferences", errors);
}

// A generated name is its prefix and a random suffix, so a dash at the end of the prefix is right.
Sentences CheckPrefix(NameCheck check, absl::string_view prefix) {
  std::string text(prefix);
  if (text.size() > 1 && text.back() == '-') text.back() = 'a';
  return check(text);
}

template <typename T>
void Unchanged(const Path& path, absl::string_view member, const T& now, const T& old,
               ErrorList* errors) {
  if (now != old) errors->Invalid(path / member, now, kImmutable);
}

bool SameTime(const metav1::Time& a, const metav1::Time& b) {
  return a.seconds() == b.seconds() && a.nanos() == b.nanos();
}

}  // namespace

void CheckLabels(const Labels& labels, const Path& path, ErrorList* errors) {
  for (const auto& [key, value] : labels) {
    errors->InvalidEach(path, key, CheckQualifiedName(key));
    errors->InvalidEach(path, value, CheckLabelValue(value));
  }
}

void CheckAnnotations(const Labels& annotations, const Path& path, ErrorList* errors) {
  size_t bytes = 0;
  for (const auto& [key, value] : annotations) {
    errors->InvalidEach(path, key, CheckQualifiedName(absl::AsciiStrToLower(key)));
    bytes += key.size() + value.size();
  }
  if (bytes > kAnnotationBytes) errors->TooLong(path, kAnnotationBytes);
}

void CheckLabelSelector(const metav1::LabelSelector& selector, const Path& path,
                        ErrorList* errors) {
  CheckLabels(selector.match_labels(), path / "matchLabels", errors);
  for (int i = 0; i < selector.match_expressions_size(); ++i) {
    const metav1::LabelSelectorRequirement& expression = selector.match_expressions(i);
    const Path at = (path / "matchExpressions")[i];
    const std::string& op = expression.operator_();
    if (op == "In" || op == "NotIn") {
      if (expression.values().empty()) {
        errors->Required(at / "values", "must be specified when `operator` is 'In' or 'NotIn'");
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (!expression.values().empty()) {
        errors->Forbidden(at / "values",
                          "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
    } else {
      errors->Invalid(at / "operator", op, "not a valid selector operator");
    }
    errors->InvalidEach(at / "key", expression.key(), CheckQualifiedName(expression.key()));
    for (int j = 0; j < expression.values_size(); ++j) {
      errors->InvalidEach((at / "values")[j], expression.values(j),
                          CheckLabelValue(expression.values(j)));
    }
  }
}

void CheckMeta(const metav1::ObjectMeta& meta, bool namespaced, NameCheck name, ErrorList* errors) {
  const Path path("metadata");
  if (!meta.generate_name().empty()) {
    errors->InvalidEach(path / "generateName", meta.generate_name(),
                        CheckPrefix(name, meta.generate_name()));
  }
  if (meta.name().empty()) {
    errors->Required(path / "name", "name or generateName is required");
  } else {
    errors->InvalidEach(path / "name", meta.name(), name(meta.name()));
  }
  if (!namespaced) {
    if (!meta.namespace_().empty()) {
      errors->Forbidden(path / "namespace", "not allowed on this type");
    }
  } else if (meta.namespace_().empty()) {
    errors->Required(path / "namespace");
  } else {
    errors->InvalidEach(path / "namespace", meta.namespace_(),
                        CheckDns1123Label(meta.namespace_()));
  }
  CheckCommon(meta, path, errors);
  for (const std::string& finalizer : meta.finalizers()) {
    errors->InvalidEach(path / "finalizers", finalizer, CheckQualifiedName(finalizer));
  }
  const std::set<std::string> finalizers(meta.finalizers().begin(), meta.finalizers().end());
  if (finalizers.count("orphan") > 0 && finalizers.count("foregroundDeletion") > 0) {
    errors->Invalid(path / "finalizers", absl::StrJoin(finalizers, ","),
                    "finalizer orphan and foregroundDeletion cannot be both set");
  }
}

void CheckTemplateMeta(const metav1::ObjectMeta& meta, const Path& path, ErrorList* errors) {
  CheckAnnotations(meta.annotations(), path / "annotations", errors);
  CheckLabels(meta.labels(), path / "labels", errors);
  std::vector<const google::protobuf::FieldDescriptor*> given;
  meta.GetReflection()->ListFields(meta, &given);
  for (const google::protobuf::FieldDescriptor* field : given) {
    const std::string& name = field->json_name();
    if (name == "annotations" || name == "labels") continue;
    errors->Forbidden(path / (name == "uid" ? "uID" : name), "cannot be set");
  }
}

void CheckMetaUpdate(const metav1::ObjectMeta& now, const metav1::ObjectMeta& old,
                     ErrorList* errors) {
  const Path path("metadata");
  if (old.has_deletion_timestamp()) {
    const std::set<std::string> before(old.finalizers().begin(), old.finalizers().end());
    std::vector<std::string> added;
    for (const std::string& finalizer : now.finalizers()) {
      if (before.count(finalizer) == 0) added.push_back(JsonOf(finalizer));
    }
    if (!added.empty()) {
      errors->Forbidden(path / "finalizers",
                        absl::StrCat("no new finalizers can be added if the object is being "
                                     "deleted, found new finalizers []string{",
                                     absl::StrJoin(added, ", "), "}"));
    }
  }
  if (now.resource_version().empty()) {
    errors->Invalid(path / "resourceVersion", now.resource_version(),
                    "must be specified for an update");
  }
  if (now.generation() < old.generation()) {
    errors->Invalid(path / "generation", now.generation(), "must not be decremented");
  }
  Unchanged(path, "name", now.name(), old.name(), errors);
  Unchanged(path, "namespace", now.namespace_(), old.namespace_(), errors);
  Unchanged(path, "uid", now.uid(), old.uid(), errors);
  if (!SameTime(now.creation_timestamp(), old.creation_timestamp())) {
    errors->Invalid(path / "creationTimestamp", now.creation_timestamp(), kImmutable);
  }
  if (now.has_deletion_timestamp() != old.has_deletion_timestamp() ||
      !SameTime(now.deletion_timestamp(), old.deletion_timestamp())) {
    errors->Invalid(path / "deletionTimestamp", now.deletion_timestamp(), kImmutable);
  }
  Unchanged(path, "deletionGracePeriodSeconds", now.deletion_grace_period_seconds(),
            old.deletion_grace_period_seconds(), errors);
  CheckCommon(now, path, errors);
}

}  // namespace skiff::api
