// Messages to and from JSON, YAML and application/vnd.kubernetes.protobuf, by the descriptor alone:
// nothing here knows a kind by name. The plan of each message is compiled once from its descriptor
// and the field options of proto/skiff/facts.proto.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/object.h"

namespace skiff::api {

struct TypeMeta {
  std::string api_version;
  std::string kind;
};

// What a decoder met that the message has no place for. Paths as Kubernetes writes them in strict
// errors: `unknown field "spec.contaners"`, `duplicate field "spec.replicas"`.
struct DecodeNotes {
  std::vector<std::string> unknown_or_duplicate;
  TypeMeta type;  // Of the top, as ReadTypeMeta has it; complete if all was decoded.
};

// JSON (RFC 8259) into `message`, which is cleared first. Unknown and duplicate fields are noted in
// `notes` (if given) and skipped; the last duplicate wins. kind and apiVersion at the top are
// allowed and not stored. Names match exactly (as Kubernetes does). kInvalidArgument: malformed
// JSON with line and column, or a value of the wrong type with its field path. Nesting deeper than
// 200 is refused.
absl::Status DecodeJson(absl::string_view json, google::protobuf::Message* message,
                        DecodeNotes* notes = nullptr);

// Appends the JSON of `message`. With `with_type`, kind and apiVersion come first: the ones given.
struct JsonOptions {
  absl::string_view kind;  // Both empty: no type fields.
  absl::string_view api_version;
  int indent = 0;  // 0: one line; else spaces per level.
};
void EncodeJson(const google::protobuf::Message& message, const JsonOptions& options,
                std::string* out);

// YAML 1.2 core as Kubernetes reads it (sigs.k8s.io/yaml: YAML to JSON, then decoded as JSON). Each
// document of the stream becomes one JSON text; empty documents are left out. Errors carry line and
// column. JSON is accepted as well. Aliases are expanded at most to 10 MB in all.
absl::StatusOr<std::vector<std::string>> YamlToJson(absl::string_view yaml);
// Any JSON text as YAML, as sigs.k8s.io/yaml prints it: keys in the given order, block style,
// strings quoted only where needed.
absl::StatusOr<std::string> JsonToYaml(absl::string_view json);

// The Kubernetes protobuf envelope: "k8s\0" and runtime.Unknown{typeMeta, raw}.
struct Envelope {
  std::string api_version;
  std::string kind;
  absl::string_view raw;  // Into the input.
};
absl::StatusOr<Envelope> OpenEnvelope(absl::string_view bytes);
absl::Status DecodeProtobuf(absl::string_view raw, google::protobuf::Message* message);
// With the zero values that Go's generated marshaller always writes for non-pointer fields, and
// maps in key order, so that the bytes are those of Kubernetes.
std::string EncodeProtobuf(const google::protobuf::Message& message, absl::string_view api_version,
                           absl::string_view kind);

// Reads kind and apiVersion of a JSON text without decoding the rest. Empty where absent.
// kInvalidArgument if it is no JSON object.
absl::StatusOr<TypeMeta> ReadTypeMeta(absl::string_view json);

// A message of the kind that `json` names, decoded. kInvalidArgument names a missing kind or
// apiVersion; kNotFound a kind that is not served.
absl::StatusOr<MessagePtr> DecodeAnyJson(absl::string_view json, DecodeNotes* notes = nullptr);

}  // namespace skiff::api
