#include "api/same.h"

#include <algorithm>
#include <string>

#include "api/codec.h"
#include "api/map_field.h"
#include "api/schema.h"
#include "api/types.h"
#include "base/status.h"

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

// Walks two messages of one plan side by side, up to the first difference. The rules of what is
// left out and what is null are the encoder's (json_encode.cc).
class Comparer {
 public:
  explicit Comparer(absl::Span<const FieldDescriptor* const> but) : but_(but) {}

  bool Value(const Plan& plan, const Message& a, const Message& b) const {
    if (plan.form == JsonForm::kObject) return Fields(plan, a, b);
    switch (plan.form) {
      case JsonForm::kTime:
        return SameTime(static_cast<const metav1::Time&>(a), static_cast<const metav1::Time&>(b),
                        0);
      case JsonForm::kMicroTime: {
        const auto& left = static_cast<const metav1::MicroTime&>(a);
        const auto& right = static_cast<const metav1::MicroTime&>(b);
        return SameTime(left, right, left.nanos() / 1000 - right.nanos() / 1000);
      }
      default:
        return SameBytes(plan, a, b) || JsonOf(a) == JsonOf(b);
    }
  }

  bool Field(const FieldPlan& field, const Message& a, const Message& b,
             const Reflection& reflection) const {
    if (std::find(but_.begin(), but_.end(), field.field) != but_.end()) return true;
    if (field.is_map) return Map(field, a, b, reflection);
    if (field.is_list) return List(field, a, b, reflection);
    return field.message != nullptr ? Nested(field, a, b, reflection)
                                    : Singular(field, a, b, reflection);
  }

 private:
  // `apart`: of what is shown below the seconds.
  template <typename Time>
  static bool SameTime(const Time& a, const Time& b, int apart) {
    return a.has_seconds() == b.has_seconds() && a.seconds() == b.seconds() && apart == 0;
  }

  // Whether what is shown in a form of its own is stored the same.
  static bool SameBytes(const Plan& plan, const Message& a, const Message& b) {
    switch (plan.form) {
      case JsonForm::kQuantity:
      case JsonForm::kRaw: {
        const FieldDescriptor* text = plan.descriptor->field(0);
        std::string scratch_a;
        std::string scratch_b;
        return a.GetReflection()->GetStringReference(a, text, &scratch_a) ==
               b.GetReflection()->GetStringReference(b, text, &scratch_b);
      }
      default:
        return a.SerializePartialAsString() == b.SerializePartialAsString();
    }
  }

  // From the last: metadata is long and seldom what differs.
  bool Fields(const Plan& plan, const Message& a, const Message& b) const {
    const Reflection& reflection = *a.GetReflection();
    return std::all_of(plan.fields.rbegin(), plan.fields.rend(),
                       [&](const FieldPlan& field) { return Field(field, a, b, reflection); });
  }

  bool Nested(const FieldPlan& field, const Message& a, const Message& b,
              const Reflection& reflection) const {
    const bool in_a = reflection.HasField(a, field.field);
    const bool in_b = reflection.HasField(b, field.field);
    if (!in_a && !in_b) return true;
    const Message& left = reflection.GetMessage(a, field.field);
    const Message& right = reflection.GetMessage(b, field.field);
    if (in_a != in_b) {
      if (field.inlined) return JsonOf(in_a ? left : right) == "{}";
      if (field.facts->pointer() || field.facts->omit_zero()) return false;
    }
    return Value(*field.message, left, right);
  }

  bool Singular(const FieldPlan& field, const Message& a, const Message& b,
                const Reflection& reflection) const {
    // The zero that a pointer points to is seen; any other looks like no value.
    if (field.facts->pointer() &&
        reflection.HasField(a, field.field) != reflection.HasField(b, field.field)) {
      return false;
    }
    return Scalar(field.field, a, b, reflection, -1);
  }

  // The value itself; of a list, item `index`.
  static bool Scalar(const FieldDescriptor* field, const Message& a, const Message& b,
                     const Reflection& reflection, int index) {
    const bool list = index >= 0;
    std::string scratch_a;
    std::string scratch_b;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return list ? reflection.GetRepeatedStringReference(a, field, index, &scratch_a) ==
                          reflection.GetRepeatedStringReference(b, field, index, &scratch_b)
                    : reflection.GetStringReference(a, field, &scratch_a) ==
                          reflection.GetStringReference(b, field, &scratch_b);
      case FieldDescriptor::CPPTYPE_INT32:
        return list ? reflection.GetRepeatedInt32(a, field, index) ==
                          reflection.GetRepeatedInt32(b, field, index)
                    : reflection.GetInt32(a, field) == reflection.GetInt32(b, field);
      case FieldDescriptor::CPPTYPE_INT64:
        return list ? reflection.GetRepeatedInt64(a, field, index) ==
                          reflection.GetRepeatedInt64(b, field, index)
                    : reflection.GetInt64(a, field) == reflection.GetInt64(b, field);
      case FieldDescriptor::CPPTYPE_BOOL:
        SKIFF_CHECK(!list);  // The Kubernetes API has no lists of these,
        return reflection.GetBool(a, field) == reflection.GetBool(b, field);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        SKIFF_CHECK(!list);
        return reflection.GetDouble(a, field) == reflection.GetDouble(b, field);
      default:
        SKIFF_CHECK(false);  // nor other scalar types.
    }
    return false;
  }

  bool List(const FieldPlan& field, const Message& a, const Message& b,
            const Reflection& reflection) const {
    const int size = reflection.FieldSize(a, field.field);
    if (size != reflection.FieldSize(b, field.field)) return false;
    for (int i = 0; i < size; ++i) {
      if (!Item(field, a, b, reflection, i)) return false;
    }
    return true;
  }

  bool Item(const FieldPlan& field, const Message& a, const Message& b,
            const Reflection& reflection, int i) const {
    if (field.message != nullptr) {
      return Value(*field.message, reflection.GetRepeatedMessage(a, field.field, i),
                   reflection.GetRepeatedMessage(b, field.field, i));
    }
    return Scalar(field.field, a, b, reflection, i);
  }

  bool Map(const FieldPlan& field, const Message& a, const Message& b,
           const Reflection& reflection) const {
    const int size = MapAccess::Size(reflection, a, field.field);
    if (size != MapAccess::Size(reflection, b, field.field)) return false;
    if (size == 0) return true;
    auto it = MapAccess::Begin(reflection, a, field.field);
    for (int i = 0; i < size; ++i, ++it) {
      google::protobuf::MapValueConstRef other;
      if (!MapAccess::Find(reflection, b, field.field, it.GetKey(), &other)) return false;
      const google::protobuf::MapValueRef& own = it.GetValueRef();
      if (field.message != nullptr
              ? !Value(*field.message, own.GetMessageValue(), other.GetMessageValue())
              : own.GetStringValue() != other.GetStringValue()) {
        return false;
      }
    }
    return true;
  }

  const absl::Span<const FieldDescriptor* const> but_;
};

}  // namespace

bool LooksSame(const Message& a, const Message& b, absl::Span<const FieldDescriptor* const> but) {
  return Comparer(but).Value(PlanOf(a.GetDescriptor()), a, b);
}

bool FieldLooksSame(const FieldPlan& field, const Message& a, const Message& b) {
  return Comparer({}).Field(field, a, b, *a.GetReflection());
}

}  // namespace skiff::api
