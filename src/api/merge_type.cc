#include "api/merge_type.h"

#include <algorithm>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "base/mutex.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

const MergeType& Constant(MergeType::Shape shape, MergeType::Scalar scalar) {
  const auto make = [](MergeType::Shape of, MergeType::Scalar kind) {
    auto* type = new MergeType();  // Reachable for ever, as plans are.
    type->shape = of;
    type->scalar = kind;
    return type;
  };
  using Shape = MergeType::Shape;
  using Scalar = MergeType::Scalar;
  static const MergeType* const kText = make(Shape::kScalar, Scalar::kString);
  static const MergeType* const kNumber = make(Shape::kScalar, Scalar::kNumeric);
  static const MergeType* const kBool = make(Shape::kScalar, Scalar::kBoolean);
  static const MergeType* const kAny = make(Shape::kScalar, Scalar::kAny);
  static const MergeType* const kOpaque = make(Shape::kOpaque, Scalar::kAny);
  static const MergeType* const kDeduced = make(Shape::kDeduced, Scalar::kAny);
  if (shape == Shape::kOpaque) return *kOpaque;
  if (shape == Shape::kDeduced) return *kDeduced;
  return scalar == Scalar::kString    ? *kText
         : scalar == Scalar::kNumeric ? *kNumber
         : scalar == Scalar::kBoolean ? *kBool
                                      : *kAny;
}

const MergeType& ScalarType(MergeType::Scalar scalar) {
  return Constant(MergeType::Shape::kScalar, scalar);
}

const MergeType& ScalarOf(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return ScalarType(MergeType::Scalar::kString);
    case FieldDescriptor::CPPTYPE_BOOL:
      return ScalarType(MergeType::Scalar::kBoolean);
    default:
      return ScalarType(MergeType::Scalar::kNumeric);
  }
}

// What an item has where it does not name the field: the schema's default, or else the zero of what
// is always written.
std::string DefaultOf(const FieldPlan& field) {
  if (!field.facts->default_value().empty()) return field.facts->default_value();
  if (field.facts->omit_empty() || field.facts->pointer() || field.message != nullptr) return "";
  switch (field.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return "\"\"";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "false";
    default:
      return "0";
  }
}

// The encoder's rule (json_encode.cc).
bool IsSilent(const FieldPlan& field) {
  const FieldFacts& facts = *field.facts;
  if (field.is_map || field.is_list || facts.pointer()) return facts.omit_empty();
  return field.message != nullptr ? facts.omit_zero() : facts.omit_empty();
}

class MergeTypes {
 public:
  const MergeType& Get(const Descriptor* descriptor) {
    {
      MutexLock lock(&mutex_);
      if (const auto it = types_.find(descriptor); it != types_.end()) return *it->second;
    }
    const Plan& plan = PlanOf(descriptor);
    MutexLock lock(&mutex_);
    return *Message(plan);
  }

