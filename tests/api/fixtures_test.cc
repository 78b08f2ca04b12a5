// Every fixture goes JSON -> message -> protobuf -> message -> JSON and through YAML with nothing
// lost, and its protobuf bytes are the fixture's.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/codec.h"
#include "api/json_value.h"

namespace skiff::api {
namespace {

namespace fs = std::filesystem;

std::string Slurp(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

// "core.v1.Pod" is k8s.io.api.core.v1.Pod; the meta types stand under core as well.
const google::protobuf::Descriptor* TypeOf(const std::string& stem) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const std::vector<std::string> parts = absl::StrSplit(stem, '.');
  const std::string suffix = absl::StrCat(parts.front(), ".v1.", parts.back());
  const auto* found = pool->FindMessageTypeByName(absl::StrCat("k8s.io.api.", suffix));
  if (found != nullptr) return found;
  return pool->FindMessageTypeByName(
      absl::StrCat("k8s.io.apimachinery.pkg.apis.meta.v1.", parts.back()));
}

MessagePtr New(const google::protobuf::Descriptor* type) {
  return MessagePtr(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

TEST_CASE("EveryFixtureRoundTripsInEveryEncoding") {
  int count = 0;
  for (const auto& file : fs::directory_iterator(SKIFF_SOURCE_DIR "/tests/api/fixtures")) {
    if (file.path().extension() != ".json") continue;
    const std::string stem = file.path().stem();
    INFO(stem);
    const auto* type = TypeOf(stem);
    if (type == nullptr) continue;
    ++count;
    const std::string json = Slurp(file.path());
    const std::string protobuf = Slurp(fs::path(file.path()).replace_extension(".pb"));
    const std::string yaml = Slurp(fs::path(file.path()).replace_extension(".yaml"));
    const auto wanted = JsonValue::Parse(json);
    REQUIRE(wanted.ok());

    const MessagePtr message = New(type);
    DecodeNotes notes;
    const absl::Status decoded = DecodeJson(json, message.get(), &notes);
    INFO(decoded);
    REQUIRE(decoded.ok());
    CHECK(notes.unknown_or_duplicate.empty());
    const auto top = ReadTypeMeta(json);
    REQUIRE(top.ok());
    CHECK(notes.type.kind == top->kind);
    CHECK(notes.type.api_version == top->api_version);

    const auto envelope = OpenEnvelope(protobuf);
    REQUIRE(envelope.ok());
    CHECK(EncodeProtobuf(*message, envelope->api_version, envelope->kind) == protobuf);

    const MessagePtr again = New(type);
    REQUIRE(DecodeProtobuf(envelope->raw, again.get()).ok());
    std::string out;
    JsonOptions options;
    const JsonValue* kind = wanted->Find("kind");
    const bool typed = envelope->kind.empty() ? false : kind != nullptr;
    if (typed) {
      options.kind = envelope->kind;
      options.api_version = envelope->api_version;
    }
    EncodeJson(*again, options, &out);
    const auto got = JsonValue::Parse(out);
    REQUIRE(got.ok());
    if (*got != *wanted) CHECK(got->ToString() == wanted->ToString());

    const auto from_yaml = YamlToJson(yaml);
    INFO(from_yaml.status());
    REQUIRE(from_yaml.ok());
    REQUIRE(from_yaml->size() == 1);
    CHECK(*JsonValue::Parse(from_yaml->front()) == *wanted);
    const auto written = JsonToYaml(json);
    REQUIRE(written.ok());
    const auto back = YamlToJson(*written);
    REQUIRE(back.ok());
    CHECK(*JsonValue::Parse(back->front()) == *wanted);
  }
  CHECK(count > 30);
}

}  // namespace
}  // namespace skiff::api
