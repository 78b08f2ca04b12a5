#include "api/cron.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace skiff::api {
namespace {

constexpr uint64_t kAny = uint64_t{1} << 63;
constexpr int kYearsAhead = 5;

// What a field may hold. Names stand for low, low + 1 and so on.
struct Bounds {
  int low;
  int high;
  std::initializer_list<absl::string_view> names;
};

constexpr Bounds kMinutes = {0, 59, {}};
constexpr Bounds kHours = {0, 23, {}};
constexpr Bounds kDays = {1, 31, {}};
const Bounds kMonths = {
    1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}};
const Bounds kWeekdays = {0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};

struct Macro {
  absl::string_view name;
  absl::string_view fields;
};

constexpr Macro kMacros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

template <typename... T>
absl::Status Wrong(const T&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::StatusOr<int> Number(absl::string_view text) {
  int number = 0;
  const bool digits = !text.empty() && text.find_first_not_of("+-0123456789") == text.npos;
  if (!digits || !absl::SimpleAtoi(text, &number)) {
    return Wrong("failed to parse int from ", text, ": strconv.Atoi: parsing \"", text,
                 "\": invalid syntax");
  }
  if (number < 0) return Wrong("negative number (", number, ") not allowed: ", text);
  return number;
}

absl::StatusOr<int> NumberOrName(absl::string_view text, const Bounds& bounds) {
  const std::string lower = absl::AsciiStrToLower(text);
  const auto name = std::find(bounds.names.begin(), bounds.names.end(), lower);
  if (name != bounds.names.end()) return bounds.low + static_cast<int>(name - bounds.names.begin());
  return Number(text);
}

// "*", "5", "1-5", each with "/step" or without.
absl::StatusOr<uint64_t> Range(absl::string_view text, const Bounds& bounds) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  const std::vector<absl::string_view> ends = absl::StrSplit(parts[0], '-');
  int low = bounds.low, high = bounds.high, step = 1;
  uint64_t bits = 0;
  if (ends[0] == "*" || ends[0] == "?") {
    bits = kAny;
  } else {
    SKIFF_ASSIGN_OR_RETURN(low, NumberOrName(ends[0], bounds));
    if (ends.size() > 2) return Wrong("too many hyphens: ", text);
    high = low;
    if (ends.size() == 2) {
      SKIFF_ASSIGN_OR_RETURN(high, NumberOrName(ends[1], bounds));
    }
  }
  if (parts.size() > 2) return Wrong("too many slashes: ", text);
  if (parts.size() == 2) {
    SKIFF_ASSIGN_OR_RETURN(step, Number(parts[1]));
    if (ends.size() == 1) high = bounds.high;  // "5/10" runs from 5 to the end.
    if (step > 1) bits = 0;
  }
  if (low < bounds.low) {
    return Wrong("beginning of range (", low, ") below minimum (", bounds.low, "): ", text);
  }
  if (high > bounds.high) {
    return Wrong("end of range (", high, ") above maximum (", bounds.high, "): ", text);
  }
  if (low > high) {
    return Wrong("beginning of range (", low, ") beyond end of range (", high, "): ", text);
  }
  if (step == 0) return Wrong("step of range should be a positive number: ", text);
  for (int64_t value = low; value <= high; value += step) bits |= uint64_t{1} << value;
  return bits;
}

absl::StatusOr<uint64_t> Field(absl::string_view text, const Bounds& bounds) {
  uint64_t bits = 0;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    SKIFF_ASSIGN_OR_RETURN(const uint64_t range, Range(part, bounds));
    bits |= range;
  }
  return bits;
}

bool Has(uint64_t bits, int value) { return (bits >> value & 1) != 0; }

int Weekday(absl::CivilDay day) {
  return (static_cast<int>(absl::GetWeekday(day)) + 1) % 7;  // absl's weeks begin on Monday.
}

}  // namespace

