#include "apiserver/rest/server.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/patch.h"
#include "api/scale.h"
#include "apiserver/rest/apply.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

// How often a write is planned anew when others get in between, before the client must decide.
constexpr int kAttempts = 16;

client::Write CopyOf(const client::Write& write) {
  client::Write copy;
  copy.verb = write.verb;
  copy.resource = write.resource;
  copy.name_space = write.name_space;
  copy.name = write.name;
  copy.subresource = write.subresource;
  if (write.object != nullptr) {
    copy.object.reset(write.object->New());
    copy.object->CopyFrom(*write.object);
  }
  copy.uid = write.uid;
  copy.if_revision = write.if_revision;
  copy.grace_period_seconds = write.grace_period_seconds;
  copy.propagation_policy = write.propagation_policy;
  copy.manager = write.manager;
  return copy;
}

bool IsNewer(const absl::StatusOr<api::ObjectPtr>& now, const api::Object& before) {
  return now.ok() && (*now)->revision() != before.revision();
}

template <typename T>
void Reply(Executor* executor, client::Callback<T> done, absl::StatusOr<T> result) {
  executor->Post([done = std::move(done), result = std::move(result)]() mutable {
    std::move(done)(std::move(result));
  });
}

}  // namespace

// One Write call on its way, through as many plans as it takes.
struct Server::Attempt {
  std::vector<client::Write> writes;
  WriteOptions options;
  Executor* reply_on;
  client::Callback<Written> done;
  int tries = 0;
  // A lone create, whose object the first plan takes away: where it was to be.
  bool lone_create = false;
  const api::ResourceInfo* resource = nullptr;
  std::string name_space;
  std::string name;

  // On the way to `done`, what it was made from goes first: `again` may hold what belongs to the
  // loop that is answered.
  void Answer(absl::StatusOr<Written> result) {
    options.again = nullptr;
    Reply<Written>(reply_on, std::move(done), std::move(result));
  }

  // What errors will name. Creates are what there is most of, and one of a given name is never
  // planned twice: it either succeeds or is told why not. So its object needs no copy. Services may
  // lose to others by the address they claim.
  void NoteFirst() {
    if (writes.empty()) return;
    const client::Write& write = writes[0];
    resource = write.resource;
    name = write.name;
    if (writes.size() != 1 || options.dry_run) return;
    if (write.verb != client::Write::Verb::kCreate || !write.subresource.empty()) return;
    const metav1::ObjectMeta* meta = write.object == nullptr ? nullptr : api::MetaOf(*write.object);
    if (meta == nullptr || meta->name().empty() || write.resource == nullptr ||
        write.resource == &api::ResourceOf<corev1::Service>()) {
      return;
    }
    lone_create = true;
    name = meta->name();
    name_space = !meta->namespace_().empty() ? meta->namespace_() : write.name_space;
    if (name_space.empty()) name_space = "default";
  }
};

Server::Server(store::Store* store, const Clock* clock, Rng rng, AdmissionPlugins plugins)
    : store_(store), clock_(clock), plugins_(std::move(plugins)), rng_(rng) {}

void Server::StartOver(Rng rng) {
  MutexLock lock(&mutex_);
  rng_ = rng;
  recent_ips_.clear();
  recent_ports_.clear();
  pinned_.clear();
}

Env Server::MakeEnv() {
  Env env;
  env.now = clock_->Now();
  env.plugins = &plugins_;
  env.new_uid = [this] {
    MutexLock lock(&mutex_);
    return rng_.Uuid();
  };
  env.name_suffix = [this](int length) {
    MutexLock lock(&mutex_);
    return rng_.NameSuffix(length);
  };
  env.allocate_cluster_ip = [this] { return AllocateClusterIp(*store_->snapshot()); };
  env.allocate_node_port = [this] { return AllocateNodePort(*store_->snapshot()); };
  return env;
}

void Server::Fresh(Executor* reply_on, absl::AnyInvocable<void(absl::Status) &&> then) {
  if (store_->alone()) return std::move(then)(absl::OkStatus());
  store_->Barrier([reply_on, then = std::move(then)](absl::Status status) mutable {
    reply_on->Post([then = std::move(then), status = std::move(status)]() mutable {
      std::move(then)(std::move(status));
    });
  });
}

