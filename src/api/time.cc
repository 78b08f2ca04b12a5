#include "api/time.h"

#include "absl/strings/str_cat.h"

namespace skiff::api {
namespace {

template <typename T>
absl::Time Instant(const T& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

template <typename T>
bool Given(const T& time) {
  return time.has_seconds() || time.has_nanos();
}

// Both numbers, without the second when it is zero: "2m", "2m3s".
std::string Pair(int64_t major, absl::string_view major_unit, int64_t minor,
                 absl::string_view minor_unit) {
  if (minor == 0) return absl::StrCat(major, major_unit);
  return absl::StrCat(major, major_unit, minor, minor_unit);
}

}  // namespace

absl::Time ToAbsl(const metav1::Time& time) { return Instant(time); }
absl::Time ToAbsl(const metav1::MicroTime& time) { return Instant(time); }
bool IsSet(const metav1::Time& time) { return Given(time); }
bool IsSet(const metav1::MicroTime& time) { return Given(time); }

void SetTime(absl::Time instant, metav1::Time* time) {
  time->set_seconds(absl::ToUnixSeconds(instant));
  time->set_nanos(0);
}

void SetTime(absl::Time instant, metav1::MicroTime* time) {
  const int64_t seconds = absl::ToUnixSeconds(instant);
  const int64_t micros = absl::ToInt64Microseconds(instant - absl::FromUnixSeconds(seconds));
  time->set_seconds(seconds);
  time->set_nanos(static_cast<int32_t>(micros * 1000));
}

metav1::Time MakeTime(absl::Time instant) {
  metav1::Time time;
  SetTime(instant, &time);
  return time;
}

metav1::MicroTime MakeMicroTime(absl::Time instant) {
  metav1::MicroTime time;
  SetTime(instant, &time);
  return time;
}

std::string FormatTime(absl::Time instant) {
  const absl::CivilSecond civil = absl::ToCivilSecond(instant, absl::UTCTimeZone());
  if (civil.year() < 0 || civil.year() > 9999) {
    return absl::FormatTime("%E4Y-%m-%dT%H:%M:%SZ", instant, absl::UTCTimeZone());
  }
  // Without reading a format: nearly every object has one of these.
  std::string out = "0000-00-00T00:00:00Z";
  const auto put = [&out](size_t end, int number) {
    for (; number > 0; number /= 10) out[--end] = static_cast<char>('0' + number % 10);
  };
  put(4, static_cast<int>(civil.year()));
  put(7, civil.month());
  put(10, civil.day());
  put(13, civil.hour());
  put(16, civil.minute());
  put(19, civil.second());
  return out;
}

std::string FormatMicroTime(absl::Time instant) {
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", instant, absl::UTCTimeZone());
}

absl::StatusOr<absl::Time> ParseTime(absl::string_view text) {
  absl::Time time;
  std::string error;
  // absl's parser allows blanks and words such as "infinite-future" that RFC 3339 does not.
  const bool shaped = text.size() >= 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T' &&
                      text[13] == ':' && text[16] == ':';
  if (!shaped || !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text,
                                                   "\" is not a time: expected RFC 3339, as in "
                                                   "\"2006-01-02T15:04:05Z\""));
  }
  return time;
}

std::string HumanDuration(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return absl::StrCat(seconds, "s");
  const int64_t minutes = seconds / 60;
  if (minutes < 10) return Pair(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return absl::StrCat(minutes, "m");
  const int64_t hours = minutes / 60;
  if (hours < 8) return Pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return absl::StrCat(hours, "h");
  const int64_t days = hours / 24;
  if (days < 8) return Pair(days, "d", hours % 24, "h");
  if (days < 2 * 365) return absl::StrCat(days, "d");
  const int64_t years = days / 365;
  if (years < 8) return Pair(years, "y", days % 365, "d");
  return absl::StrCat(years, "y");
}

std::string HumanAge(const metav1::Time& then, absl::Time now) {
  if (!IsSet(then)) return "<unknown>";
  return HumanDuration(now - ToAbsl(then));
}

std::string HumanAge(const metav1::MicroTime& then, absl::Time now) {
  if (!IsSet(then)) return "<unknown>";
  return HumanDuration(now - ToAbsl(then));
}

}  // namespace skiff::api
