// What must hold for every served kind, whatever is in the object: full, empty, or junk.
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "api/defaulting.h"
#include "api/json_value.h"
#include "api/patch.h"
#include "api/printing/printing.h"
#include "api/selector.h"
#include "api/validation/validation.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

// Every field set to something wrong or odd, two elements a list, down to a depth.
void FillWithJunk(Message* message, int depth) {
  const auto* reflection = message->GetReflection();
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->field(i);
    for (int n = 0; n < (field->is_repeated() ? 2 : 1); ++n) {
      const bool list = field->is_repeated();
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING: {
          // Bytes may be JSON of their own (FieldsV1), which nothing above the decoder can break.
          const bool bytes = field->type() == FieldDescriptor::TYPE_BYTES;
          const std::string junk = bytes ? "{}" : "-Junk/../%s\xc3\xa9";
          if (list)
            reflection->AddString(message, field, junk);
          else
            reflection->SetString(message, field, junk);
          break;
        }
        case FieldDescriptor::CPPTYPE_INT32:
          if (list)
            reflection->AddInt32(message, field, -7);
          else
            reflection->SetInt32(message, field, -7);
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          if (list)
            reflection->AddInt64(message, field, -7);
          else
            reflection->SetInt64(message, field, -7);
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          if (!list) reflection->SetBool(message, field, true);
          break;
        case FieldDescriptor::CPPTYPE_MESSAGE:
          if (depth == 0) break;
          FillWithJunk(list ? reflection->AddMessage(message, field)
                            : reflection->MutableMessage(message, field),
                       depth - 1);
          break;
        default:
          break;
      }
    }
  }
}

std::vector<MessagePtr> Samples(const ResourceInfo& resource) {
  std::vector<MessagePtr> samples;
  samples.emplace_back(resource.prototype->New());
  samples.emplace_back(resource.prototype->New());
  FillWithJunk(samples.back().get(), 9);
  const std::vector<std::string> package =
      absl::StrSplit(resource.prototype->GetDescriptor()->full_name(), '.');
  const std::string group = package.size() > 3 ? package[3] : "";
  for (const std::string& name : {group, group + ".k8s.io"}) {
    std::ifstream file(std::string(SKIFF_SOURCE_DIR "/tests/api/fixtures/") + name + ".v1." +
                       package.back() + ".json");
    if (!file) continue;
    std::ostringstream text;
    text << file.rdbuf();
    samples.emplace_back(resource.prototype->New());
    REQUIRE(DecodeJson(text.str(), samples.back().get()).ok());
  }
  return samples;
}

template <typename Visit>
void ForEachSample(Visit visit) {
  for (const ResourceInfo& resource : Resources()) {
    INFO(resource.qualified());
    for (const MessagePtr& sample : Samples(resource)) visit(resource, *sample);
  }
}

TEST_CASE("DefaultingTwiceChangesNothingMore") {
  ForEachSample([](const ResourceInfo&, const Message& sample) {
    const MessagePtr once(sample.New());
    once->CopyFrom(sample);
    SetDefaults(once.get());
    const MessagePtr twice(once->New());
    twice->CopyFrom(*once);
    SetDefaults(twice.get());
    CHECK(MessageDifferencer::Equals(*once, *twice));
  });
}

TEST_CASE("AnUnchangedObjectBreaksNoRuleOfChange") {
  ForEachSample([](const ResourceInfo&, const Message& sample) {
    const MessagePtr object(sample.New());
    object->CopyFrom(sample);
    SetDefaults(object.get());
    MutableMetaOf(object.get())->set_resource_version("1");
    MutableMetaOf(object.get())->clear_deletion_timestamp();
    for (const FieldError& error : ValidateUpdate(*object, *object)) {
      INFO(error.ToString());
      CHECK_FALSE(absl::StrContains(error.detail, "immutable"));
      CHECK_FALSE(absl::StrContains(error.detail, "may not change"));
    }
  });
}

TEST_CASE("EveryErrorNamesAFieldAndMakesAStatus") {
  ForEachSample([](const ResourceInfo& resource, const Message& sample) {
    const std::vector<FieldError> errors = ValidateCreate(sample);
    for (const FieldError& error : errors) {
      INFO(error.ToString());
      CHECK((!error.field.empty() || error.kind == FieldError::Kind::kTooLong));
    }
    CHECK(ToMetaStatus(Invalid(resource, "x", errors)).code() == 422);
  });
}

TEST_CASE("EveryRowHasACellForEveryColumn") {
  ForEachSample([](const ResourceInfo& resource, const Message& sample) {
    MessagePtr copy(sample.New());
    copy->CopyFrom(sample);
    const ObjectPtr object = Object::Make(std::move(copy));
    const std::vector<Cell> row = Row(*object, absl::FromUnixSeconds(1'700'000'000));
    CHECK(row.size() == Columns(resource).size());
    for (const Cell& cell : row) CHECK(JsonValue::Parse(CellJson(cell)).ok());
    CHECK(SelectableField(*object, "metadata.name") == object->meta().name());
  });
}

TEST_CASE("AnObjectPatchedWithItselfIsItself") {
  ForEachSample([](const ResourceInfo& resource, const Message& sample) {
    std::string json;
    EncodeJson(sample, JsonOptions{}, &json);
    const auto* schema = resource.prototype->GetDescriptor();
    const absl::StatusOr<std::string> empty = StrategicMergePatch(json, "{}", schema);
    REQUIRE(empty.ok());
    CHECK(*JsonValue::Parse(*empty) == *JsonValue::Parse(json));
    const absl::StatusOr<std::string> merged = MergePatch(json, json);
    REQUIRE(merged.ok());
    if (!absl::StrContains(json, "null")) {
      CHECK(*JsonValue::Parse(*merged) == *JsonValue::Parse(json));
    }
    // Elements that carry the same merge key become one, so only the shape of junk is certain.
    CHECK(StrategicMergePatch(json, json, schema).status().code() != absl::StatusCode::kInternal);
  });
}

}  // namespace
}  // namespace skiff::api
