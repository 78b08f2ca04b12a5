// LooksSame says what comparing the JSON would: for every fixture, and every field of it that is
// taken away, emptied, or changed.
#include "api/same.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string JsonOf(const Message& message) {
  std::string out;
  EncodeJson(message, {}, &out);
  return out;
}

// Gives each field its zero, present, or for strings another text.
void Zero(Message* message, const FieldDescriptor* field, bool other) {
  const Reflection& reflection = *message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(message, field, other ? "5" : "");
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(message, field, other ? 5 : 0);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(message, field, other ? 5 : 0);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(message, field, other);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(message, field, other ? 5 : 0);
    default:
      return reflection.MutableMessage(message, field)->Clear();
  }
}

// Calls `check` with each single change to `message` in force, and undoes it.
void EachChange(Message* message, const std::function<void(const std::string& what)>& check) {
  const Reflection& reflection = *message->GetReflection();
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->field(i);
    const std::unique_ptr<Message> before(message->New());
    before->CopyFrom(*message);
    const auto change = [&](const std::string& how, const std::function<void()>& make) {
      make();
      check(field->full_name() + how);
      message->CopyFrom(*before);
    };
    change(" cleared", [&] { reflection.ClearField(message, field); });
    if (field->is_repeated()) {
      if (reflection.FieldSize(*message, field) > 0) {
        change(" shortened", [&] { reflection.RemoveLast(message, field); });
      }
      if (field->message_type() == nullptr || field->is_map()) continue;
      for (int item = 0; item < reflection.FieldSize(*message, field); ++item) {
        EachChange(reflection.MutableRepeatedMessage(message, field, item), check);
      }
      continue;
    }
    change(" zero", [&] { Zero(message, field, false); });
    change(" another", [&] { Zero(message, field, true); });
    if (field->message_type() != nullptr && reflection.HasField(*message, field)) {
      EachChange(reflection.MutableMessage(message, field), check);
    }
  }
}

TEST_CASE("TwoMessagesLookTheSameExactlyWhenTheirJsonIs") {
  int changes = 0;
  int same = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(SKIFF_SOURCE_DIR "/tests/api/fixtures")) {
    const std::string stem = file.path().stem();
    const std::string suffix =
        stem.substr(0, stem.find('.')) + ".v1" + stem.substr(stem.rfind('.'));
    const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
        "k8s.io.api." + suffix);
    if (file.path().extension() != ".json" || type == nullptr) continue;
    std::ostringstream json;
    json << std::ifstream(file.path()).rdbuf();
    const MessagePtr one(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
    REQUIRE(DecodeJson(json.str(), one.get()).ok());
    const MessagePtr other(one->New());
    other->CopyFrom(*one);
    const std::string own = JsonOf(*one);
    CHECK(LooksSame(*one, *other));
    EachChange(other.get(), [&](const std::string& what) {
      const bool wanted = JsonOf(*other) == own;
      ++changes;
      same += wanted ? 1 : 0;
      if (LooksSame(*one, *other) != wanted || LooksSame(*other, *one) != wanted) {
        FAIL_CHECK(stem << ": " << what << ", which looks " << (wanted ? "the same" : "different"));
      }
    });
  }
  CHECK(changes > 5'000);
  CHECK(same > 500);
}

TEST_CASE("OneFieldMayBeLeftOutOfTheComparison") {
  const auto one = FromJson<corev1::ConfigMap>(
      R"({"metadata": {"name": "a", "resourceVersion": "1"}, "data": {"x": "1", "y": "2"}})");
  auto other = FromJson<corev1::ConfigMap>(
      R"({"data": {"y": "2", "x": "1"}, "metadata": {"name": "a", "resourceVersion": "2"}})");
  const auto* version = metav1::ObjectMeta::descriptor()->FindFieldByName("resource_version");
  CHECK(LooksSame(one, other, {version}));
  CHECK_FALSE(LooksSame(one, other));
  (*other.mutable_data())["x"] = "3";
  CHECK_FALSE(LooksSame(one, other, {version}));
}

}  // namespace
}  // namespace skiff::api
