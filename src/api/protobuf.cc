// The envelope and bytes of application/vnd.kubernetes.protobuf.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/codec.h"
#include "api/schema.h"
#include "base/status.h"
#include "k8s.io/apimachinery/pkg/runtime/generated.pb.h"

namespace skiff::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
namespace runtimepb = ::k8s::io::apimachinery::pkg::runtime;

constexpr absl::string_view kMagic("k8s\0", 4);

// Kubernetes' own marshaller writes every non-pointer scalar and struct, set or not.
void FillZeros(Message* message) {
  const google::protobuf::Descriptor* descriptor = message->GetDescriptor();
  const Reflection& reflection = *message->GetReflection();
  const JsonForm form = PlanOf(descriptor).form;
  if ((form == JsonForm::kTime || form == JsonForm::kMicroTime) &&
      !reflection.HasField(*message, descriptor->field(0))) {
    return;  // The zero time has no bytes.
  }
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->is_repeated()) {
      if (field->message_type() == nullptr) continue;
      for (int j = 0; j < reflection.FieldSize(*message, field); ++j) {
        Message* item = reflection.MutableRepeatedMessage(message, field, j);
        if (!field->is_map()) {
          FillZeros(item);
        } else if (const auto* value = field->message_type()->map_value();
                   value->message_type() != nullptr) {
          FillZeros(item->GetReflection()->MutableMessage(item, value));
        }
      }
      continue;
    }
    const bool pointer = field->options().GetExtension(skiff::field).pointer();
    const bool has = reflection.HasField(*message, field);
    if (field->message_type() != nullptr) {
      if (has || !pointer) FillZeros(reflection.MutableMessage(message, field));
      continue;
    }
    if (has || pointer) continue;
    switch (field->type()) {
      case FieldDescriptor::TYPE_STRING:
        reflection.SetString(message, field, form == JsonForm::kQuantity ? "0" : "");
        break;
      case FieldDescriptor::TYPE_INT32:
        reflection.SetInt32(message, field, 0);
        break;
      case FieldDescriptor::TYPE_INT64:
        reflection.SetInt64(message, field, 0);
        break;
      case FieldDescriptor::TYPE_BOOL:
        reflection.SetBool(message, field, false);
        break;
      case FieldDescriptor::TYPE_DOUBLE:
        reflection.SetDouble(message, field, 0);
        break;
      default:
        break;  // A nil []byte is not written.
    }
  }
}

std::string Serialize(const Message& message) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);  // Map entries in key order.
    SKIFF_CHECK(message.SerializePartialToCodedStream(&coded));
  }
  return out;
}

}  // namespace

absl::StatusOr<Envelope> OpenEnvelope(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kMagic)) {
    return absl::InvalidArgumentError(
        "provided data does not appear to be a protobuf message: it lacks the prefix k8s\\0");
  }
  runtimepb::Unknown unknown;
  if (!unknown.ParseFromArray(bytes.data() + kMagic.size(),
                              static_cast<int>(bytes.size() - kMagic.size()))) {
    return absl::InvalidArgumentError("the protobuf envelope (runtime.Unknown) is malformed");
  }
  // The raw bytes stand in the input as they are: found again there so that nothing is copied.
  const size_t at = bytes.find(absl::string_view(unknown.raw()));
  Envelope out;
  out.api_version = unknown.type_meta().api_version();
  out.kind = unknown.type_meta().kind();
  out.raw = unknown.raw().empty() ? absl::string_view() : bytes.substr(at, unknown.raw().size());
  return out;
}

absl::Status DecodeProtobuf(absl::string_view raw, Message* message) {
  if (!message->ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the protobuf bytes are no ", message->GetDescriptor()->name()));
  }
  return absl::OkStatus();
}

std::string EncodeProtobuf(const Message& message, absl::string_view api_version,
                           absl::string_view kind) {
  const MessagePtr full(message.New());
  full->CopyFrom(message);
  FillZeros(full.get());
  runtimepb::Unknown unknown;
  unknown.mutable_type_meta()->set_api_version(std::string(api_version));
  unknown.mutable_type_meta()->set_kind(std::string(kind));
  unknown.set_raw(Serialize(*full));
  unknown.set_content_encoding("");
  unknown.set_content_type("");
  return absl::StrCat(kMagic, Serialize(unknown));
}

}  // namespace skiff::api