void Server::Write(std::vector<client::Write> writes, WriteOptions options, Executor* reply_on,
                   client::Callback<Written> done) {
  auto attempt = std::make_shared<Attempt>();
  attempt->writes = std::move(writes);
  attempt->options = std::move(options);
  attempt->reply_on = reply_on;
  attempt->done = std::move(done);
  attempt->NoteFirst();
  if (store_->alone()) return Try(std::move(attempt));
  Fresh(reply_on, [this, attempt = std::move(attempt)](const absl::Status& fresh) {
    if (fresh.ok()) return Try(attempt);
    attempt->Answer(fresh);
  });
}

void Server::Try(std::shared_ptr<Attempt> attempt) {
  const bool dry_run = attempt->options.dry_run;
  const auto snapshot = store_->snapshot();
  Env env = MakeEnv();
  env.dry_run = dry_run;
  env.owners_settled = attempt->options.owners_settled;
  Planner planner(std::move(env), snapshot, /*previews=*/dry_run || attempt->writes.size() > 1);
  if (attempt->tries > 0 && attempt->options.again != nullptr) {
    auto made = attempt->options.again();
    if (!made.ok()) return attempt->Answer(made.status());
    attempt->writes[0] = *std::move(made);
  }
  const bool consume = attempt->lone_create || attempt->options.again != nullptr;
  for (client::Write& write : attempt->writes) {
    const absl::Status status = planner.Add(consume ? std::move(write) : CopyOf(write));
    if (!status.ok()) return attempt->Answer(status);
  }
  store::Txn txn = planner.TakeTxn();
  if (dry_run || txn.ops.empty()) {
    Written written;
    written.revision = snapshot->revision();
    for (const Planner::Outcome& outcome : planner.TakeOutcomes()) {
      written.items.push_back({outcome.preview, outcome.removed});
    }
    return attempt->Answer(std::move(written));
  }
  store_->Commit(std::move(txn), [this, attempt, outcomes = planner.TakeOutcomes()](
                                     absl::StatusOr<store::TxnResult> result) {
    OnCommitted(attempt, outcomes, std::move(result));
  });
}

void Server::OnCommitted(const std::shared_ptr<Attempt>& attempt,
                         const std::vector<Planner::Outcome>& outcomes,
                         absl::StatusOr<store::TxnResult> result) {
  if (!result.ok()) return attempt->Answer(result.status());
  if (!result->applied) {
    // Somebody was faster. Planned anew, it either fits or says exactly what is wrong.
    if (attempt->lone_create) return attempt->Answer(WhyLost(*attempt));
    if (++attempt->tries < kAttempts) return Try(attempt);
    return attempt->Answer(
        api::Conflict(*attempt->resource, attempt->name, "too many concurrent writers; try again"));
  }
  Written written;
  written.revision = result->revision;
  for (const Planner::Outcome& outcome : outcomes) {
    written.items.push_back(
        {outcome.op < 0 ? outcome.unchanged : result->objects[outcome.op], outcome.removed});
  }
  attempt->Answer(std::move(written));
}

// A create needs its namespace and a free name.
absl::Status Server::WhyLost(const Attempt& attempt) const {
  const api::ResourceInfo& namespaces = api::ResourceOf<corev1::Namespace>();
  if (attempt.resource->namespaced &&
      store_->snapshot()->Get(store::Key(namespaces, "", attempt.name_space)) == nullptr) {
    return api::NotFound(namespaces, attempt.name_space);
  }
  return api::AlreadyExists(*attempt.resource, attempt.name);
}

void Server::Commit(std::vector<client::Write> writes, Executor* reply_on,
                    client::Callback<client::WriteResult> done) {
  Write(std::move(writes), {}, reply_on,
        [done = std::move(done)](absl::StatusOr<Written> written) mutable {
          if (!written.ok()) return std::move(done)(written.status());
          client::WriteResult result;
          result.revision = written->revision;
          for (Written::Item& item : written->items) {
            result.objects.push_back(std::move(item.object));
          }
          std::move(done)(std::move(result));
        });
}

absl::StatusOr<api::ObjectPtr> Server::GetNow(const api::ResourceInfo& resource,
                                              absl::string_view name_space,
                                              absl::string_view name) const {
  const api::ObjectPtr found = store_->snapshot()->Get(store::Key(resource, name_space, name));
  if (found == nullptr) return api::NotFound(resource, name);
  return found;
}

void Server::Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
                 Executor* reply_on, client::Callback<api::ObjectPtr> done) {
  Fresh(reply_on, [this, &resource, name_space = std::move(name_space), name = std::move(name),
                   reply_on, done = std::move(done)](const absl::Status& fresh) mutable {
    Reply(reply_on, std::move(done), fresh.ok() ? GetNow(resource, name_space, name) : fresh);
  });
}

