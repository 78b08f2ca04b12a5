#include "api/int_or_string.h"

#include <catch2/catch.hpp>

namespace skiff::api {
namespace {

TEST_CASE("PercentagesScaleAndRoundAsTold") {
  CHECK(*ScaledValue(IntValue(3), 10, Rounding::kUp) == 3);
  CHECK(*ScaledValue(StringValue("25%"), 10, Rounding::kUp) == 3);
  CHECK(*ScaledValue(StringValue("25%"), 10, Rounding::kDown) == 2);
  CHECK(*ScaledValue(StringValue("0%"), 10, Rounding::kUp) == 0);
  CHECK(*ScaledValue(StringValue("100%"), 7, Rounding::kDown) == 7);
  CHECK(*ScaledValue(StringValue("25%"), 0, Rounding::kUp) == 0);
}

TEST_CASE("WhatIsNoPercentageIsRefused") {
  for (const char* text : {"", "%", "x", "25", "2 5%", "-5%", "2.5%"}) {
    INFO(text);
    CHECK_FALSE(ScaledValue(StringValue(text), 10, Rounding::kUp).ok());
  }
  CHECK_FALSE(Percent(IntValue(5)).ok());
}

TEST_CASE("BothFormsPrintAsTheyAreWritten") {
  CHECK(ToString(IntValue(8080)) == "8080");
  CHECK(ToString(StringValue("http")) == "http");
}

}  // namespace
}  // namespace skiff::api
