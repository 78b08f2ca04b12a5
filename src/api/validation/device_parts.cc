#include "api/validation/device_parts.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr size_t kMaxExpression = 10 * 1024;
constexpr size_t kMaxDriverData = 10 * 1024;
constexpr size_t kMaxIdentifier = 32;
constexpr size_t kMaxPoolName = 253;

void CheckIdentifier(absl::string_view name, const Path& path, ErrorList* errors) {
  if (name.size() > kMaxIdentifier) errors->TooLong(path, kMaxIdentifier);
  errors->InvalidEach(path, name, CheckCIdentifier(name));
}

}  // namespace

RequestNames RequestNamesOf(const resourcev1::DeviceClaim& claim) {
  RequestNames names;
  for (const resourcev1::DeviceRequest& request : claim.requests()) {
    names.insert(request.name());
    for (const resourcev1::DeviceSubRequest& alternative : request.first_available()) {
      names.insert(absl::StrCat(request.name(), "/", alternative.name()));
    }
  }
  return names;
}

void CheckRequestName(const std::string& name, const RequestNames& known, const Path& path,
                      ErrorList* errors) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() <= 2) {
    for (absl::string_view part : parts) errors->InvalidEach(path, part, CheckDns1123Label(part));
  }
  if (known.count(name) == 0) {
    errors->Invalid(path, name,
                    "must be the name of a request in the claim or the name of a request and a "
                    "subrequest separated by '/'");
  }
}

void CheckRequestNames(const google::protobuf::RepeatedPtrField<std::string>& names,
                       const RequestNames& known, const Path& path, ErrorList* errors) {
  CheckSet(
      names, kMaxDeviceParts, path, errors,
      [&](const std::string& name, const Path& at) { CheckRequestName(name, known, at, errors); },
      [](const std::string& name) { return name; });
}

void CheckSelectors(const google::protobuf::RepeatedPtrField<resourcev1::DeviceSelector>& selectors,
                    const Path& path, ErrorList* errors) {
  const auto check = [&](const resourcev1::DeviceSelector& selector, const Path& at) {
    const Path expression = at / "cel" / "expression";
    if (!selector.has_cel()) {
      errors->Required(at / "cel");
    } else if (selector.cel().expression().empty()) {
      errors->Required(expression);
    } else if (selector.cel().expression().size() > kMaxExpression) {
      errors->TooLong(expression, kMaxExpression);
    }
  };
  CheckEach(selectors, kMaxDeviceParts, path, errors, check);
}

void CheckDriverData(const std::string& json, const Path& path, ErrorList* errors) {
  if (json.empty() || json == "null") {
    errors->Required(path);
  } else if (json.size() > kMaxDriverData) {
    errors->TooLong(path, kMaxDriverData);
  } else {
    const absl::StatusOr<JsonValue> value = JsonValue::Parse(json);
    if (!value.ok() || !value->is_object()) {
      errors->Invalid(path, "<value omitted>", "must be a valid JSON object");
    }
  }
}

void CheckDeviceConfiguration(const resourcev1::DeviceConfiguration& configuration,
                              const Path& path, ErrorList* errors) {
  const Path opaque = path / "opaque";
  if (!configuration.has_opaque()) {
    errors->Required(opaque);
    return;
  }
  CheckDriverName(configuration.opaque().driver(), opaque / "driver", errors);
  CheckDriverData(configuration.opaque().parameters().raw(), opaque / "parameters", errors);
}

void CheckPoolName(const std::string& name, const Path& path, ErrorList* errors) {
  if (name.empty()) {
    errors->Required(path);
    return;
  }
  if (name.size() > kMaxPoolName) errors->TooLong(path, kMaxPoolName);
  for (absl::string_view part : absl::StrSplit(name, '/')) {
    errors->InvalidEach(path, part, CheckDns1123Subdomain(part));
  }
}

void CheckAttributeName(absl::string_view name, const Path& path, ErrorList* errors) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() == 1) return CheckIdentifier(name, path, errors);
  if (parts.size() > 2) return;  // Kubernetes lets these pass.
  if (parts[0].empty()) {
    errors->Invalid(path, "", "the domain must not be empty");
  } else {
    CheckDriverName(std::string(parts[0]), path, errors);
  }
  if (parts[1].empty()) {
    errors->Invalid(path, "", "the name must not be empty");
  } else {
    CheckIdentifier(parts[1], path, errors);
  }
}

}  // namespace skiff::api
