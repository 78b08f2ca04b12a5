#include "api/time.h"

#include <catch2/catch.hpp>

namespace skiff::api {
namespace {

TEST_CASE("AgesGrowCoarserAsKubectlPrintsThem") {
  const std::pair<int64_t, const char*> rows[] = {
      {-3, "<invalid>"},
      {-1, "0s"},
      {0, "0s"},
      {5, "5s"},
      {119, "119s"},
      {120, "2m"},
      {123, "2m3s"},
      {599, "9m59s"},
      {600, "10m"},
      {10799, "179m"},
      {10800, "3h"},
      {11040, "3h4m"},
      {28800, "8h"},
      {172799, "47h"},
      {172800, "2d"},
      {183600, "2d3h"},
      {691199, "7d23h"},
      {691200, "8d"},
      {86400 * 729, "729d"},
      {86400 * 730, "2y"},
      {86400LL * (365 * 3 + 12), "3y12d"},
      {86400LL * 365 * 9, "9y"},
  };
  for (const auto& [seconds, text] : rows) CHECK(HumanDuration(absl::Seconds(seconds)) == text);
}

TEST_CASE("TimesKeepWholeSecondsAndMicroTimesMicroseconds") {
  const absl::Time instant = absl::FromUnixNanos(1'700'000'000'123'456'789);
  const metav1::Time time = MakeTime(instant);
  CHECK(time.seconds() == 1'700'000'000);
  CHECK(time.nanos() == 0);
  CHECK(api::FormatTime(ToAbsl(time)) == "2023-11-14T22:13:20Z");
  const metav1::MicroTime micro = MakeMicroTime(instant);
  CHECK(micro.nanos() == 123'456'000);
  CHECK(FormatMicroTime(ToAbsl(micro)) == "2023-11-14T22:13:20.123456Z");
  CHECK(FormatMicroTime(absl::FromUnixSeconds(0)) == "1970-01-01T00:00:00.000000Z");
}

TEST_CASE("TextsInRfc3339AreReadWithOffsetAndFraction") {
  CHECK(*ParseTime("2023-11-14T22:13:20Z") == absl::FromUnixSeconds(1'700'000'000));
  CHECK(*ParseTime("2023-11-14T23:13:20+01:00") == absl::FromUnixSeconds(1'700'000'000));
  CHECK(*ParseTime("2023-11-14T22:13:20.5Z") == absl::FromUnixMillis(1'700'000'000'500));
  for (const char* text : {"", "yesterday", "2023-11-14", "2023-11-14 22:13:20Z", "infinite-future",
                           "2023-13-14T22:13:20Z", " 2023-11-14T22:13:20Z"}) {
    INFO(text);
    CHECK_FALSE(ParseTime(text).ok());
  }
}

TEST_CASE("ATimeNeverSetHasNoAge") {
  CHECK(HumanAge(metav1::Time(), absl::FromUnixSeconds(5)) == "<unknown>");
  CHECK(HumanAge(MakeTime(absl::FromUnixSeconds(0)), absl::FromUnixSeconds(5)) == "5s");
  CHECK_FALSE(IsSet(metav1::Time()));
}

}  // namespace
}  // namespace skiff::api
