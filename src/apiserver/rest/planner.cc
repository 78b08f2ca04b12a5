#include "apiserver/rest/planner.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "api/defaulting.h"
#include "api/errors.h"
#include "api/scale.h"
#include "api/time.h"
#include "api/validation/validation.h"
#include "apiserver/admission/admission.h"
#include "apiserver/rest/ownership.h"
#include "base/status.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "k8s.io/api/policy/v1/generated.pb.h"

namespace skiff::apiserver {
namespace {

// Names that come from generateName keep room for the suffix (apiserver's names.NameGenerator).
constexpr size_t kMaxGeneratedBase = 58;
constexpr int kSuffixLength = 5;
// Enough that services which are made at the same time seldom meet in one.
constexpr uint32_t kClaimLeases = 16;

absl::Status Verdict(const api::ResourceInfo& resource, const std::string& name,
                     const std::vector<api::FieldError>& errors) {
  return errors.empty() ? absl::OkStatus() : api::Invalid(resource, name, errors);
}

bool IsNamespace(const google::protobuf::Message& object) {
  return object.GetDescriptor() == corev1::Namespace::descriptor();
}

// What a write on that path of the resource holds; null if the resource has no such path, or not
// for writing.
const google::protobuf::Descriptor* BodyOf(const client::Write& write) {
  if (write.subresource.empty()) return write.resource->prototype->GetDescriptor();
  for (const auto& sub : write.resource->subresources) {
    if (sub.name != write.subresource || sub.name == "log") continue;
    if (sub.name == "scale") return autoscalingv1::Scale::descriptor();
    if (sub.name == "binding") return corev1::Binding::descriptor();
    if (sub.name == "eviction") return policyv1::Eviction::descriptor();
    return write.resource->prototype->GetDescriptor();
  }
  return nullptr;
}

// Writes come from the program that embeds us as well: nothing about them is taken for granted.
absl::Status CheckShape(const client::Write& write) {
  if (write.resource == nullptr) return api::BadRequest("the write names no resource");
  if (!write.resource->has_verb("get")) {
    return api::BadRequest(absl::StrCat(write.resource->qualified(),
                                        " are questions, which the API answers; none is stored"));
  }
  const auto* body = BodyOf(write);
  const bool create = write.verb == client::Write::Verb::kCreate;
  const bool path_fits =
      write.verb == client::Write::Verb::kDelete
          ? write.subresource.empty()
          : write.subresource.empty() ||
                create == (write.subresource == "binding" || write.subresource == "eviction");
  if (body == nullptr || !path_fits) {
    return api::BadRequest(absl::StrCat(write.resource->qualified(), " \"", write.name,
                                        "\" cannot be written on the path \"", write.subresource,
                                        "\" in this way"));
  }
  if (write.verb == client::Write::Verb::kDelete) return absl::OkStatus();
  if (write.object == nullptr) {
    return api::BadRequest(absl::StrCat("the write of ", write.resource->qualified(), " \"",
                                        write.name, "\" holds no object"));
  }
  if (write.object->GetDescriptor() != body) {
    return api::BadRequest(absl::StrCat("a write of ", write.resource->qualified(), " \"",
                                        write.name, "\" must hold a ", std::string(body->name()),
                                        ", not a ", write.object->GetDescriptor()->name()));
  }
  return absl::OkStatus();
}

}  // namespace

Planner::Planner(Env env, std::shared_ptr<const store::Snapshot> snapshot, bool previews)
    : env_(std::move(env)),
      snapshot_(std::move(snapshot)),
      previews_(previews),
      find_(
          [this](const api::ResourceInfo& resource, absl::string_view name_space,
                 absl::string_view name) { return Find(store::Key(resource, name_space, name)); }),
      list_([this](const api::ResourceInfo& resource, absl::string_view name_space,
                   absl::FunctionRef<void(const api::ObjectPtr&)> visit) {
        snapshot_->Scan(store::Prefix(resource, name_space), "",
                        [&](absl::string_view key, const api::ObjectPtr&) {
                          if (const auto found = Find(std::string(key))) visit(found);
                          return true;
                        });
      }) {
  env_.snapshot = snapshot_.get();
}

AdmissionRequest Planner::RequestOf(AdmissionRequest::Operation operation,
                                    const api::ResourceInfo& resource,
                                    const metav1::ObjectMeta& meta,
                                    const google::protobuf::Message* old) const {
  return {operation, &resource, meta.namespace_(), meta.name(), old, find_, list_, env_.dry_run};
}

store::Txn Planner::TakeTxn() { return std::move(txn_); }

api::ObjectPtr Planner::Find(const std::string& key) const {
  if (const auto it = staged_.find(key); it != staged_.end()) return it->second;
  return snapshot_->Get(key);
}

absl::Status Planner::Add(client::Write write) {
  SKIFF_RETURN_IF_ERROR(CheckShape(write));
  if (!write.resource->namespaced) write.name_space.clear();
  switch (write.verb) {
    case client::Write::Verb::kCreate:
      if (write.subresource == "binding") return Bind(std::move(write));
      if (write.subresource == "eviction") return Evict(std::move(write));
      return Create(std::move(write));
    case client::Write::Verb::kUpdate:
      return Update(std::move(write));
    case client::Write::Verb::kDelete:
      return Delete(std::move(write));
  }
  return absl::InternalError("a write of no known verb");
}

// The transaction is void if the object is no longer what it was planned on. What this transaction
// put there itself needs no guard.
void Planner::Guard(const std::string& key, const api::ObjectPtr& old) {
  if (staged_.contains(key)) return;
  txn_.preconditions.push_back(old == nullptr
                                   ? store::Precondition::Absent(key)
                                   : store::Precondition::AtRevision(key, old->revision()));
}

// A transaction changes an object once, however many of its writes do (a finalizer taken off and
// the object deleted): all its changes have one revision, and whoever watches must see the last.
int Planner::AddOp(const std::string& key, const api::ObjectPtr& old, store::Op op) {
  if (const auto known = updates_.find(key); known != updates_.end()) {
    txn_.ops[known->second] = std::move(op);
    const int index = known->second;
    // What is made anew under that name is another object.
    if (txn_.ops[index].object == nullptr) updates_.erase(known);
    return index;
  }
  const int index = static_cast<int>(txn_.ops.size());
  if (previews_ && old != nullptr && op.object != nullptr && !staged_.contains(key)) {
    updates_[key] = index;
  }
  txn_.ops.push_back(std::move(op));
  return index;
}

void Planner::Put(const std::string& key, const api::ObjectPtr& old, api::MessagePtr object) {
  Guard(key, old);
  api::ObjectPtr staged;
  if (previews_) {
    api::MessagePtr preview(object->New());
    preview->CopyFrom(*object);
    staged = api::Object::Make(std::move(preview));
  }
  const int op = AddOp(key, old, store::Op::Put(key, std::move(object)));
  if (previews_) staged_[key] = staged;
  outcomes_.push_back({op, nullptr, std::move(staged), false});
}

void Planner::Remove(const std::string& key, const api::ObjectPtr& old) {
  Guard(key, old);
  const int op = AddOp(key, old, store::Op::Delete(key));
  staged_[key] = nullptr;
  outcomes_.push_back({op, nullptr, old, true});
}

void Planner::KeepAsIs(const api::ObjectPtr& old) { outcomes_.push_back({-1, old, old, false}); }

absl::Status Planner::CheckNamespace(const api::ResourceInfo& resource,
                                     const std::string& name_space, const std::string& name) {
  if (!resource.namespaced) return absl::OkStatus();
  const api::ResourceInfo& namespaces = api::ResourceOf<corev1::Namespace>();
  const std::string key = store::Key(namespaces, "", name_space);
  const api::ObjectPtr found = Find(key);
  if (found == nullptr) return api::NotFound(namespaces, name_space);
  if (found->meta().has_deletion_timestamp()) {
    return api::Forbidden(resource, name,
                          absl::StrCat("unable to create new content in namespace ", name_space,
                                       " because it is being terminated"));
  }
  if (!staged_.contains(key)) txn_.preconditions.push_back(store::Precondition::Exists(key));
  return absl::OkStatus();
}

absl::Status Planner::Create(client::Write write) {
  const api::ResourceInfo& resource = *write.resource;
  metav1::ObjectMeta* meta = api::MutableMetaOf(write.object.get());
  if (!resource.namespaced) {
    meta->clear_namespace_();
  } else if (meta->namespace_().empty()) {
    meta->set_namespace_(write.name_space.empty() ? "default" : write.name_space);
  } else if (!write.name_space.empty() && meta->namespace_() != write.name_space) {
    return api::BadRequest(
        "the namespace of the provided object does not match the namespace sent on the request");
  }
  if (!meta->resource_version().empty()) {
    return api::BadRequest("resourceVersion should not be set on objects to be created");
  }
  if (meta->name().empty() && !meta->generate_name().empty()) {
    meta->set_name(absl::StrCat(meta->generate_name().substr(0, kMaxGeneratedBase),
                                env_.name_suffix(kSuffixLength)));
  }
  SKIFF_RETURN_IF_ERROR(CheckNamespace(resource, meta->namespace_(), meta->name()));
  const std::string key = store::Key(resource, meta->namespace_(), meta->name());
  const api::ObjectPtr old = Find(key);
  if (old != nullptr && !meta->name().empty()) return api::AlreadyExists(resource, meta->name());

  const AdmissionRequest request =
      RequestOf(AdmissionRequest::Operation::kCreate, resource, *meta, nullptr);
  // What the client says is its own; what is filled in from here on is not.
  api::SetDefaults(write.object.get());
  RecordOwner(env_, write.manager, "", *resource.prototype, write.object.get());
  SKIFF_RETURN_IF_ERROR(PrepareCreate(env_, write.object.get()));
  SKIFF_RETURN_IF_ERROR(Mutate(*env_.plugins, request, write.object.get()));
  api::SetDefaults(write.object.get());
  SKIFF_RETURN_IF_ERROR(FinishCreate(env_, write.object.get()));
  SKIFF_RETURN_IF_ERROR(Verdict(resource, meta->name(), api::ValidateCreate(*write.object)));
  SKIFF_RETURN_IF_ERROR(Check(*env_.plugins, request, write.object.get()));
  const bool is_namespace = IsNamespace(*write.object);
  const std::string name = meta->name();
  GuardClaims(*write.object, nullptr);
  Put(key, old, std::move(write.object));
  if (is_namespace) AddDefaultServiceAccount(name);
  return absl::OkStatus();
}

// Every namespace is born with the account that its pods run as.
void Planner::AddDefaultServiceAccount(const std::string& name_space) {
  const std::string key =
      store::Key(api::ResourceOf<corev1::ServiceAccount>(), name_space, "default");
  if (Find(key) != nullptr) return;
  auto account = std::make_unique<corev1::ServiceAccount>();
  account->mutable_metadata()->set_name("default");
  account->mutable_metadata()->set_namespace_(name_space);
  account->mutable_metadata()->set_uid(env_.new_uid());
  api::SetDefaults(account.get());
  *account->mutable_metadata()->mutable_creation_timestamp() = api::MakeTime(env_.now);
  // Not a write that the client asked for: it has no outcome of its own.
  Put(key, nullptr, std::move(account));
  outcomes_.pop_back();
}

// Two services that are planned at the same time, by one member or two, must not be stored with one
// address or port: whoever claims it changes the same lease, and the second is planned anew
// (docs/decisions/one-address-has-one-owner.md).
void Planner::GuardClaims(const google::protobuf::Message& now,
                          const google::protobuf::Message* old) {
  if (now.GetDescriptor() != corev1::Service::descriptor()) return;
  std::set<std::string> before;
  if (old != nullptr) before = ClaimsOf(static_cast<const corev1::Service&>(*old));
  std::set<uint32_t> leases;
  for (const std::string& claim : ClaimsOf(static_cast<const corev1::Service&>(now))) {
    uint32_t hash = 0;
    for (const char c : claim) hash = hash * 31 + static_cast<unsigned char>(c);
    if (!before.contains(claim)) leases.insert(hash % kClaimLeases);
  }
  for (const uint32_t number : leases) {
    const std::string name = absl::StrCat("service-claims-", number);
    const std::string key =
        store::Key(api::ResourceOf<coordinationv1::Lease>(), "kube-system", name);
    const api::ObjectPtr found = Find(key);
    auto lease = found != nullptr ? found->CopyAs<coordinationv1::Lease>()
                                  : std::make_unique<coordinationv1::Lease>();
    if (found == nullptr) {
      lease->mutable_metadata()->set_name(name);
      lease->mutable_metadata()->set_namespace_("kube-system");
      lease->mutable_metadata()->set_uid(env_.new_uid());
      *lease->mutable_metadata()->mutable_creation_timestamp() = api::MakeTime(env_.now);
    }
    lease->mutable_spec()->set_lease_transitions(lease->spec().lease_transitions() + 1);
    Put(key, found, std::move(lease));
    outcomes_.pop_back();  // Nobody asked for it.
  }
}

absl::StatusOr<api::ObjectPtr> Planner::Current(const client::Write& write,
                                                const std::string& key) {
  const api::ObjectPtr old = Find(key);
  if (old == nullptr) return api::NotFound(*write.resource, write.name);
  if (!write.uid.empty() && write.uid != old->meta().uid()) {
    return api::Conflict(*write.resource, write.name,
                         absl::StrCat("Precondition failed: UID in precondition: ", write.uid,
                                      ", UID in object meta: ", old->meta().uid()));
  }
  if (write.if_revision != 0) {
    if (write.if_revision != old->revision()) {
      return api::Conflict(
          *write.resource, write.name,
          "the object has been modified; please apply your changes to the latest version and "
          "try again");
    }
  }
  return old;
}

absl::Status Planner::Update(client::Write write) {
  const api::ResourceInfo& resource = *write.resource;
  const bool scale = write.subresource == "scale";
  const metav1::ObjectMeta* meta = api::MetaOf(*write.object);
  if (write.name.empty()) write.name = meta->name();
  if (write.name_space.empty() && resource.namespaced) write.name_space = meta->namespace_();
  if (meta->name() != write.name && !meta->name().empty()) {
    return api::BadRequest(absl::StrCat("the name of the object (", meta->name(),
                                        ") does not match the name on the URL (", write.name, ")"));
  }
  if (resource.namespaced && !meta->namespace_().empty() &&
      meta->namespace_() != write.name_space) {
    return api::BadRequest(
        "the namespace of the provided object does not match the namespace sent on the request");
  }
  if (!meta->resource_version().empty() && write.if_revision == 0 &&
      !absl::SimpleAtoi(meta->resource_version(), &write.if_revision)) {
    return api::BadRequest(absl::StrCat("metadata.resourceVersion: Invalid value: \"",
                                        meta->resource_version(), "\": must be a number"));
  }
  if (write.uid.empty()) write.uid = meta->uid();
  const std::string key = store::Key(resource, write.name_space, write.name);
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr old, Current(write, key));
  if (scale) {
    return UpdateScale(old, key, write);
  }
  if (write.subresource == "finalize") return Finalize(old, key, write);
  api::MessagePtr object = std::move(write.object);
  if (write.subresource == "status") return UpdateStatus(old, key, std::move(object), write);
  if (write.subresource == "approval") return Approve(old, key, std::move(object), write);
  return UpdateMain(old, key, std::move(object), write);
}

