// IntOrString: a count, or a percentage of one ("25%").
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/types.h"

namespace skiff::api {

using IntOrString = ::k8s::io::apimachinery::pkg::util::intstr::IntOrString;

IntOrString IntValue(int32_t value);
IntOrString StringValue(absl::string_view value);
bool IsString(const IntOrString& value);
// As it is written: "8080", "http", "25%".
std::string ToString(const IntOrString& value);

// The number in "25%". kInvalidArgument for a string that is no percentage, and for an int.
absl::StatusOr<int32_t> Percent(const IntOrString& value);

enum class Rounding { kUp, kDown };
// The count itself, or that percentage of `total`, rounded as told. kInvalidArgument names a string
// that is no percentage.
absl::StatusOr<int32_t> ScaledValue(const IntOrString& value, int32_t total, Rounding rounding);

}  // namespace skiff::api