absl::StatusOr<api::MessagePtr> ApplyPatch(const google::protobuf::Message& current,
                                           absl::string_view kind, absl::string_view api_version,
                                           const PatchRequest& request,
                                           std::vector<std::string>* warnings) {
  std::string json;
  api::JsonOptions options;
  options.kind = kind;
  options.api_version = api_version;
  api::EncodeJson(current, options, &json);
  absl::StatusOr<std::string> patched;
  switch (request.type) {
    case PatchType::kJson:
      patched = api::JsonPatch(json, request.body);
      break;
    case PatchType::kMerge:
      patched = api::MergePatch(json, request.body);
      break;
    case PatchType::kStrategic:
      patched = api::StrategicMergePatch(json, request.body, current.GetDescriptor());
      break;
    case PatchType::kApply:
      return api::BadRequest("an apply is no patch of what is there");
  }
  SKIFF_RETURN_IF_ERROR(patched.status());
  api::MessagePtr message(current.New());
  api::DecodeNotes notes;
  if (const absl::Status status = api::DecodeJson(*patched, message.get(), &notes); !status.ok()) {
    return api::BadRequest(status.message());
  }
  if (notes.unknown_or_duplicate.empty() || request.validation == FieldValidation::kIgnore) {
    return message;
  }
  if (request.validation == FieldValidation::kStrict) {
    return api::BadRequest(
        absl::StrCat("strict decoding error: ", absl::StrJoin(notes.unknown_or_duplicate, ", ")));
  }
  *warnings = std::move(notes.unknown_or_duplicate);
  return message;
}

void Server::Patch(PatchRequest request, Executor* reply_on, client::Callback<Patched> done) {
  Fresh(reply_on, [this, request = std::move(request), reply_on,
                   done = std::move(done)](const absl::Status& fresh) mutable {
    if (fresh.ok()) return PatchAgain(std::move(request), 0, reply_on, std::move(done));
    Reply<Patched>(reply_on, std::move(done), fresh);
  });
}

void Server::PatchAgain(PatchRequest request, int tries, Executor* reply_on,
                        client::Callback<Patched> done) {
  if (request.resource == nullptr) {
    return Reply<Patched>(reply_on, std::move(done),
                          api::BadRequest("the patch names no resource"));
  }
  if (request.type == PatchType::kApply) {
    return ApplyAgain(std::move(request), tries, reply_on, std::move(done));
  }
  const auto current = GetNow(*request.resource, request.name_space, request.name);
  if (!current.ok()) return Reply<Patched>(reply_on, std::move(done), current.status());
  const bool scale = request.subresource == "scale";
  if (scale && !api::HasScale(*request.resource)) {
    return Reply<Patched>(reply_on, std::move(done),
                          api::MethodNotSupported(*request.resource, "patch"));
  }
  std::vector<std::string> warnings;
  auto made =
      scale ? ApplyPatch(api::ScaleOf(**current), "Scale", "autoscaling/v1", request, &warnings)
            : ApplyPatch((*current)->message(), request.resource->kind,
                         request.resource->api_version(), request, &warnings);
  if (!made.ok()) return Reply<Patched>(reply_on, std::move(done), made.status());
  client::Write write;
  write.verb = client::Write::Verb::kUpdate;
  write.resource = request.resource;
  write.name_space = request.name_space;
  write.name = request.name;
  write.subresource = request.subresource;
  write.manager = request.manager;
  // The patch was made on this very state; a revision that the patch itself names is the client's
  // own.
  const std::string wanted = api::MetaOf(**made)->resource_version();
  const bool own = wanted.empty() || wanted == (*current)->meta().resource_version();
  if (own) api::MutableMetaOf(made->get())->clear_resource_version();
  write.if_revision = own ? (*current)->revision() : 0;
  write.object = *std::move(made);
  std::vector<client::Write> writes;
  writes.push_back(std::move(write));
  WriteOptions options;
  options.dry_run = request.dry_run;
  Write(std::move(writes), std::move(options), reply_on,
        [this, request = std::move(request), tries, reply_on, own, before = *current,
         warnings = std::move(warnings),
         done = std::move(done)](absl::StatusOr<Written> written) mutable {
          // Somebody else wrote in between: the patch is made anew on the newer state. A patch that
          // asks for another uid is in conflict with every state.
          if (own && absl::IsAborted(written.status()) && tries + 1 < kAttempts &&
              IsNewer(GetNow(*request.resource, request.name_space, request.name), *before)) {
            return PatchAgain(std::move(request), tries + 1, reply_on, std::move(done));
          }
          if (!written.ok()) return std::move(done)(written.status());
          std::move(done)(Patched{written->items.at(0).object, std::move(warnings), false});
        });
}