absl::Status Planner::UpdateMain(const api::ObjectPtr& old, const std::string& key,
                                 api::MessagePtr object, const client::Write& write) {
  const api::ResourceInfo& resource = old->resource();
  metav1::ObjectMeta* meta = api::MutableMetaOf(object.get());
  meta->set_name(old->meta().name());
  if (resource.namespaced) meta->set_namespace_(old->meta().namespace_());
  // A client that names no version updates what is there, whatever it is.
  meta->set_resource_version(old->meta().resource_version());
  const AdmissionRequest request =
      RequestOf(AdmissionRequest::Operation::kUpdate, resource, old->meta(), &old->message());
  api::SetDefaults(object.get());
  RecordOwner(env_, write.manager, write.subresource, old->message(), object.get());
  SKIFF_RETURN_IF_ERROR(Mutate(*env_.plugins, request, object.get()));
  api::SetDefaults(object.get());
  SKIFF_RETURN_IF_ERROR(PrepareUpdate(env_, old->message(), object.get()));
  SKIFF_RETURN_IF_ERROR(
      Verdict(resource, meta->name(), api::ValidateUpdate(*object, old->message())));
  SKIFF_RETURN_IF_ERROR(Check(*env_.plugins, request, object.get()));
  const bool same_spec = meta->generation() == old->meta().generation();
  if (same_spec && SameContent(*object, old->message())) {
    KeepAsIs(old);
    return absl::OkStatus();
  }
  // The last finalizer is gone from an object that is being deleted, and nothing else holds it.
  const bool held = meta->deletion_grace_period_seconds() > 0 ||
                    (IsNamespace(*object) &&
                     !static_cast<const corev1::Namespace&>(*object).spec().finalizers().empty());
  if (meta->has_deletion_timestamp() && meta->finalizers().empty() &&
      !old->meta().finalizers().empty() && !held) {
    Remove(key, old);
    return absl::OkStatus();
  }
  GuardClaims(*object, &old->message());
  Put(key, old, std::move(object));
  return absl::OkStatus();
}

