#include "api/quantity.h"

#include <catch2/catch.hpp>
#include <limits>

namespace skiff::api {
namespace {

Quantity Q(absl::string_view text) {
  const absl::StatusOr<Quantity> quantity = Quantity::Parse(text);
  INFO(text);
  REQUIRE(quantity.ok());
  return *quantity;
}

TEST_CASE("QuantitiesPrintInCanonicalForm") {
  const std::pair<const char*, const char*> rows[] = {
      {"0", "0"},
      {"0m", "0"},
      {"-0", "0"},
      {"1", "1"},
      {"1000m", "1"},
      {"1500m", "1500m"},
      {"0.5", "500m"},
      {"1.5Gi", "1536Mi"},
      {"1Gi", "1Gi"},
      {"1024Ki", "1Mi"},
      {"1023", "1023"},
      {"10000", "10k"},
      {"1e3", "1e3"},
      {"1E3", "1e3"},
      {"12e6", "12e6"},
      {"1.2e3", "1200"},
      {"5E", "5E"},
      {"1Ei", "1Ei"},
      {"0.5Ki", "512"},
      {"1.1Ki", "1126400m"},
      {"100u", "100u"},
      {"1n", "1n"},
      {"0.1n", "1n"},
      {"-0.1n", "-1n"},
      {"-1500m", "-1500m"},
      {"+3", "3"},
      {".5", "500m"},
      {"5.", "5"},
      {"1.50", "1500m"},
      {"0.000001k", "1m"},
      {"2048Mi", "2Gi"},
      {"123456789012", "123456789012"},
      {"1.0000000000000000000000000000", "1"},
  };
  for (const auto& [text, canonical] : rows) {
    INFO(text);
    CHECK(Q(text).ToString() == canonical);
    CHECK(Q(Q(text).ToString()) == Q(text));
  }
}

TEST_CASE("WhatIsNoQuantityIsRefused") {
  for (const char* text : {"", "x", "1x", "1.2.3", "--1", "1 ", " 1", "1kk", "1K", "1e", "1e+",
                           "Mi", ".", "1Mi2", "1e1.5"}) {
    INFO(text);
    CHECK(Quantity::Parse(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
  for (const char* text : {"1e40", "10E", "9Ei", "99999999999999999999999999999999999999999999"}) {
    INFO(text);
    CHECK(Quantity::Parse(text).status().code() == absl::StatusCode::kOutOfRange);
  }
  CHECK(Q("9223372036854775807").Value() == std::numeric_limits<int64_t>::max());
}

TEST_CASE("ValuesRoundAwayFromZero") {
  CHECK(Q("1500m").Value() == 2);
  CHECK(Q("1500m").MilliValue() == 1500);
  CHECK(Q("1n").MilliValue() == 1);
  CHECK(Q("-1500m").Value() == -2);
  CHECK(Q("1Gi").Value() == 1073741824);
  CHECK(Q("9E").MilliValue() == std::numeric_limits<int64_t>::max());
  Quantity fine = Q("1.0001");
  fine.RoundUpToMilli();
  CHECK(fine.ToString() == "1001m");
}

TEST_CASE("ArithmeticIsExact") {
  Quantity sum;
  for (int i = 0; i < 1000; ++i) sum.Add(Q("0.1"));
  CHECK(sum == Q("100"));
  sum.Sub(Q("100"));
  CHECK(sum.IsZero());
  CHECK(sum.Sign() == 0);
  sum.Add(Q("1Gi"));
  CHECK(sum.ToString() == "1Gi");
  sum.Add(Q("512Mi"));
  CHECK(sum.ToString() == "1536Mi");
  CHECK(Q("1") > Q("999m"));
  CHECK(Q("1Ki").Compare(Q("1k")) > 0);
  CHECK(Q("1000m").Compare(Q("1")) == 0);
  CHECK(Quantity::FromMilli(250).ToString() == "250m");
  CHECK(Quantity::FromInt(3 << 20, Quantity::Format::kBinarySi).ToString() == "3Mi");
}

TEST_CASE("AnAbsentQuantityIsZero") {
  CHECK(Quantity::FromProto(QuantityProto())->IsZero());
  CHECK(Q("1.5").ToProto().string() == "1500m");
}

}  // namespace
}  // namespace skiff::api
