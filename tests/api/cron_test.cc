#include "api/cron.h"

#include <catch2/catch.hpp>
#include <string>

namespace skiff::api {
namespace {

absl::TimeZone Zone(const char* name) {
  const auto zone = FindTimeZone(name);
  REQUIRE(zone.ok());
  return *zone;
}

absl::Time At(const std::string& text, absl::TimeZone zone = absl::UTCTimeZone()) {
  absl::Time time;
  std::string error;
  REQUIRE(absl::ParseTime("%Y-%m-%d %H:%M:%S", text, zone, &time, &error));
  return time;
}

// The schedule's next moment, as the zone's clocks show it.
std::string Next(const char* schedule, const std::string& after,
                 absl::TimeZone zone = absl::UTCTimeZone()) {
  const auto parsed = CronSchedule::Parse(schedule);
  INFO(parsed.status().message());
  REQUIRE(parsed.ok());
  const absl::Time next = parsed->Next(At(after, zone), zone);
  return next == absl::InfiniteFuture() ? "never"
                                        : absl::FormatTime("%Y-%m-%d %H:%M:%S", next, zone);
}

std::string Fault(const char* schedule) {
  return std::string(CronSchedule::Parse(schedule).status().message());
}

TEST_CASE("ASchedulesNextMomentIsTheFirstThatFits") {
  // 2024-01-01 is a Monday.
  CHECK(Next("* * * * *", "2024-01-01 00:00:00") == "2024-01-01 00:01:00");
  CHECK(Next("* * * * *", "2024-01-01 00:00:59") == "2024-01-01 00:01:00");
  CHECK(Next("*/15 * * * *", "2024-01-01 00:15:00") == "2024-01-01 00:30:00");
  CHECK(Next("5/20 * * * *", "2024-01-01 00:30:00") == "2024-01-01 00:45:00");
  CHECK(Next("0 3 * * *", "2024-01-01 03:00:00") == "2024-01-02 03:00:00");
  CHECK(Next("30 9-17/4 * * *", "2024-01-01 13:31:00") == "2024-01-01 17:30:00");
  CHECK(Next("0 0 31 * *", "2024-01-31 00:00:00") == "2024-03-31 00:00:00");
  CHECK(Next("0 0 29 feb *", "2024-03-01 00:00:00") == "2028-02-29 00:00:00");
  CHECK(Next("0 12 * * mon-fri", "2024-01-05 12:00:00") == "2024-01-08 12:00:00");
  CHECK(Next("0 0 * * SUN", "2024-01-01 00:00:00") == "2024-01-07 00:00:00");
  CHECK(Next("0 0 1,15 * *", "2024-01-01 00:00:00") == "2024-01-15 00:00:00");
  CHECK(Next("0 0 ? * ?", "2024-01-01 00:00:00") == "2024-01-02 00:00:00");
  CHECK(Next("59 23 31 12 *", "2024-12-31 23:59:00") == "2025-12-31 23:59:00");
  CHECK(Next("0 0 30 2 *", "2024-01-01 00:00:00") == "never");
}

TEST_CASE("WhereBothDayFieldsSaySomethingEitherIsEnough") {
  CHECK(Next("0 0 13 * 5", "2024-01-01 00:00:00") == "2024-01-05 00:00:00");
  CHECK(Next("0 0 13 * 5", "2024-01-12 00:00:00") == "2024-01-13 00:00:00");
  CHECK(Next("0 0 */2 * 5", "2024-01-01 00:00:00") == "2024-01-03 00:00:00");
  CHECK(Next("0 0 * * 5", "2024-01-01 00:00:00") == "2024-01-05 00:00:00");
}

TEST_CASE("MacrosStandForFields") {
  CHECK(Next("@yearly", "2024-01-01 00:00:00") == "2025-01-01 00:00:00");
  CHECK(Next("@annually", "2024-01-01 00:00:00") == "2025-01-01 00:00:00");
  CHECK(Next("@monthly", "2024-01-01 00:00:00") == "2024-02-01 00:00:00");
  CHECK(Next("@weekly", "2024-01-01 00:00:00") == "2024-01-07 00:00:00");
  CHECK(Next("@daily", "2024-01-01 00:00:00") == "2024-01-02 00:00:00");
  CHECK(Next("@midnight", "2024-01-01 00:00:00") == "2024-01-02 00:00:00");
  CHECK(Next("@hourly", "2024-01-01 00:00:00") == "2024-01-01 01:00:00");
  CHECK(Next("@every 1h30m", "2024-01-01 00:00:00") == "2024-01-01 01:30:00");
  CHECK(Next("@every 1500ms", "2024-01-01 00:00:00") == "2024-01-01 00:00:01");
  CHECK(Next("@every 1ms", "2024-01-01 00:00:00") == "2024-01-01 00:00:01");
}

TEST_CASE("ASchedulesDaysAreThoseOfItsZone") {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  CHECK(Next("0 3 * * *", "2024-01-01 03:00:00", berlin) == "2024-01-02 03:00:00");
  // 02:30 does not exist on the day that summer begins, and exists twice on the day that it ends.
  CHECK(Next("30 2 * * *", "2024-03-30 02:30:00", berlin) == "2024-04-01 02:30:00");
  const auto twice = CronSchedule::Parse("30 2 * * *");
  REQUIRE(twice.ok());
  const absl::Time first = twice->Next(At("2024-10-26 12:00:00", berlin), berlin);
  CHECK(first == At("2024-10-27 00:30:00"));
  CHECK(twice->Next(first, berlin) == At("2024-10-27 01:30:00"));
  CHECK(twice->Next(At("2024-10-27 01:30:00"), berlin) == At("2024-10-28 01:30:00"));
  // Half an hour off.
  CHECK(Next("0 * * * *", "2024-01-01 10:10:00", Zone("Asia/Kolkata")) == "2024-01-01 11:00:00");
  // Midnight does not exist on the day that summer begins in Santiago.
  CHECK(Next("30 0 * * *", "2024-09-07 00:30:00", Zone("America/Santiago")) ==
        "2024-09-09 00:30:00");
  CHECK(Next("30 1 * * *", "2024-09-07 01:30:00", Zone("America/Santiago")) ==
        "2024-09-08 01:30:00");
}

TEST_CASE("WhatIsNoScheduleIsToldInTheWordsOfKubernetesParser") {
  CHECK(Fault("") == "empty spec string");
  CHECK(Fault("* * * *") == "expected exactly 5 fields, found 4: [* * * *]");
  CHECK(Fault("* * * * * *") == "expected exactly 5 fields, found 6: [* * * * * *]");
  CHECK(Fault("60 * * * *") == "end of range (60) above maximum (59): 60");
  CHECK(Fault("* * 0 * *") == "beginning of range (0) below minimum (1): 0");
  CHECK(Fault("* * * * 7") == "end of range (7) above maximum (6): 7");
  CHECK(Fault("5-1 * * * *") == "beginning of range (5) beyond end of range (1): 5-1");
  CHECK(Fault("*/0 * * * *") == "step of range should be a positive number: */0");
  CHECK(Fault("1-2-3 * * * *") == "too many hyphens: 1-2-3");
  CHECK(Fault("1/2/3 * * * *") == "too many slashes: 1/2/3");
  CHECK(Fault("x * * * *") ==
        "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax");
  CHECK(Fault("-5 * * * *") ==
        "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax");
  CHECK(Fault("@fortnightly") == "unrecognized descriptor: @fortnightly");
  CHECK(Fault("@every soon") ==
        "failed to parse duration @every soon: time: invalid duration \"soon\"");
}

TEST_CASE("ZonesAreKnownByTheirNames") {
  CHECK(FindTimeZone("UTC").ok());
  CHECK(FindTimeZone("Etc/GMT+5").ok());
  for (const char* name : {"", "Mars/Olympus", "/etc/localtime", "../UTC", "Europe/", "-x"}) {
    INFO(name);
    CHECK(FindTimeZone(name).status().message() == std::string("unknown time zone ") + name);
  }
}

}  // namespace
}  // namespace skiff::api