absl::Status Planner::UpdateStatus(const api::ObjectPtr& old, const std::string& key,
                                   api::MessagePtr object, const client::Write& write) {
  PrepareStatusUpdate(env_, old->message(), object.get());
  api::SetDefaults(object.get());
  RecordOwner(env_, write.manager, write.subresource, old->message(), object.get());
  SKIFF_RETURN_IF_ERROR(Verdict(old->resource(), old->meta().name(),
                                api::ValidateStatusUpdate(*object, old->message())));
  if (SameContent(*object, old->message())) {
    KeepAsIs(old);
    return absl::OkStatus();
  }
  Put(key, old, std::move(object));
  return absl::OkStatus();
}

absl::Status Planner::Approve(const api::ObjectPtr& old, const std::string& key,
                              api::MessagePtr object, const client::Write& write) {
  using Request = certificatesv1::CertificateSigningRequest;
  PrepareApproval(env_, old->As<Request>(), static_cast<Request*>(object.get()));
  RecordOwner(env_, write.manager, write.subresource, old->message(), object.get());
  SKIFF_RETURN_IF_ERROR(
      Verdict(old->resource(), old->meta().name(),
              api::ValidateApproval(static_cast<const Request&>(*object), old->As<Request>())));
  if (SameContent(*object, old->message())) {
    KeepAsIs(old);
    return absl::OkStatus();
  }
  Put(key, old, std::move(object));
  return absl::OkStatus();
}

