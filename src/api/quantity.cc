#include "api/quantity.h"

#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using Wide = __int128;

constexpr Wide kNano = 1'000'000'000;
constexpr Wide kLimit = static_cast<Wide>(std::numeric_limits<int64_t>::max()) * kNano;

struct Suffix {
  absl::string_view text;
  int base;  // 2 or 10
  int exponent;
};
constexpr Suffix kSuffixes[] = {
    {"n", 10, -9}, {"u", 10, -6}, {"m", 10, -3}, {"", 10, 0},   {"k", 10, 3},  {"M", 10, 6},
    {"G", 10, 9},  {"T", 10, 12}, {"P", 10, 15}, {"E", 10, 18}, {"Ki", 2, 10}, {"Mi", 2, 20},
    {"Gi", 2, 30}, {"Ti", 2, 40}, {"Pi", 2, 50}, {"Ei", 2, 60},
};

absl::Status Malformed() {
  return absl::InvalidArgumentError(
      "quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

absl::Status TooLarge(absl::string_view text) {
  return absl::OutOfRangeError(
      absl::StrCat("quantity \"", text, "\" is beyond what can be held: at most 2^63-1 units"));
}

// a / b, away from zero where it does not divide.
Wide DivideUp(Wide a, Wide b) {
  const Wide quotient = a / b;
  if (a % b == 0) return quotient;
  return a > 0 ? quotient + 1 : quotient - 1;
}

int64_t Saturate(Wide value) {
  if (value > std::numeric_limits<int64_t>::max()) return std::numeric_limits<int64_t>::max();
  if (value < std::numeric_limits<int64_t>::min()) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

std::string WideText(Wide value) {
  if (value == 0) return "0";
  const bool negative = value < 0;
  std::string digits;
  for (; value != 0; value /= 10) {
    const int digit = static_cast<int>(value % 10);
    digits.insert(digits.begin(), static_cast<char>('0' + (negative ? -digit : digit)));
  }
  return negative ? absl::StrCat("-", digits) : digits;
}

// The parts of a quantity's text: digits without their point, how many stood behind it, and the
// rest.
struct Parts {
  bool negative = false;
  Wide digits = 0;
  int fraction_digits = 0;
  absl::string_view suffix;
};

absl::StatusOr<Parts> Split(absl::string_view text) {
  Parts parts;
  size_t i = 0;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) parts.negative = text[i++] == '-';
  bool point = false, any = false;
  int trailing_zeros = 0;  // Of the fraction: they say nothing, and would only cost range.
  for (; i < text.size() && (absl::ascii_isdigit(text[i]) || text[i] == '.'); ++i) {
    if (text[i] == '.') {
      if (point) return Malformed();
      point = true;
      continue;
    }
    any = true;
    if (point && text[i] == '0') {
      ++trailing_zeros;
      continue;
    }
    for (; trailing_zeros >= 0; --trailing_zeros) {
      const int digit = trailing_zeros > 0 ? 0 : text[i] - '0';
      if (__builtin_mul_overflow(parts.digits, Wide{10}, &parts.digits) ||
          __builtin_add_overflow(parts.digits, Wide{digit}, &parts.digits)) {
        return TooLarge(text);
      }
      if (point) ++parts.fraction_digits;
    }
    trailing_zeros = 0;
  }
  if (!any) return Malformed();
  parts.suffix = text.substr(i);
  return parts;
}

struct Scale {
  int base;
  int exponent;
  Quantity::Format format;
};

absl::StatusOr<Scale> ReadSuffix(absl::string_view suffix) {
  for (const Suffix& row : kSuffixes) {
    if (row.text == suffix) {
      return Scale{row.base, row.exponent,
                   row.base == 2 ? Quantity::Format::kBinarySi : Quantity::Format::kDecimalSi};
    }
  }
  if (suffix[0] != 'e' && suffix[0] != 'E') {
    if (suffix.find_first_not_of("eEinumkKMGTP+-0123456789") != absl::string_view::npos) {
      return Malformed();
    }
    return absl::InvalidArgumentError("unable to parse quantity's suffix");
  }
  const absl::string_view number = suffix.substr(1);
  int exponent = 0;
  const bool has_sign = absl::StartsWith(number, "+") || absl::StartsWith(number, "-");
  const absl::string_view digits = has_sign ? number.substr(1) : number;
  if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(number, &exponent)) {
    return absl::InvalidArgumentError("unable to parse quantity's suffix");
  }
  return Scale{10, exponent, Quantity::Format::kDecimalExponent};
}

// digits * 10^exponent, rounded away from zero. Nothing if it does not fit.
std::optional<Wide> Shift(Wide digits, int exponent) {
  if (digits == 0) return 0;
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(digits, Wide{10}, &digits)) return std::nullopt;
  }
  if (exponent < -38) return 1;
  Wide divisor = 1;
  for (; exponent < 0; ++exponent) divisor *= 10;
  return DivideUp(digits, divisor);
}

}  // namespace

