#include "absl/strings/str_join.h"
#include "api/printing/rows.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::api::printing {
namespace {

constexpr Column kNameAndAge[] = {kName, kAge};
constexpr Column kClaim[] = {kName, {"State", "string", "", "How far the claim is.", 0}, kAge};
constexpr Column kSlice[] = {
    kName,
    {"Node", "string", "", "Node that has the devices.", 0},
    {"Driver", "string", "", "Driver of the devices.", 0},
    {"Pool", "string", "", "Pool that they belong to.", 0},
    kAge,
};

std::string ClaimState(const resourcev1::ResourceClaim& claim) {
  std::vector<std::string> states;
  const bool deleted = claim.metadata().has_deletion_timestamp();
  if (deleted) states.push_back("deleted");
  if (claim.status().has_allocation()) {
    states.push_back("allocated");
    if (!claim.status().reserved_for().empty()) states.push_back("reserved");
  } else if (!deleted) {
    states.push_back("pending");
  }
  return absl::StrJoin(states, ",");
}

template <typename T>
Cells NameAndAge(const T& object, absl::Time now) {
  return {object.metadata().name(), Age(object.metadata(), now)};
}

Cells ClaimRow(const resourcev1::ResourceClaim& claim, absl::Time now) {
  return {claim.metadata().name(), ClaimState(claim), Age(claim.metadata(), now)};
}

Cells SliceRow(const resourcev1::ResourceSlice& slice, absl::Time now) {
  return {slice.metadata().name(), slice.spec().node_name(), slice.spec().driver(),
          slice.spec().pool().name(), Age(slice.metadata(), now)};
}

}  // namespace

std::span<const Table> DeviceTables() {
  static const Table kTables[] = {
      MakeTable<resourcev1::DeviceClass, NameAndAge<resourcev1::DeviceClass>>(kNameAndAge),
      MakeTable<resourcev1::ResourceClaim, ClaimRow>(kClaim),
      MakeTable<resourcev1::ResourceClaimTemplate, NameAndAge<resourcev1::ResourceClaimTemplate>>(
          kNameAndAge),
      MakeTable<resourcev1::ResourceSlice, SliceRow>(kSlice),
  };
  return kTables;
}

}  // namespace skiff::api::printing