absl::Status Planner::UpdateScale(const api::ObjectPtr& old, const std::string& key,
                                  const client::Write& write) {
  const auto& scale = static_cast<const autoscalingv1::Scale&>(*write.object);
  if (scale.spec().replicas() < 0) {
    return api::Invalid(
        old->resource(), old->meta().name(),
        {{api::FieldError::Kind::kInvalid, "spec.replicas", absl::StrCat(scale.spec().replicas()),
          "must be greater than or equal to 0"}});
  }
  api::MessagePtr object = old->Copy();
  api::SetReplicas(object.get(), scale.spec().replicas());
  return UpdateMain(old, key, std::move(object), write);
}

absl::Status Planner::Finalize(const api::ObjectPtr& old, const std::string& key,
                               const client::Write& write) {
  auto changed = old->CopyAs<corev1::Namespace>();
  const auto& given = static_cast<const corev1::Namespace&>(*write.object);
  *changed->mutable_spec()->mutable_finalizers() = given.spec().finalizers();
  RecordOwner(env_, write.manager, write.subresource, old->message(), changed.get());
  if (old->meta().has_deletion_timestamp() && changed->spec().finalizers().empty() &&
      old->meta().finalizers().empty()) {
    Remove(key, old);
  } else if (SameContent(*changed, old->message())) {
    KeepAsIs(old);
  } else {
    Put(key, old, std::move(changed));
  }
  return absl::OkStatus();
}

