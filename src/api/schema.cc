#include "api/schema.h"

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

JsonForm FormOf(const MessageFacts& facts) {
  static constexpr std::pair<absl::string_view, JsonForm> kForms[] = {
      {"Time", JsonForm::kTime},
      {"MicroTime", JsonForm::kMicroTime},
      {"Duration", JsonForm::kDuration},
      {"Quantity", JsonForm::kQuantity},
      {"IntOrString", JsonForm::kIntOrString},
      {"RawExtension", JsonForm::kRaw},
      {"FieldsV1", JsonForm::kRaw},
      {"JSON", JsonForm::kRaw},
      {"StringList", JsonForm::kStringList},
      {"SchemaOrArray", JsonForm::kSchemaOrArray},
      {"SchemaOrBool", JsonForm::kSchemaOrBool},
      {"SchemaOrStringArray", JsonForm::kSchemaOrStringArray},
  };
  for (const auto& [name, form] : kForms) {
    if (facts.json_form() == name) return form;
  }
  return JsonForm::kObject;
}

// Descriptors never die, so neither need their plans; a cache of pure facts, not state.
class Plans {
 public:
  const Plan& Get(const Descriptor* descriptor) {
    {
      MutexLock lock(&mutex_);
      if (const auto it = plans_.find(descriptor); it != plans_.end()) return *it->second;
    }
    MutexLock lock(&mutex_);
    const Plan& plan = Compile(descriptor);
    // Members are indexed once every plan that this one reaches is whole.
    for (Plan* fresh : std::exchange(fresh_, {})) IndexMembers(*fresh, *fresh, {});
    return plan;
  }

 private:
  const Plan& Compile(const Descriptor* descriptor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (const auto it = plans_.find(descriptor); it != plans_.end()) return *it->second;
    auto owned = std::make_unique<Plan>();
    Plan& plan = *owned;
    plans_[descriptor] = std::move(owned);  // Before the fields: types refer to themselves.
    fresh_.push_back(&plan);
    plan.descriptor = descriptor;
    plan.facts = &descriptor->options().GetExtension(skiff::message);
    plan.form = FormOf(*plan.facts);
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      const FieldFacts& facts = field->options().GetExtension(skiff::field);
      if (!facts.proto_only()) plan.fields.push_back(CompileField(field, facts));
    }
    return plan;
  }

  FieldPlan CompileField(const FieldDescriptor* field, const FieldFacts& facts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    FieldPlan out;
    out.field = field;
    out.facts = &facts;
    out.json_name = field->json_name();
    out.json_key = absl::StrCat("\"", out.json_name, "\":");
    out.is_map = field->is_map();
    out.is_list = field->is_repeated() && !out.is_map;
    out.inlined = facts.inline_();
    if (out.is_map) {
      out.map_key = field->message_type()->map_key();
      out.map_value = field->message_type()->map_value();
      if (out.map_value->message_type() != nullptr) {
        out.message = &Compile(out.map_value->message_type());
      }
    } else if (field->message_type() != nullptr) {
      out.message = &Compile(field->message_type());
    }
    return out;
  }

  void IndexMembers(const Plan& from, Plan& into, std::vector<const FieldPlan*> path) {
    for (const FieldPlan& field : from.fields) {
      std::vector<const FieldPlan*> own = path;
      own.push_back(&field);
      if (field.inlined && field.message != nullptr && field.message->form == JsonForm::kObject) {
        IndexMembers(*field.message, into, own);
      } else {
        into.members[field.json_name] = std::move(own);
      }
    }
  }

  Mutex mutex_;
  absl::flat_hash_map<const Descriptor*, std::unique_ptr<Plan>> plans_ ABSL_GUARDED_BY(mutex_);
  std::vector<Plan*> fresh_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

const Plan& PlanOf(const Descriptor* descriptor) {
  static Plans* const plans = new Plans();  // Reachable for ever: plans outlive every user.
  return plans->Get(descriptor);
}

}  // namespace skiff::api
