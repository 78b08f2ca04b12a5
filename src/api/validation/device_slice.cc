#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/validation/device_parts.h"
#include "api/validation/names.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int kMaxDevices = 128;
constexpr size_t kMaxAttributeValue = 64;
constexpr size_t kMaxAttributeName = 63 + 1 + 32;

bool IsNumeric(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool IsPlainNumber(absl::string_view text) {
  return IsNumeric(text) && (text.size() == 1 || text[0] != '0');
}

// Dot-separated words; those that are numbers start with no zero if `plain`.
bool AreWords(absl::string_view text, bool plain) {
  for (absl::string_view word : absl::StrSplit(text, '.')) {
    const bool ok = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return absl::ascii_isalnum(c) || c == '-';
    });
    if (!ok || (plain && IsNumeric(word) && !IsPlainNumber(word))) return false;
  }
  return true;
}

// semver.org, 2.0.0: 1.2.3[-words][+words].
bool IsSemanticVersion(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> build =
      absl::StrSplit(text, absl::MaxSplits('+', 1));
  if (absl::StrContains(text, '+') && !AreWords(build.second, false)) return false;
  const std::pair<absl::string_view, absl::string_view> release =
      absl::StrSplit(build.first, absl::MaxSplits('-', 1));
  if (absl::StrContains(build.first, '-') && !AreWords(release.second, true)) return false;
  const std::vector<absl::string_view> numbers = absl::StrSplit(release.first, '.');
  return numbers.size() == 3 && std::all_of(numbers.begin(), numbers.end(), IsPlainNumber);
}

void CheckAttribute(const resourcev1::DeviceAttribute& attribute, const Path& path,
                    ErrorList* errors) {
  const int given = attribute.has_int_() + attribute.has_bool_() + attribute.has_string() +
                    attribute.has_version();
  if (attribute.string().size() > kMaxAttributeValue) {
    errors->TooLong(path / "string", kMaxAttributeValue);
  }
  if (attribute.has_version() && !IsSemanticVersion(attribute.version())) {
    errors->Invalid(path / "version", attribute.version(),
                    "must be a string compatible with semver.org spec 2.0.0");
  }
  if (attribute.version().size() > kMaxAttributeValue) {
    errors->TooLong(path / "version", kMaxAttributeValue);
  }
  constexpr absl::string_view kOne = "exactly one value must be specified";
  if (given == 0) errors->Invalid(path, "", kOne);
  if (given > 1) errors->Invalid(path, attribute, kOne);
}

// A long key is cut in the middle, so that the error is not too long itself.
std::string Shortened(const std::string& key) {
  if (key.size() <= kMaxAttributeName) return key;
  const size_t kept = kMaxAttributeName - 3;
  return absl::StrCat(key.substr(0, (kept + 1) / 2), "...", key.substr(key.size() - kept / 2));
}

void CheckDevice(const resourcev1::Device& device, const Path& path, ErrorList* errors) {
  errors->InvalidEach(path / "name", device.name(), CheckDns1123Label(device.name()));
  const int parts = static_cast<int>(device.attributes().size() + device.capacity().size());
  if (parts > kMaxDeviceParts) {
    errors->Invalid(path, parts,
                    absl::StrCat("the total number of attributes and capacities must not exceed ",
                                 kMaxDeviceParts));
  }
  for (const auto& [name, attribute] : device.attributes()) {
    const Path at = (path / "attributes").Key(Shortened(name));
    CheckAttributeName(name, at, errors);
    CheckAttribute(attribute, at, errors);
  }
  for (const auto& [name, capacity] : device.capacity()) {
    CheckAttributeName(name, (path / "capacity").Key(Shortened(name)), errors);
  }
}

void CheckPool(const resourcev1::ResourcePool& pool, const Path& path, ErrorList* errors) {
  CheckPoolName(pool.name(), path / "name", errors);
  if (pool.resource_slice_count() <= 0) {
    errors->Invalid(path / "resourceSliceCount", pool.resource_slice_count(),
                    "must be greater than zero");
  }
  if (pool.generation() < 0) {
    errors->Invalid(path / "generation", pool.generation(),
                    "must be greater than or equal to zero");
  }
}

// The nodes that can use the devices.
void CheckNodes(const resourcev1::ResourceSliceSpec& spec, const Path& path, ErrorList* errors) {
  std::vector<std::string> given;
  if (spec.has_node_name()) {
    if (spec.node_name().empty()) {
      errors->Invalid(path / "nodeName", spec.node_name(),
                      "must be either unset or set to a non-empty string");
    } else {
      given.push_back("`nodeName`");
      errors->InvalidEach(path / "nodeName", spec.node_name(),
                          CheckDns1123Subdomain(spec.node_name()));
    }
  }
  if (spec.has_node_selector()) {
    given.push_back("`nodeSelector`");
    CheckNodeSelector(spec.node_selector(), path / "nodeSelector", errors);
    if (spec.node_selector().node_selector_terms_size() != 1) {
      errors->Invalid(path / "nodeSelector" / "nodeSelectorTerms",
                      spec.node_selector().node_selector_terms(),
                      "must have exactly one node selector term");
    }
  }
  if (spec.has_all_nodes()) {
    if (spec.all_nodes()) {
      given.push_back("`allNodes`");
    } else {
      errors->Invalid(path / "allNodes", false, "must be either unset or set to true");
    }
  }
  constexpr absl::string_view kOne =
      "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
  if (given.empty()) {
    errors->Required(path, kOne);
  } else if (given.size() > 1) {
    errors->Invalid(path, absl::StrCat("{", absl::StrJoin(given, ", "), "}"),
                    absl::StrCat(kOne, ", but multiple fields are set"));
  }
}

}  // namespace

void CheckResourceSlice(const resourcev1::ResourceSlice& slice, ErrorList* errors) {
  const resourcev1::ResourceSliceSpec& spec = slice.spec();
  const Path path("spec");
  CheckDriverName(spec.driver(), path / "driver", errors);
  CheckPool(spec.pool(), path / "pool", errors);
  CheckNodes(spec, path, errors);
  CheckSet(
      spec.devices(), kMaxDevices, path / "devices", errors,
      [&](const auto& device, const Path& at) { CheckDevice(device, at, errors); },
      [](const auto& device) { return device.name(); });
}

void CheckResourceSliceUpdate(const resourcev1::ResourceSlice& now,
                              const resourcev1::ResourceSlice& old, ErrorList* errors) {
  CheckResourceSlice(now, errors);
  const resourcev1::ResourceSliceSpec& before = old.spec();
  const resourcev1::ResourceSliceSpec& after = now.spec();
  const Path path("spec");
  errors->Immutable(path / "pool" / "name", after.pool().name(),
                    after.pool().name() == before.pool().name());
  errors->Immutable(path / "driver", after.driver(), after.driver() == before.driver());
  errors->Immutable(
      path / "nodeName", after.node_name(),
      after.has_node_name() == before.has_node_name() && after.node_name() == before.node_name());
}

}  // namespace skiff::api
