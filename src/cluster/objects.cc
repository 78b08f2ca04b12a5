#include "cluster/objects.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/patch.h"
#include "api/selector.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cluster/await.h"
#include "cluster/kind_name.h"
#include "cluster/subscription.h"
#include "cluster/three_way.h"
#include "cluster/wait_condition.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;

constexpr int kConflictRetries = 5;

std::string NamespaceFor(const api::ResourceInfo& resource, const std::string& name_space) {
  return resource.namespaced ? name_space : "";
}

// The message of one manifest, strictly read: an unknown field is an error, as with kubectl.
absl::StatusOr<api::MessagePtr> Read(const std::string& json) {
  api::DecodeNotes notes;
  SKIFF_ASSIGN_OR_RETURN(api::MessagePtr message, api::DecodeAnyJson(json, &notes));
  if (!notes.unknown_or_duplicate.empty()) {
    return api::BadRequest(
        absl::StrCat("strict decoding error: ", absl::StrJoin(notes.unknown_or_duplicate, ", ")));
  }
  return message;
}

// The objects of a manifest, each as JSON; those in a v1 List come one by one.
absl::StatusOr<std::vector<std::string>> Documents(const std::string& manifest) {
  SKIFF_ASSIGN_OR_RETURN(std::vector<std::string> texts, api::YamlToJson(manifest));
  std::vector<std::string> out;
  for (std::string& text : texts) {
    // Most are no list: only what might be is parsed.
    if (!absl::StrContains(text, "\"List\"")) {
      out.push_back(std::move(text));
      continue;
    }
    SKIFF_ASSIGN_OR_RETURN(const JsonValue value, JsonValue::Parse(text));
    const JsonValue* kind = value.Find("kind");
    if (kind == nullptr || kind->text() != "List") {
      out.push_back(std::move(text));
      continue;
    }
    const JsonValue* items = value.Find("items");
    if (items != nullptr && !items->is_null() && !items->is_array()) {
      return absl::InvalidArgumentError("List: items must be an array of objects");
    }
    if (items == nullptr) continue;
    for (const JsonValue& item : items->items()) out.push_back(item.ToString());
  }
  return out;
}

// The message of one manifest, in a namespace if its kind has one.
absl::StatusOr<api::MessagePtr> ReadInto(const std::string& json, const std::string& name_space) {
  SKIFF_ASSIGN_OR_RETURN(api::MessagePtr message, Read(json));
  metav1::ObjectMeta* meta = api::MutableMetaOf(message.get());
  if (api::ResourceOfDescriptor(message->GetDescriptor()).namespaced &&
      meta->namespace_().empty()) {
    meta->set_namespace_(name_space);
  }
  return message;
}

absl::StatusOr<std::string> OnlyDocument(const std::string& manifest) {
  SKIFF_ASSIGN_OR_RETURN(std::vector<std::string> documents, Documents(manifest));
  if (documents.size() == 1) return std::move(documents[0]);
  return absl::InvalidArgumentError(
      absl::StrCat("the manifest holds ", documents.size(), " objects; want exactly one"));
}

// The failure of one document, saying which object it is about if it does not yet.
absl::Status Name(absl::Status status, const std::string& json) {
  const auto value = JsonValue::Parse(json);
  if (!value.ok()) return status;
  const JsonValue* kind = value->Find("kind");
  const JsonValue* meta = value->Find("metadata");
  if (kind == nullptr || meta == nullptr || kind->text().empty()) return status;
  for (const char* field : {"name", "generateName"}) {
    const JsonValue* name = meta->Find(field);
    if (name == nullptr || name->text().empty()) continue;
    const std::string quoted = absl::StrCat("\"", name->text(), "\"");
    if (absl::StrContains(status.message(), quoted)) return status;
    return Annotate(std::move(status), absl::StrCat(kind->text(), " ", quoted));
  }
  return status;
}

}  // namespace

