#include "apiserver/rest/server.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/patch.h"
#include "apiserver/rest/scale.h"
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
  return copy;
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
  bool retryable = true;
};

Server::Server(store::Store* store, const Clock* clock, Rng rng)
    : store_(store), clock_(clock), rng_(rng) {}

Env Server::MakeEnv() {
  Env env;
  env.now = clock_->Now();
  env.new_uid = [this] {
    absl::MutexLock lock(&mutex_);
    return rng_.Uuid();
  };
  env.name_suffix = [this](int length) {
    absl::MutexLock lock(&mutex_);
    return rng_.NameSuffix(length);
  };
  env.allocate_cluster_ip = [this] { return AllocateClusterIp(*store_->snapshot()); };
  env.allocate_node_port = [this] { return AllocateNodePort(*store_->snapshot()); };
  return env;
}

void Server::Write(std::vector<client::Write> writes, WriteOptions options, Executor* reply_on,
                   client::Callback<Written> done) {
  auto attempt = std::make_shared<Attempt>();
  attempt->writes = std::move(writes);
  attempt->options = options;
  attempt->reply_on = reply_on;
  attempt->done = std::move(done);
  Try(std::move(attempt));
}

void Server::Try(std::shared_ptr<Attempt> attempt) {
  auto planner = std::make_shared<Planner>(MakeEnv(), store_->snapshot());
  // A lone create (the hot path) is never planned twice with the same name: it needs no copy.
  const bool last_use = attempt->writes.size() == 1 &&
                        attempt->writes[0].verb == client::Write::Verb::kCreate &&
                        !attempt->writes[0].object->GetReflection()->HasField(
                            *attempt->writes[0].object,
                            attempt->writes[0].object->GetDescriptor()->field(0)) ;
  for (client::Write& write : attempt->writes) {
    const absl::Status status = planner->Add(last_use ? std::move(write) : CopyOf(write));
    if (!status.ok()) return Reply<Written>(attempt->reply_on, std::move(attempt->done), status);
  }
  if (attempt->options.dry_run) {
    Written written;
    written.revision = revision();
    for (const Planner::Outcome& outcome : planner->outcomes()) {
      written.items.push_back({outcome.preview, outcome.removed});
    }
    return Reply<Written>(attempt->reply_on, std::move(attempt->done), std::move(written));
  }
  store_->Commit(planner->TakeTxn(), [this, attempt, planner](
                                         absl::StatusOr<store::TxnResult> result) mutable {
    if (!result.ok()) {
      return Reply<Written>(attempt->reply_on, std::move(attempt->done), result.status());
    }
    if (!result->applied) {
      // Somebody was faster. Planned anew, it either fits or says exactly what is wrong.
      if (++attempt->tries < kAttempts) return Try(std::move(attempt));
      const client::Write& first = attempt->writes.front();
      return Reply<Written>(
          attempt->reply_on, std::move(attempt->done),
          api::Conflict(*first.resource, first.name, "too many concurrent writers; try again"));
    }
    Written written;
    written.revision = result->revision;
    for (const Planner::Outcome& outcome : planner->outcomes()) {
      written.items.push_back(
          {outcome.op < 0 ? outcome.unchanged : result->objects[outcome.op], outcome.removed});
    }
    Reply<Written>(attempt->reply_on, std::move(attempt->done), std::move(written));
  });
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
  const api::ObjectPtr found =
      store_->snapshot()->Get(store::Key(resource, name_space, name));
  if (found == nullptr) return api::NotFound(resource, name);
  return found;
}

void Server::Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
                 Executor* reply_on, client::Callback<api::ObjectPtr> done) {
  Reply(reply_on, std::move(done), GetNow(resource, name_space, name));
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
    return api::BadRequest(absl::StrCat("strict decoding error: ",
                                        absl::StrJoin(notes.unknown_or_duplicate, ", ")));
  }
  *warnings = std::move(notes.unknown_or_duplicate);
  return message;
}

void Server::Patch(PatchRequest request, Executor* reply_on, client::Callback<Patched> done) {
  const auto current = GetNow(*request.resource, request.name_space, request.name);
  if (!current.ok()) return Reply<Patched>(reply_on, std::move(done), current.status());
  const bool scale = request.subresource == "scale";
  std::vector<std::string> warnings;
  auto made = scale ? ApplyPatch(ScaleOf(**current), "Scale", "autoscaling/v1", request, &warnings)
                    : ApplyPatch((*current)->message(), request.resource->kind,
                                 request.resource->api_version(), request, &warnings);
  if (!made.ok()) return Reply<Patched>(reply_on, std::move(done), made.status());
  client::Write write;
  write.verb = client::Write::Verb::kUpdate;
  write.resource = request.resource;
  write.name_space = request.name_space;
  write.name = request.name;
  write.subresource = request.subresource;
  // The patch was made on this very state; a revision that the patch itself names is the client's own.
  const std::string wanted = api::MetaOf(**made)->resource_version();
  const bool own = wanted == (*current)->meta().resource_version();
  if (own) api::MutableMetaOf(made->get())->clear_resource_version();
  write.if_revision = own ? (*current)->revision() : 0;
  write.object = *std::move(made);
  std::vector<client::Write> writes;
  writes.push_back(std::move(write));
  const WriteOptions options{request.dry_run};
  Write(std::move(writes), options, reply_on,
        [this, request = std::move(request), reply_on, own, warnings = std::move(warnings),
         done = std::move(done)](absl::StatusOr<Written> written) mutable {
          // Somebody else wrote in between: the patch is made anew on the newer state.
          if (own && absl::IsAborted(written.status())) {
            return Patch(std::move(request), reply_on, std::move(done));
          }
          if (!written.ok()) return std::move(done)(written.status());
          std::move(done)(Patched{written->items.at(0).object, std::move(warnings)});
        });
}

}  // namespace skiff::apiserver
