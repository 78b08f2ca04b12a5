// One function a kind, and what they share. Use printing.h.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/printing/printing.h"
#include "api/types.h"

namespace skiff::api::printing {

using Cells = std::vector<Cell>;

// A kind, its columns, and what fills them.
struct Table {
  const google::protobuf::Descriptor* kind;
  std::span<const Column> columns;
  Cells (*row)(const Object& object, absl::Time now);
};

template <typename T, Cells (*kRow)(const T&, absl::Time)>
Table MakeTable(std::span<const Column> columns) {
  return {T::descriptor(), columns,
          [](const Object& object, absl::Time now) { return kRow(object.As<T>(), now); }};
}

std::span<const Table> PodTables();
std::span<const Table> WorkloadTables();
std::span<const Table> ClusterTables();
std::span<const Table> RbacTables();
std::span<const Table> NetworkTables();
std::span<const Table> StorageTables();
std::span<const Table> DeviceTables();
std::span<const Table> PolicyTables();

// Columns that several kinds have.
inline constexpr absl::string_view kNameText = "Name of the object, unique within its namespace.";
constexpr absl::string_view kAgeText = "Time since the object was created.";
inline constexpr Column kName = {"Name", "string", "name", kNameText, 0};
inline constexpr Column kAge = {"Age", "string", "", kAgeText, 0};
inline constexpr Column kContainers = {"Containers", "string", "",
                                       "Names of the template's containers.", 1};
inline constexpr Column kImages = {"Images", "string", "", "Images of the template's containers.",
                                   1};
inline constexpr Column kSelector = {"Selector", "string", "", "Labels that select the pods.", 1};

// "<none>" for an empty text.
std::string OrNone(const std::string& text);
// The time since the object was made.
std::string Age(const metav1::ObjectMeta& meta, absl::Time now);
// "a=1,b=2", in order of keys; "<none>" if there are none.
std::string LabelsText(const google::protobuf::Map<std::string, std::string>& labels);
std::string SelectorText(const metav1::LabelSelector& selector);
// The containers' names, and their images, joined by commas.
std::string ContainerNames(const corev1::PodSpec& spec);
std::string ContainerImages(const corev1::PodSpec& spec);

}  // namespace skiff::api::printing