void Server::ApplyAgain(PatchRequest request, int tries, Executor* reply_on,
                        client::Callback<Patched> done) {
  const auto found = GetNow(*request.resource, request.name_space, request.name);
  const api::ObjectPtr before = found.ok() ? *found : nullptr;
  if (before == nullptr && request.may_create != nullptr) {
    const absl::Status allowed = request.may_create();
    if (!allowed.ok()) return Reply<Patched>(reply_on, std::move(done), allowed);
  }
  auto planned = PlanApply(request, before, clock_->Now());
  if (!planned.ok()) return Reply<Patched>(reply_on, std::move(done), planned.status());
  std::vector<client::Write> writes;
  writes.push_back(std::move(planned->write));
  WriteOptions options;
  options.dry_run = request.dry_run;
  options.owners_settled = true;
  Write(std::move(writes), std::move(options), reply_on,
        [this, request = std::move(request), tries, reply_on, before, again = planned->again,
         warnings = std::move(planned->warnings),
         done = std::move(done)](absl::StatusOr<Written> written) mutable {
          const auto now = GetNow(*request.resource, request.name_space, request.name);
          const bool raced = before == nullptr
                                 ? absl::IsAlreadyExists(written.status())
                                 : absl::IsAborted(written.status()) && IsNewer(now, *before);
          if (raced && again && tries + 1 < kAttempts) {
            return ApplyAgain(std::move(request), tries + 1, reply_on, std::move(done));
          }
          if (!written.ok()) return std::move(done)(written.status());
          std::move(done)(
              Patched{written->items.at(0).object, std::move(warnings), before == nullptr});
        });
}

// One DeleteCollection on its way.
struct Server::Sweep {
  DeleteCollectionRequest request;
  std::vector<api::ObjectPtr> left;  // The next one last.
  Executor* reply_on;
  client::Callback<Written> done;
  Written written;
  size_t batch = 256;

  std::vector<client::Write> Next() {
    std::vector<client::Write> writes;
    for (size_t i = 0; i < batch && i < left.size(); ++i) {
      client::Write write = client::Write::Delete(*left[left.size() - 1 - i]);
      write.grace_period_seconds = request.grace_period_seconds;
      write.propagation_policy = request.propagation_policy;
      writes.push_back(std::move(write));
    }
    return writes;
  }
};

void Server::DeleteCollection(DeleteCollectionRequest request, Executor* reply_on,
                              client::Callback<Written> done) {
  if (request.resource == nullptr) {
    return Reply<Written>(reply_on, std::move(done),
                          api::BadRequest("the deletion names no resource"));
  }
  auto found = ListNow(*request.resource, request.list, /*exact=*/false);
  if (!found.ok()) return Reply<Written>(reply_on, std::move(done), found.status());
  auto sweep = std::make_shared<Sweep>();
  sweep->request = std::move(request);
  sweep->left.assign(found->items.rbegin(), found->items.rend());
  sweep->reply_on = reply_on;
  sweep->done = std::move(done);
  sweep->written.revision = found->revision;
  Fresh(reply_on, [this, sweep = std::move(sweep)](const absl::Status& fresh) {
    if (fresh.ok()) return SweepOn(sweep);
    Reply<Written>(sweep->reply_on, std::move(sweep->done), fresh);
  });
}

void Server::SweepOn(std::shared_ptr<Sweep> sweep) {
  std::vector<client::Write> writes = sweep->Next();
  if (writes.empty()) {
    return Reply<Written>(sweep->reply_on, std::move(sweep->done), std::move(sweep->written));
  }
  const size_t count = writes.size();
  Write(std::move(writes), {.dry_run = sweep->request.dry_run}, sweep->reply_on,
        [this, sweep, count](absl::StatusOr<Written> written) mutable {
          const bool gone = absl::IsNotFound(written.status()) || absl::IsAborted(written.status());
          if (gone && count > 1) {
            sweep->batch = 1;  // One of them is in the way: from here each goes for itself.
            return SweepOn(std::move(sweep));
          }
          if (!written.ok() && !gone) return std::move(sweep->done)(written.status());
          sweep->left.resize(sweep->left.size() - count);
          if (written.ok()) {
            sweep->written.revision = written->revision;
            std::move(written->items.begin(), written->items.end(),
                      std::back_inserter(sweep->written.items));
          }
          SweepOn(std::move(sweep));
        });
}

}  // namespace skiff::apiserver
