#include "tests/sim/api_clients.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/store.h"

namespace skiff::sim {
namespace {

constexpr int kObjects = 3;  // Few, so that they meet.

std::string NameOf(uint64_t number) { return absl::StrCat("hot-", number); }
std::string KeyOf(const std::string& name) {
  return store::Key(api::ResourceOf<corev1::ConfigMap>(), "default", name);
}

}  // namespace

ApiClients::ApiClients(int clients, Rng rng, cluster::MemberGroup* group, Executor* loop,
                       StormRecord* record)
    : clients_(clients), rng_(rng), group_(group), loop_(loop), record_(record) {}

void ApiClients::Start() {
  running_ = true;
  for (int i = 0; i < clients_; ++i) Step(i);
}

absl::Duration ApiClients::Between(int least_ms, int most_ms) {
  return absl::Milliseconds(least_ms + static_cast<int64_t>(rng_.Below(most_ms - least_ms + 1)));
}

void ApiClients::Step(int client) {
  if (!running_) return;
  const auto once = std::make_shared<bool>(false);
  const std::function<void()> next = [this, client, once] {
    if (!running_ || std::exchange(*once, true)) return;
    loop_->PostAfter(Between(5, 100), [this, client] { Step(client); });
  };
  // It goes on without an answer; that may come yet.
  loop_->PostAfter(Between(300, 2000), next);
  const int member = static_cast<int>(rng_.Below(group_->count()));
  if (group_->plane(member) == nullptr) return next();
  const std::string name = NameOf(rng_.Below(kObjects));
  if (rng_.Below(2) == 0 || glimpse_.count(KeyOf(name)) == 0) {
    Read(client, member, name, next);
  } else {
    Write(client, member, name, next);
  }
}

void ApiClients::Read(int client, int member, const std::string& name,
                      const std::function<void()>& next) {
  const std::string key = KeyOf(name);
  const size_t record =
      record_->Begin({.client = client, .kind = Operation::Kind::kRead, .key = key});
  ++open_;
  group_->plane(member)->server().Get(
      api::ResourceOf<corev1::ConfigMap>(), "default", name, loop_,
      [this, record, key, next](const absl::StatusOr<api::ObjectPtr>& found) {
        --open_;
        if (found.ok() || absl::IsNotFound(found.status())) {
          ++reads_;
          const api::ObjectPtr seen = found.ok() ? *found : nullptr;
          glimpse_[key] = seen == nullptr ? 0 : seen->revision();
          record_->ReadDone(record, seen);
        }
        next();
      });
}

void ApiClients::Write(int client, int member, const std::string& name,
                       const std::function<void()>& next) {
  Operation asked;
  asked.client = client;
  asked.key = KeyOf(name);
  const uint64_t glimpse = glimpse_[asked.key];
  auto map = std::make_unique<corev1::ConfigMap>();
  map->mutable_metadata()->set_name(name);
  map->mutable_metadata()->set_namespace_("default");
  std::vector<client::Write> writes(1);
  client::Write& write = writes[0];
  if (glimpse != 0 && rng_.Below(8) == 0) {
    asked.kind = Operation::Kind::kDelete;
    asked.if_revision = glimpse;
    write.verb = client::Write::Verb::kDelete;
    write.resource = &api::ResourceOf<corev1::ConfigMap>();
    write.name_space = "default";
    write.name = name;
    write.if_revision = glimpse;
  } else {
    asked.kind = Operation::Kind::kWrite;
    asked.value = absl::StrCat("v", next_value_++);
    (*map->mutable_data())["value"] = *asked.value;
    const bool blind = glimpse != 0 && rng_.Below(4) == 0;
    if (!blind) asked.if_revision = glimpse;
    if (!blind && glimpse != 0) {
      map->mutable_metadata()->set_resource_version(absl::StrCat(glimpse));
    }
    write = glimpse == 0 ? client::Write::Create(std::move(map))
                         : client::Write::Update(std::move(map));
  }
  const size_t record = record_->Begin(asked);
  ++open_;
  group_->plane(member)->server().Commit(
      std::move(writes), loop_,
      [this, record, asked, next](const absl::StatusOr<client::WriteResult>& result) {
        --open_;
        OnWritten(record, asked, result);
        next();
      });
}

void ApiClients::OnWritten(size_t record, const Operation& asked,
                           const absl::StatusOr<client::WriteResult>& result) {
  const bool removes = asked.kind == Operation::Kind::kDelete;
  const absl::Status& status = result.status();
  if (result.ok()) {
    ++acknowledged_;
    glimpse_[asked.key] = removes ? 0 : result->revision;
    record_->Done(record, Operation::Outcome::kDone, result->revision);
    record_->OnAcknowledged(asked.key, removes ? "(none)" : *asked.value, result->revision);
    return;
  }
  ++unknown_;
  const bool refused =
      absl::IsAborted(status) || absl::IsAlreadyExists(status) || absl::IsNotFound(status);
  if (refused && asked.if_revision) {
    glimpse_.erase(asked.key);
    record_->Done(record, Operation::Outcome::kRefused, 0);
  } else if (refused || absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
    // Without a condition: nothing was there, or others were faster too often.
    record_->Nothing(record);
  } else if (!absl::IsDeadlineExceeded(status) && !absl::IsInternal(status) &&
             !absl::IsFailedPrecondition(status)) {
    record_->Fault(absl::StrCat("a write fails: ", status.ToString()));
  }
}

void ApiClients::ReadEverything() {
  for (int member = 0; member < group_->count(); ++member) {
    for (int i = 0; i < kObjects; ++i) {
      Read(1000 + member, member, NameOf(static_cast<uint64_t>(i)), [] {});
    }
  }
}

}  // namespace skiff::sim
