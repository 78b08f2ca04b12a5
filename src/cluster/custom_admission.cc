#include "cluster/custom_admission.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/errors.h"
#include "base/status.h"
#include "cluster/callback.h"
#include "cluster/kind_name.h"

namespace skiff::cluster {
namespace {

using apiserver::AdmissionRequest;
using google::protobuf::Message;

AdmissionVerb VerbOf(AdmissionRequest::Operation operation) {
  switch (operation) {
    case AdmissionRequest::Operation::kCreate:
      return AdmissionVerb::kCreate;
    case AdmissionRequest::Operation::kUpdate:
      return AdmissionVerb::kUpdate;
    case AdmissionRequest::Operation::kDelete:
      return AdmissionVerb::kDelete;
  }
  return AdmissionVerb::kUpdate;
}

std::string JsonOf(const api::ResourceInfo& resource, const Message* object) {
  std::string out;
  if (object == nullptr) return out;
  const std::string api_version = resource.api_version();
  api::EncodeJson(*object, {resource.kind, api_version}, &out);
  return out;
}

// The words are Kubernetes'.
absl::Status Denied(const std::string& hook, const std::string& why) {
  metav1::Status status;
  status.set_status("Failure");
  status.set_message(absl::StrCat("admission webhook \"", hook, "\" denied the request",
                                  why.empty() ? " without explanation" : ": ", why));
  status.set_reason("Forbidden");
  status.set_code(403);
  return api::FromMetaStatus(status);
}

absl::Status Failed(const std::string& hook, absl::string_view why) {
  return api::InternalError(absl::StrCat("failed calling webhook \"", hook, "\": ", why));
}

// `object` gets what `other` has in every field but those named. In place: who holds the object may
// hold its metadata as well.
void TakeFields(const std::set<std::string>& but, Message* other, Message* object) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const google::protobuf::Descriptor* type = object->GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    if (!but.contains(type->field(i)->name())) fields.push_back(type->field(i));
  }
  object->GetReflection()->SwapFields(other, object, fields);
}

// All but what only the server writes.
void Replace(Message* other, Message* object) {
  TakeFields({"metadata", "status"}, other, object);
  TakeFields({"uid", "creation_timestamp", "generation", "resource_version", "deletion_timestamp",
              "deletion_grace_period_seconds", "generate_name"},
             api::MutableMetaOf(other), api::MutableMetaOf(object));
}

class Hook {
 public:
  Hook(AdmissionHook hook, std::set<const api::ResourceInfo*> resources,
       std::shared_ptr<const std::atomic<bool>> armed)
      : hook_(std::move(hook)), resources_(std::move(resources)), armed_(std::move(armed)) {}

  absl::Status Check(const AdmissionRequest& request, const Message* object) const {
    if (!IsAbout(request)) return absl::OkStatus();
    SKIFF_ASSIGN_OR_RETURN(const AdmissionVerdict verdict, Ask(request, object));
    if (!verdict.object_json.has_value()) return absl::OkStatus();
    return Failed(hook_.name, "it changes the object, but is not a mutating one");
  }

  absl::Status Mutate(const AdmissionRequest& request, Message* object) const {
    if (!IsAbout(request)) return absl::OkStatus();
    SKIFF_ASSIGN_OR_RETURN(const AdmissionVerdict verdict, Ask(request, object));
    if (!verdict.object_json.has_value()) return absl::OkStatus();
    api::DecodeNotes notes;
    const absl::StatusOr<api::MessagePtr> decoded =
        api::DecodeAnyJson(*verdict.object_json, &notes);
    if (!decoded.ok()) return Failed(hook_.name, decoded.status().message());
    if (!notes.unknown_or_duplicate.empty()) {
      return Failed(hook_.name, absl::StrJoin(notes.unknown_or_duplicate, ", "));
    }
    if ((*decoded)->GetDescriptor() != object->GetDescriptor()) {
      return Failed(hook_.name, "it returned an object of another kind");
    }
    const metav1::ObjectMeta& before = *api::MetaOf(*object);
    const metav1::ObjectMeta& after = *api::MetaOf(**decoded);
    if (before.name() != after.name() || before.namespace_() != after.namespace_()) {
      return Failed(hook_.name, absl::StrCat("it returned another object, \"", after.namespace_(),
                                             "/", after.name(), "\""));
    }
    Replace(decoded->get(), object);
    return absl::OkStatus();
  }

 private:
  bool IsAbout(const AdmissionRequest& request) const {
    if (!*armed_ || !resources_.contains(request.resource)) return false;
    const AdmissionVerb verb = VerbOf(request.operation);
    return hook_.verbs.empty() ||
           std::find(hook_.verbs.begin(), hook_.verbs.end(), verb) != hook_.verbs.end();
  }

  // A verdict that allows it.
  absl::StatusOr<AdmissionVerdict> Ask(const AdmissionRequest& request,
                                       const Message* object) const {
    AdmissionReview review;
    review.verb = VerbOf(request.operation);
    review.kind = std::string(request.resource->kind);
    review.name_space = request.name_space;
    review.name = request.name;
    review.object_json = JsonOf(*request.resource, object);
    review.old_object_json = JsonOf(*request.resource, request.old);
    review.dry_run = request.dry_run;
    absl::StatusOr<AdmissionVerdict> verdict = CallHost([&] {
      const CallbackScope scope;
      return hook_.review(review);
    });
    if (!verdict.ok()) return Failed(hook_.name, verdict.status().message());
    if (!verdict->allowed) return Denied(hook_.name, verdict->message);
    return verdict;
  }

  const AdmissionHook hook_;
  const std::set<const api::ResourceInfo*> resources_;
  const std::shared_ptr<const std::atomic<bool>> armed_;
};

}  // namespace

absl::StatusOr<apiserver::AdmissionPlugins> HostedAdmission(
    const std::vector<AdmissionHook>& hooks, std::shared_ptr<const std::atomic<bool>> armed) {
  apiserver::AdmissionPlugins out;
  std::set<std::string> names;
  for (const AdmissionHook& hook : hooks) {
    const std::string what = absl::StrCat("admission hook \"", hook.name, "\"");
    if (hook.name.empty()) return absl::InvalidArgumentError("an admission hook has no name");
    if (!names.insert(hook.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(what, ": there are two of that name"));
    }
    if (!hook.review) return absl::InvalidArgumentError(absl::StrCat(what, ": it has no callback"));
    if (hook.kinds.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(what, ": it names no kinds"));
    }
    std::set<const api::ResourceInfo*> resources;
    for (const std::string& kind : hook.kinds) {
      const absl::StatusOr<const api::ResourceInfo*> resource = ResolveKind(kind);
      if (!resource.ok()) return Annotate(resource.status(), what);
      resources.insert(*resource);
    }
    const auto made = std::make_shared<const Hook>(hook, std::move(resources), armed);
    apiserver::AdmissionPlugin& plugin = out.emplace_back();
    plugin.name = hook.name;
    if (hook.mutating) {
      plugin.mutate = [made](const AdmissionRequest& request, Message* object) {
        return made->Mutate(request, object);
      };
    } else {
      plugin.check = [made](const AdmissionRequest& request, const Message* object) {
        return made->Check(request, object);
      };
    }
  }
  return out;
}

}  // namespace skiff::cluster
