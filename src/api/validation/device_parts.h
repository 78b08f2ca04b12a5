// What claims, classes and slices of devices have in common. Use validation.h.
#pragma once

#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "api/types.h"
#include "api/validation/kinds.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::api {

constexpr int kMaxDeviceParts = 32;  // Requests, constraints, selectors, configurations, results.

// The requests of a claim by name: "request", and "request/alternative" of one that has several.
using RequestNames = std::set<std::string>;
RequestNames RequestNamesOf(const resourcev1::DeviceClaim& claim);

// A list of at most `most` elements, each of which `check` looks at.
template <typename List, typename Check>
void CheckEach(const List& list, int most, const Path& path, ErrorList* errors, Check check) {
  if (list.size() > most) {
    errors->TooMany(path, list.size(), most);
    return;
  }
  for (int i = 0; i < list.size(); ++i) check(list[i], path[i]);
}

// Likewise, and no two elements have the same `key`.
template <typename List, typename Check, typename Key>
void CheckSet(const List& list, int most, const Path& path, ErrorList* errors, Check check,
              Key key) {
  CheckEach(list, most, path, errors, check);
  if (list.size() > most) return;
  std::set<std::string> keys;
  for (int i = 0; i < list.size(); ++i) {
    if (!keys.insert(key(list[i])).second) errors->Duplicate(path[i], key(list[i]));
  }
}

void CheckRequestName(const std::string& name, const RequestNames& known, const Path& path,
                      ErrorList* errors);
void CheckRequestNames(const google::protobuf::RepeatedPtrField<std::string>& names,
                       const RequestNames& known, const Path& path, ErrorList* errors);
void CheckSelectors(const google::protobuf::RepeatedPtrField<resourcev1::DeviceSelector>& selectors,
                    const Path& path, ErrorList* errors);
void CheckDeviceConfiguration(const resourcev1::DeviceConfiguration& configuration,
                              const Path& path, ErrorList* errors);
// JSON that a driver reads, which must be an object.
void CheckDriverData(const std::string& json, const Path& path, ErrorList* errors);
void CheckPoolName(const std::string& name, const Path& path, ErrorList* errors);
// [domain/]identifier.
void CheckAttributeName(absl::string_view name, const Path& path, ErrorList* errors);

}  // namespace skiff::api
