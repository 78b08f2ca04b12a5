#include "client/event_recorder.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/time.h"

namespace skiff::client {
namespace {

constexpr absl::Duration kSameEvent = absl::Minutes(10);
constexpr size_t kRemembered = 256;

}  // namespace

EventRecorder::EventRecorder(Client* client, Executor* executor, std::string component,
                             std::string host)
    : client_(client),
      executor_(executor),
      component_(std::move(component)),
      host_(std::move(host)) {}

EventRecorder::~EventRecorder() { *alive_ = false; }

void EventRecorder::Record(const api::Object& about, absl::string_view type,
                           absl::string_view reason, const std::string& message,
                           std::string field_path) {
  const absl::Time now = executor_->clock().Now();
  const std::string key =
      absl::StrCat(about.meta().uid(), "/", about.meta().name(), "/", reason, "/", message);
  for (const auto& recent : recent_) {
    if (recent->key != key || now - recent->last > kSameEvent) continue;
    recent->last = std::max(recent->last, now);  // The clock may have been set back.
    ++recent->pending;
    return CountUp(recent);
  }
  auto recent = std::make_shared<Recent>();
  recent->key = key;
  recent->last = now;
  recent_.push_back(recent);
  if (recent_.size() > kRemembered) recent_.pop_front();

  auto event = std::make_unique<corev1::Event>();
  const std::string& name_space = about.meta().namespace_();
  event->mutable_metadata()->set_name(
      absl::StrFormat("%s.%016x", about.meta().name(), executor_->rng().Next()));
  event->mutable_metadata()->set_namespace_(name_space.empty() ? "default" : name_space);
  corev1::ObjectReference* object = event->mutable_involved_object();
  object->set_kind(std::string(about.resource().kind));
  object->set_api_version(about.resource().api_version());
  object->set_namespace_(name_space);
  object->set_name(about.meta().name());
  object->set_uid(about.meta().uid());
  object->set_resource_version(about.meta().resource_version());
  object->set_field_path(std::move(field_path));
  event->set_type(std::string(type));
  event->set_reason(std::string(reason));
  event->set_message(message);
  event->set_count(1);
  *event->mutable_first_timestamp() = api::MakeTime(now);
  *event->mutable_last_timestamp() = api::MakeTime(now);
  event->mutable_source()->set_component(component_);
  event->mutable_source()->set_host(host_);
  event->set_reporting_component(component_);
  event->set_reporting_instance(host_);
  Send(recent, std::move(event), /*create=*/true);
}

void EventRecorder::CountUp(const std::shared_ptr<Recent>& recent) {
  if (recent->in_flight || recent->stored == nullptr || recent->pending == 0) return;
  auto event = recent->stored->CopyAs<corev1::Event>();
  event->set_count(event->count() + recent->pending);
  recent->pending = 0;
  *event->mutable_last_timestamp() = api::MakeTime(recent->last);
  Send(recent, std::move(event), /*create=*/false);
}

void EventRecorder::Send(const std::shared_ptr<Recent>& recent,
                         std::unique_ptr<corev1::Event> event, bool create) {
  recent->in_flight = true;
  std::vector<Write> writes;
  writes.push_back(create ? Write::Create(std::move(event)) : Write::Update(std::move(event)));
  client_->Commit(By(component_, std::move(writes)), executor_,
                  [this, alive = alive_, recent](absl::StatusOr<WriteResult> result) {
                    if (!*alive) return;
                    recent->in_flight = false;
                    // Gone or refused: the next one is a new event.
                    recent->stored = result.ok() ? result->objects.at(0) : nullptr;
                    if (!result.ok()) recent->key.clear();
                    CountUp(recent);
                  });
}

}  // namespace skiff::client
