#include "api/int_or_string.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace skiff::api {
namespace {
constexpr int64_t kStringType = 1;
}  // namespace

IntOrString IntValue(int32_t value) {
  IntOrString result;
  result.set_type(0);
  result.set_int_val(value);
  result.set_str_val("");
  return result;
}

IntOrString StringValue(absl::string_view value) {
  IntOrString result;
  result.set_type(kStringType);
  result.set_int_val(0);
  result.set_str_val(std::string(value));
  return result;
}

bool IsString(const IntOrString& value) { return value.type() == kStringType; }

std::string ToString(const IntOrString& value) {
  return IsString(value) ? value.str_val() : absl::StrCat(value.int_val());
}

absl::StatusOr<int32_t> Percent(const IntOrString& value) {
  absl::string_view digits = value.str_val();
  int32_t percent = 0;
  if (!IsString(value) || !absl::ConsumeSuffix(&digits, "%") || digits.empty() ||
      digits.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(digits, &percent)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", ToString(value), "\" is not a percentage: expected digits and '%', as in \"25%\""));
  }
  return percent;
}

absl::StatusOr<int32_t> ScaledValue(const IntOrString& value, int32_t total, Rounding rounding) {
  if (!IsString(value)) return value.int_val();
  SKIFF_ASSIGN_OR_RETURN(const int32_t percent, Percent(value));
  const int64_t hundredths = static_cast<int64_t>(percent) * total;
  return static_cast<int32_t>(rounding == Rounding::kUp ? (hundredths + 99) / 100
                                                        : hundredths / 100);
}

}  // namespace skiff::api