absl::Status Planner::Bind(client::Write write) {
  const api::ResourceInfo& resource = *write.resource;
  const auto& binding = static_cast<const corev1::Binding&>(*write.object);
  if (write.name.empty()) write.name = binding.metadata().name();
  if (write.name_space.empty()) write.name_space = binding.metadata().namespace_();
  if (write.uid.empty()) write.uid = binding.metadata().uid();
  const std::string key = store::Key(resource, write.name_space, write.name);
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr old, Current(write, key));
  const auto& pod = old->As<corev1::Pod>();
  if (binding.target().name().empty()) {
    return api::BadRequest("target.name: Required value: the node to bind the pod to");
  }
  if (pod.metadata().has_deletion_timestamp()) {
    return api::Conflict(
        resource, write.name,
        absl::StrCat("pod ", write.name, " is being deleted, cannot be assigned to a host"));
  }
  if (!pod.spec().node_name().empty()) {
    return api::Conflict(resource, write.name,
                         absl::StrCat("pod ", write.name, " is already assigned to node \"",
                                      pod.spec().node_name(), "\""));
  }
  auto bound = old->CopyAs<corev1::Pod>();
  bound->mutable_spec()->set_node_name(binding.target().name());
  for (const auto& [name, value] : binding.metadata().annotations()) {
    (*bound->mutable_metadata()->mutable_annotations())[name] = value;
  }
  api::SetCondition("PodScheduled", "True", "", "", env_.now,
                    bound->mutable_status()->mutable_conditions());
  Put(key, old, std::move(bound));
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
