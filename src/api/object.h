// A stored object: immutable, shared, encoded once per format for all who ask while it is new
// (architecture, decision 2).
//
//   ObjectPtr pod = Object::Make(std::move(message));
//   pod->meta().name();  pod->As<corev1::Pod>().spec();
//
// Threads: any number may read one Object at once.
#pragma once

#include <memory>
#include <string>

#include "api/resource.h"
#include "api/types.h"
#include "base/shared_slot.h"

namespace skiff::api {

class Object;
using ObjectPtr = std::shared_ptr<const Object>;
using MessagePtr = std::unique_ptr<google::protobuf::Message>;

class Object {
 public:
  // Takes a message of a served kind (it has ObjectMeta in field 1).
  static ObjectPtr Make(MessagePtr message);
  ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  const ResourceInfo& resource() const { return *resource_; }
  const google::protobuf::Message& message() const { return *message_; }
  const metav1::ObjectMeta& meta() const { return *meta_; }
  // resourceVersion as a number; 0 if it is not set.
  uint64_t revision() const { return revision_; }

  // The typed message. The kind must be T's: check resource() first where it may be another.
  template <typename T>
  const T& As() const {
    CheckKind(T::descriptor());
    return static_cast<const T&>(*message_);
  }
  // A copy to change.
  template <typename T>
  std::unique_ptr<T> CopyAs() const {
    return std::make_unique<T>(As<T>());
  }
  MessagePtr Copy() const;

  // The object in JSON, with kind and apiVersion, no trailing newline; cached.
  std::shared_ptr<const std::string> Json() const;
  // The object as application/vnd.kubernetes.protobuf (magic and Unknown envelope); cached.
  std::shared_ptr<const std::string> Protobuf() const;
  // Drops the cached encodings; whoever asks again has them made again.
  void ForgetEncodings() const;

 private:
  explicit Object(MessagePtr message);
  void CheckKind(const google::protobuf::Descriptor* descriptor) const;

  const ResourceInfo* resource_;
  MessagePtr message_;
  const metav1::ObjectMeta* meta_;
  uint64_t revision_;
  mutable SharedSlot<std::string> json_;
  mutable SharedSlot<std::string> protobuf_;
};

// The ObjectMeta (field 1) of a message of a served kind; null if the message has none.
const metav1::ObjectMeta* MetaOf(const google::protobuf::Message& message);
metav1::ObjectMeta* MutableMetaOf(google::protobuf::Message* message);

}  // namespace skiff::api