absl::Status CheckSelectors(const ListQuery& query, const api::ResourceInfo& resource) {
  const auto labels = api::LabelSelector::Parse(query.label_selector);
  if (!labels.ok()) {
    return Annotate(labels.status(), absl::StrCat("label selector \"", query.label_selector, "\""));
  }
  const auto fields = api::FieldSelector::Parse(resource, query.field_selector);
  if (!fields.ok()) {
    return Annotate(fields.status(), absl::StrCat("field selector \"", query.field_selector, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<client::WriteResult> Objects::Commit(client::Write write) {
  return Await<client::WriteResult>(loop_, [&](client::Callback<client::WriteResult> done) {
    std::vector<client::Write> writes;
    writes.push_back(std::move(write));
    client_->Commit(client::By("skiff", std::move(writes)), loop_, std::move(done));
  });
}

absl::StatusOr<api::ObjectPtr> Objects::Find(const api::ResourceInfo& resource,
                                             const std::string& name_space,
                                             const std::string& name) {
  return Await<api::ObjectPtr>(loop_, [&](client::Callback<api::ObjectPtr> done) {
    client_->Get(resource, NamespaceFor(resource, name_space), name, loop_, std::move(done));
  });
}

absl::StatusOr<Applied::Outcome> Objects::Bring(const api::ObjectPtr& live,
                                                const std::string& applied) {
  SKIFF_ASSIGN_OR_RETURN(const JsonValue wanted, JsonValue::Parse(applied));
  SKIFF_ASSIGN_OR_RETURN(const JsonValue current, JsonValue::Parse(*live->Json()));
  const google::protobuf::Descriptor* type = live->message().GetDescriptor();
  const JsonValue patch = ThreeWayPatch(LastAppliedOf(current), WithLastApplied(wanted), type);
  SKIFF_ASSIGN_OR_RETURN(const std::string patched,
                         api::StrategicMergePatch(*live->Json(), patch.ToString(), type));
  api::MessagePtr message(live->message().New());
  SKIFF_RETURN_IF_ERROR(api::DecodeJson(patched, message.get()));
  client::Write write = client::Write::Update(std::move(message));
  write.if_revision = live->revision();
  SKIFF_ASSIGN_OR_RETURN(const client::WriteResult result, Commit(std::move(write)));
  return result.objects.at(0)->revision() == live->revision() ? Applied::Outcome::kUnchanged
                                                              : Applied::Outcome::kConfigured;
}

absl::StatusOr<Applied> Objects::ApplyOne(const std::string& json, const std::string& name_space) {
  SKIFF_ASSIGN_OR_RETURN(const api::MessagePtr message, Read(json));
  const api::ResourceInfo& resource = api::ResourceOfDescriptor(message->GetDescriptor());
  const metav1::ObjectMeta* meta = api::MetaOf(*message);
  if (meta->name().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(resource.kind), ": metadata.name is required to apply it"));
  }
  Applied applied;
  applied.object = {
      std::string(resource.kind),
      NamespaceFor(resource, meta->namespace_().empty() ? name_space : meta->namespace_()),
      meta->name()};
  for (int attempt = 0;; ++attempt) {
    absl::Status status;
    const auto live = Find(resource, applied.object.name_space, meta->name());
    if (live.ok()) {
      const auto outcome = Bring(*live, json);
      status = outcome.status();
      if (outcome.ok()) applied.outcome = *outcome;
    } else if (absl::IsNotFound(live.status())) {
      SKIFF_ASSIGN_OR_RETURN(const JsonValue wanted, JsonValue::Parse(json));
      SKIFF_ASSIGN_OR_RETURN(api::MessagePtr fresh, Read(WithLastApplied(wanted).ToString()));
      if (resource.namespaced) {
        api::MutableMetaOf(fresh.get())->set_namespace_(applied.object.name_space);
      }
      status = Commit(client::Write::Create(std::move(fresh))).status();
      applied.outcome = Applied::Outcome::kCreated;
    } else {
      status = live.status();
    }
    if (status.ok()) return applied;
    const bool raced = absl::IsAborted(status) || absl::IsAlreadyExists(status);
    if (!raced || attempt == kConflictRetries) return status;
  }
}

absl::StatusOr<std::vector<Applied>> Objects::Apply(const std::string& manifest,
                                                    const std::string& name_space) {
  SKIFF_ASSIGN_OR_RETURN(const std::vector<std::string> documents, Documents(manifest));
  std::vector<Applied> out;
  for (const std::string& document : documents) {
    absl::StatusOr<Applied> applied = ApplyOne(document, name_space);
    if (!applied.ok()) return Name(applied.status(), document);
    out.push_back(*std::move(applied));
  }
  return out;
}

absl::StatusOr<std::string> Objects::CreateOne(const std::string& json,
                                               const std::string& name_space) {
  SKIFF_ASSIGN_OR_RETURN(api::MessagePtr message, ReadInto(json, name_space));
  SKIFF_ASSIGN_OR_RETURN(const client::WriteResult result,
                         Commit(client::Write::Create(std::move(message))));
  return *result.objects.at(0)->Json();
}

absl::StatusOr<std::string> Objects::UpdateOne(const std::string& json,
                                               const std::string& name_space,
                                               const std::string& subresource) {
  SKIFF_ASSIGN_OR_RETURN(api::MessagePtr message, ReadInto(json, name_space));
  SKIFF_ASSIGN_OR_RETURN(const client::WriteResult result,
                         Commit(client::Write::Update(std::move(message), subresource)));
  return *result.objects.at(0)->Json();
}

absl::StatusOr<std::string> Objects::Create(const std::string& manifest,
                                            const std::string& name_space) {
  SKIFF_ASSIGN_OR_RETURN(const std::string document, OnlyDocument(manifest));
  auto created = CreateOne(document, name_space);
  if (!created.ok()) return Name(created.status(), document);
  return created;
}

absl::StatusOr<std::string> Objects::Update(const std::string& manifest,
                                            const std::string& name_space,
                                            const std::string& subresource) {
  SKIFF_ASSIGN_OR_RETURN(const std::string document, OnlyDocument(manifest));
  auto updated = UpdateOne(document, name_space, subresource);
  if (!updated.ok()) return Name(updated.status(), document);
  return updated;
}

absl::StatusOr<api::ObjectPtr> Objects::Get(const ObjectRef& object) {
  SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, ResolveKind(object.kind));
  return Find(*resource, object.name_space, object.name);
}

absl::StatusOr<client::ListResult> Objects::List(const ListQuery& query) {
  SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, ResolveKind(query.kind));
  return Await<client::ListResult>(loop_, [&](client::Callback<client::ListResult> done) {
    client::ListOptions options;
    options.name_space = NamespaceFor(*resource, query.name_space);
    options.label_selector = query.label_selector;
    options.field_selector = query.field_selector;
    client_->List(*resource, options, loop_, std::move(done));
  });
}