absl::StatusOr<CronSchedule> CronSchedule::Parse(absl::string_view text) {
  if (text.empty()) return Wrong("empty spec string");
  CronSchedule schedule;
  absl::string_view fields = text;
  if (text[0] == '@') {
    absl::string_view every = text;
    if (absl::ConsumePrefix(&every, "@every ")) {
      if (!absl::ParseDuration(every, &schedule.every_) ||
          schedule.every_ == absl::InfiniteDuration()) {
        return Wrong("failed to parse duration ", text, ": time: invalid duration \"", every, "\"");
      }
      schedule.every_ = std::max(absl::Floor(schedule.every_, absl::Seconds(1)), absl::Seconds(1));
      return schedule;
    }
    const auto macro = std::find_if(std::begin(kMacros), std::end(kMacros),
                                    [text](const Macro& macro) { return macro.name == text; });
    if (macro == std::end(kMacros)) return Wrong("unrecognized descriptor: ", text);
    fields = macro->fields;
  }
  const std::vector<absl::string_view> five =
      absl::StrSplit(fields, absl::ByAnyChar(" \t\n\v\f\r"), absl::SkipEmpty());
  if (five.size() != 5) {
    return Wrong("expected exactly 5 fields, found ", five.size(), ": [", absl::StrJoin(five, " "),
                 "]");
  }
  SKIFF_ASSIGN_OR_RETURN(schedule.minutes_, Field(five[0], kMinutes));
  SKIFF_ASSIGN_OR_RETURN(schedule.hours_, Field(five[1], kHours));
  SKIFF_ASSIGN_OR_RETURN(schedule.days_, Field(five[2], kDays));
  SKIFF_ASSIGN_OR_RETURN(schedule.months_, Field(five[3], kMonths));
  SKIFF_ASSIGN_OR_RETURN(schedule.weekdays_, Field(five[4], kWeekdays));
  return schedule;
}

bool CronSchedule::IsDueOn(absl::CivilDay day) const {
  const bool by_month = Has(days_, day.day());
  const bool by_week = Has(weekdays_, Weekday(day));
  // Where both day fields say something, either is enough (crontab(5)).
  return ((days_ | weekdays_) & kAny) != 0 ? by_month && by_week : by_month || by_week;
}

absl::Time CronSchedule::Next(absl::Time after, absl::TimeZone zone) const {
  if (every_ != absl::ZeroDuration()) {
    return absl::FromUnixSeconds(absl::ToUnixSeconds(after)) + every_;
  }
  absl::CivilSecond shown = absl::ToCivilSecond(after, zone);
  const absl::civil_year_t last_year = shown.year() + kYearsAhead;
  absl::Time time =
      absl::FromUnixSeconds(absl::ToUnixSeconds(after)) + absl::Seconds(60 - shown.second());
  for (;;) {
    shown = absl::ToCivilSecond(time, zone);
    if (shown.year() > last_year) return absl::InfiniteFuture();
    // Where clocks are set back, a day may begin before the moment that is looked at.
    absl::Time later = time + absl::Seconds(60 - shown.second());
    if (!Has(months_, shown.month())) {
      later = std::max(later, absl::FromCivil(absl::CivilMonth(shown) + 1, zone));
    } else if (!IsDueOn(absl::CivilDay(shown))) {
      later = std::max(later, absl::FromCivil(absl::CivilDay(shown) + 1, zone));
    } else if (!Has(hours_, shown.hour())) {
      later += absl::Minutes(59 - shown.minute());
    } else if (Has(minutes_, shown.minute())) {
      return time;
    }
    time = later;
  }
}

absl::StatusOr<absl::TimeZone> FindTimeZone(absl::string_view name) {
  absl::TimeZone zone;
  bool known = !name.empty();
  for (absl::string_view part : absl::StrSplit(name, '/')) {
    known = known && !part.empty() && part.size() <= 14 && part[0] != '-' && part != "." &&
            part != ".." && std::all_of(part.begin(), part.end(), [](char c) {
              return absl::ascii_isalnum(c) || absl::StrContains("._+-", c);
            });
  }
  if (!known || !absl::LoadTimeZone(name, &zone)) return Wrong("unknown time zone ", name);
  return zone;
}

}  // namespace skiff::api
