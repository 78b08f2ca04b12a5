// When a CronJob runs: the five fields of crontab(5), or one of its macros, in a time zone.
//
//   SKIFF_ASSIGN_OR_RETURN(CronSchedule nightly, CronSchedule::Parse("30 2 * * 1-5"));
//   absl::Time next = nightly.Next(clock.Now(), zone);
//
// Threads: any; a plain value. FindTimeZone reads the machine's zone files the first time that it
// is asked for a zone.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace skiff::api {

class CronSchedule {
 public:
  // Minute, hour, day of the month, month, day of the week (0 is Sunday; names as "jan", "mon");
  // `*`, `?`, `a-b`, lists and steps in each. Or @yearly, @annually, @monthly, @weekly, @daily,
  // @midnight, @hourly, or "@every 1h30m". kInvalidArgument in the words of Kubernetes' parser.
  static absl::StatusOr<CronSchedule> Parse(absl::string_view text);

  // The first moment later than `after` at which the schedule is due, by the clocks of `zone`: what
  // a clock skips when summer begins does not happen, what it shows twice happens twice.
  // InfiniteFuture if there is none within five years ("0 0 30 2 *").
  absl::Time Next(absl::Time after, absl::TimeZone zone) const;

 private:
  bool IsDueOn(absl::CivilDay day) const;

  // Bit n: the value n. The highest bit: any, which leaves the other day field to decide.
  uint64_t minutes_ = 0;
  uint64_t hours_ = 0;
  uint64_t days_ = 0;
  uint64_t months_ = 0;
  uint64_t weekdays_ = 0;
  absl::Duration every_;  // Not zero: @every, and none of the above.
};

// A zone of the IANA database by its name ("Europe/Berlin"). kInvalidArgument: "unknown time zone
// Mars/Olympus".
absl::StatusOr<absl::TimeZone> FindTimeZone(absl::string_view name);

}  // namespace skiff::api