absl::StatusOr<std::string> Objects::ListJson(const ListQuery& query) {
  SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, ResolveKind(query.kind));
  SKIFF_RETURN_IF_ERROR(CheckSelectors(query, *resource));
  SKIFF_ASSIGN_OR_RETURN(const client::ListResult result, List(query));
  std::string out = absl::StrCat("{\"kind\":\"", resource->kind, "List\",\"apiVersion\":\"",
                                 resource->api_version(), "\",\"metadata\":{\"resourceVersion\":\"",
                                 result.revision, "\"},\"items\":[");
  for (const api::ObjectPtr& item : result.items) {
    absl::StrAppend(&out, out.back() == '[' ? "" : ",", *item->Json());
  }
  return out + "]}";
}

absl::Status Objects::Delete(const ObjectRef& object, std::optional<int64_t> grace_period_seconds) {
  SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, ResolveKind(object.kind));
  client::Write write;
  write.verb = client::Write::Verb::kDelete;
  write.resource = resource;
  write.name_space = NamespaceFor(*resource, object.name_space);
  write.name = object.name;
  write.grace_period_seconds = grace_period_seconds;
  write.propagation_policy = "Background";
  const absl::Status status = Commit(std::move(write)).status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status Objects::Wait(const ObjectRef& object, const std::string& condition,
                           absl::Duration timeout) {
  SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, ResolveKind(object.kind));
  SKIFF_ASSIGN_OR_RETURN(const WaitCondition wanted, WaitCondition::Parse(condition));
  const auto found = Find(*resource, object.name_space, object.name);
  if (!found.ok()) {
    if (absl::IsNotFound(found.status()) && wanted.for_delete()) return absl::OkStatus();
    if (!absl::IsNotFound(found.status()) || !wanted.for_create()) return found.status();
  }

  std::string last = "it does not exist";
  if (found.ok()) {
    SKIFF_ASSIGN_OR_RETURN(const JsonValue now, JsonValue::Parse(*(*found)->Json()));
    if (wanted.Holds(now)) return absl::OkStatus();
    last = wanted.Describe(now);
  }
  return WatchUntil(
      *resource, object,
      [&](const Watched& now) -> std::optional<absl::Status> {
        if (now.gone) {
          return wanted.for_delete() ? absl::OkStatus() : api::NotFound(*resource, object.name);
        }
        const auto json = JsonValue::Parse(*now.object->Json());
        if (!json.ok()) return std::nullopt;
        last = wanted.Describe(*json);
        return wanted.Holds(*json) ? std::optional(absl::OkStatus()) : std::nullopt;
      },
      [&] { return last; }, condition, timeout, wanted.for_create());
}

