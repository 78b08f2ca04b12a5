// Quantity: an exact amount of a resource ("500m", "1.5Gi"), as Kubernetes writes it. The value is
// kept in billionths in 128 bits, so that sums of any number of real requests stay exact; what
// Kubernetes would cap (beyond 2^63-1 units) is refused when parsed.
//
//   SKIFF_ASSIGN_OR_RETURN(Quantity memory, Quantity::Parse("1.5Gi"));
//   memory.ToString();  // "1536Mi"
//
// Threads: any; a plain value.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/types.h"

namespace skiff::api {

using QuantityProto = ::k8s::io::apimachinery::pkg::api::resource::Quantity;

class Quantity {
 public:
  // How it is written: "1k", "1Ki", "1e3". Sums keep the format of the left side, unless it is
  // zero.
  enum class Format { kDecimalSi, kBinarySi, kDecimalExponent };

  Quantity() = default;  // 0
  static Quantity FromInt(int64_t value, Format format = Format::kDecimalSi);
  static Quantity FromMilli(int64_t milli, Format format = Format::kDecimalSi);

  // Suffixes n u m k M G T P E, Ki Mi Gi Ti Pi Ei, and exponents (e3, E-3). Finer than a billionth
  // is rounded away from zero. kInvalidArgument in Kubernetes' words; kOutOfRange beyond 2^63-1
  // units.
  static absl::StatusOr<Quantity> Parse(absl::string_view text);
  // An absent or empty message is 0.
  static absl::StatusOr<Quantity> FromProto(const QuantityProto& proto);
  QuantityProto ToProto() const;

  // Canonical: the largest suffix that leaves a whole number: "1500m", "1536Mi", "1", "10k".
  std::string ToString() const;

  // Whole units or thousandths, rounded away from zero; held at the ends of int64.
  int64_t Value() const;
  int64_t MilliValue() const;
  double ToDouble() const;

  bool IsZero() const { return nanos_ == 0; }
  int Sign() const { return nanos_ > 0 ? 1 : nanos_ < 0 ? -1 : 0; }
  Format format() const { return format_; }
  // Rounds away from zero to thousandths, the finest that Kubernetes stores in resource lists.
  void RoundUpToMilli();

  void Add(const Quantity& other);
  void Sub(const Quantity& other);
  // Negative, zero or positive as this is less than, equal to or greater than `other`.
  int Compare(const Quantity& other) const;
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nanos_ == b.nanos_; }
  friend bool operator<(const Quantity& a, const Quantity& b) { return a.nanos_ < b.nanos_; }
  friend bool operator>(const Quantity& a, const Quantity& b) { return b < a; }
  friend bool operator<=(const Quantity& a, const Quantity& b) { return !(b < a); }
  friend bool operator>=(const Quantity& a, const Quantity& b) { return !(a < b); }

 private:
  Quantity(__int128 nanos, Format format) : nanos_(nanos), format_(format) {}

  __int128 nanos_ = 0;
  Format format_ = Format::kDecimalSi;
};

}  // namespace skiff::api
