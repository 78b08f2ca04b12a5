#include "api/object.h"

#include "absl/strings/numbers.h"
#include "api/codec.h"
#include "base/status.h"

namespace skiff::api {
namespace {

const google::protobuf::FieldDescriptor* MetaField(const google::protobuf::Message& message) {
  static const auto* const kMeta = metav1::ObjectMeta::descriptor();
  const auto* field = message.GetDescriptor()->FindFieldByNumber(1);
  return field != nullptr && field->message_type() == kMeta ? field : nullptr;
}

}  // namespace

const metav1::ObjectMeta* MetaOf(const google::protobuf::Message& message) {
  const auto* field = MetaField(message);
  if (field == nullptr) return nullptr;
  return static_cast<const metav1::ObjectMeta*>(
      &message.GetReflection()->GetMessage(message, field));
}

metav1::ObjectMeta* MutableMetaOf(google::protobuf::Message* message) {
  const auto* field = MetaField(*message);
  if (field == nullptr) return nullptr;
  return static_cast<metav1::ObjectMeta*>(message->GetReflection()->MutableMessage(message, field));
}

Object::Object(MessagePtr message)
    : resource_(&ResourceOfDescriptor(message->GetDescriptor())),
      message_(std::move(message)),
      meta_(MetaOf(*message_)) {
  SKIFF_CHECK(meta_ != nullptr);
  if (!absl::SimpleAtoi(meta_->resource_version(), &revision_)) revision_ = 0;
}

Object::~Object() = default;

ObjectPtr Object::Make(MessagePtr message) { return ObjectPtr(new Object(std::move(message))); }

MessagePtr Object::Copy() const {
  MessagePtr copy(message_->New());
  copy->CopyFrom(*message_);
  return copy;
}

void Object::CheckKind(const google::protobuf::Descriptor* descriptor) const {
  SKIFF_CHECK(descriptor == message_->GetDescriptor());
}

std::shared_ptr<const std::string> Object::Json() const {
  if (auto cached = json_.load()) return cached;
  const std::string api_version = resource_->api_version();
  JsonOptions options;
  options.kind = resource_->kind;
  options.api_version = api_version;
  // It grows beyond need, for the next one's use; what the object keeps does not.
  constexpr size_t kUsual = 16 << 10;
  thread_local std::string text;
  text.clear();
  EncodeJson(*message_, options, &text);
  const auto made = std::make_shared<const std::string>(text);
  if (text.capacity() > kUsual) text = std::string();
  json_.store(made);  // Another thread may have done the same: either copy is right.
  return made;
}

std::shared_ptr<const std::string> Object::Protobuf() const {
  if (auto cached = protobuf_.load()) return cached;
  auto made = std::make_shared<const std::string>(
      EncodeProtobuf(*message_, resource_->api_version(), resource_->kind));
  protobuf_.store(made);
  return made;
}

void Object::ForgetEncodings() const {
  json_.store(nullptr);
  protobuf_.store(nullptr);
}

}  // namespace skiff::api