absl::Status Objects::WaitUntil(const ObjectRef& object,
                                std::function<bool(const api::Object&)> holds,
                                const std::string& what, absl::Duration timeout) {
  SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, ResolveKind(object.kind));
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr found,
                         Find(*resource, object.name_space, object.name));
  if (holds(*found)) return absl::OkStatus();
  return WatchUntil(
      *resource, object,
      [&](const Watched& now) -> std::optional<absl::Status> {
        if (now.gone) return api::NotFound(*resource, object.name);
        return holds(*now.object) ? std::optional(absl::OkStatus()) : std::nullopt;
      },
      [] { return std::string("it is not so yet"); }, what, timeout, /*may_come=*/false);
}

// While it lives, EndWaits reaches the waiter.
class Objects::Waiting {
 public:
  Waiting(Objects* objects, Waiter* waiter) : objects_(objects), waiter_(waiter) {
    MutexLock lock(&objects_->mutex_);
    objects_->waiters_.insert(waiter_);
    if (!objects_->ended_.ok()) waiter_->Finish(objects_->ended_);
  }
  ~Waiting() {
    MutexLock lock(&objects_->mutex_);
    objects_->waiters_.erase(waiter_);
  }

 private:
  Objects* const objects_;
  Waiter* const waiter_;
};

void Objects::EndWaits(const absl::Status& why) {
  MutexLock lock(&mutex_);
  ended_ = why;
  for (Waiter* waiter : waiters_) waiter->Finish(why);
}

// Looks at each state of the object until `look` has a result.
absl::Status Objects::WatchUntil(const api::ResourceInfo& resource, const ObjectRef& object,
                                 std::function<std::optional<absl::Status>(const Watched&)> look,
                                 std::function<std::string()> describe, const std::string& what,
                                 absl::Duration timeout, bool may_come) {
  Waiter waiter;
  const Waiting waiting(this, &waiter);
  client::ListOptions options;
  options.name_space = NamespaceFor(resource, object.name_space);
  options.field_selector =
      absl::StrCat("metadata.name=",
                   absl::StrReplaceAll(object.name, {{"\\", "\\\\"}, {",", "\\,"}, {"=", "\\="}}));
  const auto see = [&](const Watched& now) {
    MutexLock lock(&waiter.mutex);
    if (waiter.done) return;
    if (auto result = look(now)) {
      waiter.done = true;
      waiter.changed.NotifyAll();
      waiter.result = *std::move(result);
    }
  };
  const auto subscription = SubscribeObjects(
      client_, loop_, resource, options,
      [&](skiff::WatchEvent::Type type, const api::ObjectPtr& now) {
        see({type == skiff::WatchEvent::Type::kDeleted, now});
      },
      [&](absl::Status why) { waiter.Finish(std::move(why)); },
      // Gone before the first look at it.
      [&](bool empty) {
        if (empty && !may_come) see({true, nullptr});
      });
  MutexLock lock(&waiter.mutex);
  const auto is_done = [&waiter]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiter.done; };
  if (waiter.changed.AwaitFor(&waiter.mutex, timeout, is_done)) return waiter.result;
  return absl::DeadlineExceededError(absl::StrCat("timed out waiting for ", what, " on ",
                                                  resource.qualified(), "/", object.name, ": ",
                                                  describe()));
}

}  // namespace skiff::cluster
