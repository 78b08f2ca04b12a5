#include "api/printing/printing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/json_value.h"
#include "api/printing/rows.h"
#include "api/selector.h"
#include "api/time.h"

namespace skiff::api {
namespace printing {
namespace {

constexpr Column kDefault[] = {kName,
                               {"Created At", "date", "", "When the object was created.", 0}};

const Table* FindTable(const google::protobuf::Descriptor* kind) {
  for (const auto tables : {PodTables, WorkloadTables, ClusterTables, RbacTables, NetworkTables,
                            StorageTables, DeviceTables, PolicyTables}) {
    for (const Table& table : tables()) {
      if (table.kind == kind) return &table;
    }
  }
  return nullptr;
}

std::string Joined(const corev1::PodSpec& spec,
                   const std::string& (corev1::Container::*part)() const) {
  return absl::StrJoin(spec.containers(), ",",
                       [part](std::string* out, const corev1::Container& container) {
                         absl::StrAppend(out, (container.*part)());
                       });
}

}  // namespace

std::string OrNone(const std::string& text) { return text.empty() ? "<none>" : text; }

std::string Age(const metav1::ObjectMeta& meta, absl::Time now) {
  return HumanAge(meta.creation_timestamp(), now);
}

std::string LabelsText(const google::protobuf::Map<std::string, std::string>& labels) {
  return OrNone(LabelSelector::FromMap(labels).ToString());
}

std::string SelectorText(const metav1::LabelSelector& selector) {
  const absl::StatusOr<LabelSelector> parsed = LabelSelector::FromProto(selector);
  return parsed.ok() ? OrNone(parsed->ToString()) : "<error>";
}

std::string ContainerNames(const corev1::PodSpec& spec) {
  return Joined(spec, &corev1::Container::name);
}

std::string ContainerImages(const corev1::PodSpec& spec) {
  return Joined(spec, &corev1::Container::image);
}

}  // namespace printing

std::string CellText(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* number = std::get_if<int64_t>(&cell)) return absl::StrCat(*number);
  return std::get<bool>(cell) ? "true" : "false";
}

std::string CellJson(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? JsonString(*text) : CellText(cell);
}

std::span<const Column> Columns(const ResourceInfo& resource) {
  const printing::Table* table = printing::FindTable(resource.prototype->GetDescriptor());
  return table != nullptr ? table->columns : std::span<const Column>(printing::kDefault);
}

std::vector<Cell> Row(const Object& object, absl::Time now) {
  const printing::Table* table = printing::FindTable(object.message().GetDescriptor());
  if (table != nullptr) return table->row(object, now);
  return {object.meta().name(), api::FormatTime(ToAbsl(object.meta().creation_timestamp()))};
}

}  // namespace skiff::api