 private:
  MergeType* Make() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return owned_.emplace_back(std::make_unique<MergeType>()).get();
  }

  const MergeType* Message(const Plan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    switch (plan.form) {
      case JsonForm::kObject:
        break;
      case JsonForm::kTime:
      case JsonForm::kMicroTime:
      case JsonForm::kQuantity:
      case JsonForm::kIntOrString:
        return &ScalarType(MergeType::Scalar::kAny);
      case JsonForm::kDuration:
        return &ScalarType(MergeType::Scalar::kString);
      case JsonForm::kRaw:
        return plan.facts->json_form() == "JSON" ? &Constant(MergeType::Shape::kOpaque, {})
                                                 : Free(plan);
      case JsonForm::kStringList:
      case JsonForm::kSchemaOrArray:
      case JsonForm::kSchemaOrBool:
      case JsonForm::kSchemaOrStringArray:
        return &Constant(MergeType::Shape::kOpaque, {});
    }
    if (const auto it = types_.find(plan.descriptor); it != types_.end()) return it->second;
    MergeType* type = Make();
    types_[plan.descriptor] = type;  // Before the fields: types refer to themselves.
    type->shape = MergeType::Shape::kMap;
    type->atomic = plan.facts->map_type() == "atomic";
    type->plan = &plan;
    type->reflection = google::protobuf::MessageFactory::generated_factory()
                           ->GetPrototype(plan.descriptor)
                           ->GetReflection();
    for (const FieldPlan& field : plan.fields) {
      type->fields.push_back({&field, Field(field), IsSilent(field)});
    }
    std::sort(type->fields.begin(), type->fields.end(),
              [](const auto& a, const auto& b) { return a.plan->json_name < b.plan->json_name; });
    if (plan.facts->has_type_meta()) {
      type->members["apiVersion"] = type->members["kind"] = &ScalarType(MergeType::Scalar::kString);
    }
    Declare(*type, type);
    return type;
  }

  // A map of anything.
  const MergeType* Free(const Plan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const MergeType*& known = types_[plan.descriptor];
    if (known == nullptr) {
      MergeType* type = Make();
      type->shape = MergeType::Shape::kMap;
      type->element = &DeducedMergeType();
      known = type;
    }
    return known;
  }

  // The members of inlined messages are the parent's own.
  static void Declare(const MergeType& from, MergeType* into) {
    for (const auto& [field, type, silent] : from.fields) {
      if (field->inlined && type->plan != nullptr) {
        Declare(*type, into);
      } else {
        into->members[field->json_name] = type;
      }
    }
  }

  const MergeType* Field(const FieldPlan& field) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const MergeType* value = field.message != nullptr ? Message(*field.message)
                             : field.is_map           ? &ScalarOf(field.map_value)
                                                      : &ScalarOf(field.field);
    const FieldFacts& facts = *field.facts;
    if (field.is_list) return List(field, value);
    const bool atomic = facts.map_type() == "atomic" || facts.struct_type() == "atomic";
    const bool granular = facts.map_type() == "granular" || facts.struct_type() == "granular";
    if (field.is_map) {
      MergeType* type = Make();
      type->shape = MergeType::Shape::kMap;
      type->atomic = atomic;
      type->element = value;
      return type;
    }
    // The field's word goes before the message's.
    if (value->shape != MergeType::Shape::kMap || value->plan == nullptr) return value;
    if ((atomic && !value->atomic) || (granular && value->atomic)) {
      MergeType* type = Make();
      *type = *value;
      type->atomic = atomic;
      return type;
    }
    return value;
  }

  const MergeType* List(const FieldPlan& field, const MergeType* item)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const FieldFacts& facts = *field.facts;
    MergeType* type = Make();
    type->shape = MergeType::Shape::kList;
    type->element = item;
    std::vector<std::string> keys(facts.list_map_key().begin(), facts.list_map_key().end());
    if (!facts.list_type().empty()) {
      type->atomic = facts.list_type() == "atomic";
    } else {
      type->atomic = !absl::StartsWith(facts.patch_strategy(), "merge");
      if (!facts.patch_merge_key().empty()) keys = {facts.patch_merge_key()};
    }
    if (type->atomic) return type;
    for (std::string& name : keys) {
      SKIFF_CHECK(field.message != nullptr);
      const auto key = field.message->members.find(name);
      SKIFF_CHECK(key != field.message->members.end());
      type->keys.push_back({std::move(name), DefaultOf(*key->second.back()), key->second});
    }
    std::sort(type->keys.begin(), type->keys.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return type;
  }

  Mutex mutex_;
  absl::flat_hash_map<const Descriptor*, const MergeType*> types_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<MergeType>> owned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

const MergeType& MergeTypeOf(const Descriptor* descriptor) {
  static MergeTypes* const types = new MergeTypes();  // Reachable for ever.
  return types->Get(descriptor);
}

const MergeType& DeducedMergeType() { return Constant(MergeType::Shape::kDeduced, {}); }

}  // namespace skiff::api