Quantity Quantity::FromInt(int64_t value, Format format) {
  return Quantity(static_cast<Wide>(value) * kNano, format);
}

Quantity Quantity::FromMilli(int64_t milli, Format format) {
  return Quantity(static_cast<Wide>(milli) * (kNano / 1000), format);
}

absl::StatusOr<Quantity> Quantity::Parse(absl::string_view text) {
  if (text.empty()) return Malformed();
  SKIFF_ASSIGN_OR_RETURN(const Parts parts, Split(text));
  SKIFF_ASSIGN_OR_RETURN(const Scale scale, ReadSuffix(parts.suffix));
  Wide digits = parts.digits;
  int exponent = 9 - parts.fraction_digits;
  if (scale.base == 10) {
    exponent += scale.exponent;
  } else if (__builtin_mul_overflow(digits, Wide{1} << scale.exponent, &digits)) {
    return TooLarge(text);
  }
  const std::optional<Wide> nanos = Shift(digits, exponent);
  if (!nanos || *nanos > kLimit) return TooLarge(text);
  return Quantity(parts.negative ? -*nanos : *nanos, scale.format);
}

absl::StatusOr<Quantity> Quantity::FromProto(const QuantityProto& proto) {
  if (proto.string().empty()) return Quantity();
  return Parse(proto.string());
}

QuantityProto Quantity::ToProto() const {
  QuantityProto proto;
  proto.set_string(ToString());
  return proto;
}

std::string Quantity::ToString() const {
  if (IsZero()) return "0";
  const Wide kibi = 1024 * kNano;
  if (format_ == Format::kBinarySi && nanos_ % kNano == 0 && (nanos_ >= kibi || nanos_ <= -kibi)) {
    Wide value = nanos_ / kNano;
    int exponent = 0;
    for (; exponent < 60 && value % 1024 == 0; exponent += 10) value /= 1024;
    for (const Suffix& row : kSuffixes) {
      if (exponent > 0 && row.base == 2 && row.exponent == exponent) {
        return absl::StrCat(WideText(value), row.text);
      }
    }
    return WideText(value);
  }
  Wide value = nanos_;
  int exponent = -9;
  for (; exponent < 18 && value % 1000 == 0; exponent += 3) value /= 1000;
  if (format_ == Format::kDecimalExponent) {
    return exponent == 0 ? WideText(value) : absl::StrCat(WideText(value), "e", exponent);
  }
  for (const Suffix& row : kSuffixes) {
    if (row.base == 10 && row.exponent == exponent) return absl::StrCat(WideText(value), row.text);
  }
  return WideText(value);
}

int64_t Quantity::Value() const { return Saturate(DivideUp(nanos_, kNano)); }

int64_t Quantity::MilliValue() const { return Saturate(DivideUp(nanos_, kNano / 1000)); }

double Quantity::ToDouble() const { return static_cast<double>(nanos_) / 1e9; }

void Quantity::RoundUpToMilli() { nanos_ = DivideUp(nanos_, kNano / 1000) * (kNano / 1000); }

void Quantity::Add(const Quantity& other) {
  if (IsZero()) format_ = other.format_;
  nanos_ += other.nanos_;
}

void Quantity::Sub(const Quantity& other) {
  if (IsZero()) format_ = other.format_;
  nanos_ -= other.nanos_;
}

int Quantity::Compare(const Quantity& other) const {
  return nanos_ < other.nanos_ ? -1 : nanos_ > other.nanos_ ? 1 : 0;
}

}  // namespace skiff::api
