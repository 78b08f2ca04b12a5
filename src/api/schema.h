// The plan of a message: what its JSON looks like, compiled once from its descriptor and the facts
// in its field options. The codec, defaulting, structural validation and OpenAPI all read plans;
// none of them knows a kind by name.
//
//   const Plan& plan = PlanOf(corev1::Pod::descriptor());
//   for (const FieldPlan& field : plan.fields) …
//
// Threads: any. Plans live as long as the process.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "skiff/facts.pb.h"

namespace skiff::api {

// How a message looks in JSON.
enum class JsonForm {
  kObject,
  kTime,
  kMicroTime,
  kDuration,
  kQuantity,
  kIntOrString,
  kRaw,  // RawExtension, FieldsV1, JSON: any JSON text, held as bytes.
  kStringList,
  kSchemaOrArray,
  kSchemaOrBool,
  kSchemaOrStringArray,
};

struct Plan;

struct FieldPlan {
  const google::protobuf::FieldDescriptor* field;
  const FieldFacts* facts;
  std::string json_name;
  std::string json_key;  // `"name":`, ready to be written.
  bool is_map = false;
  bool is_list = false;
  bool inlined = false;           // Its members stand in the parent's object.
  const Plan* message = nullptr;  // Of a message, or of the items or values.
  // For maps.
  const google::protobuf::FieldDescriptor* map_key = nullptr;
  const google::protobuf::FieldDescriptor* map_value = nullptr;
};

struct Plan {
  const google::protobuf::Descriptor* descriptor;
  const MessageFacts* facts;
  JsonForm form = JsonForm::kObject;
  std::vector<FieldPlan> fields;  // Those with a JSON name, in declaration order.
  // A JSON member to its field, through inlined messages: the fields to walk, outermost first.
  absl::flat_hash_map<std::string, std::vector<const FieldPlan*>> members;
};

const Plan& PlanOf(const google::protobuf::Descriptor* descriptor);

}  // namespace skiff::api
