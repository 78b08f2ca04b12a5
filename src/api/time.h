// metav1.Time and MicroTime: instants in objects, their RFC 3339 text, and ages as people read
// them. Kubernetes keeps whole seconds in Time and microseconds in MicroTime, in UTC.
//
// Threads: any; nothing here reads a clock.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/types.h"

namespace skiff::api {

// The instant of a Time or MicroTime; an unset one is the epoch: ask IsSet first where it matters.
absl::Time ToAbsl(const metav1::Time& time);
absl::Time ToAbsl(const metav1::MicroTime& time);
// Whether the time was given at all: Go's zero time travels as an empty message.
bool IsSet(const metav1::Time& time);
bool IsSet(const metav1::MicroTime& time);

// Stores an instant, cut to whole seconds (Time) or microseconds (MicroTime), towards the past.
void SetTime(absl::Time instant, metav1::Time* time);
void SetTime(absl::Time instant, metav1::MicroTime* time);
metav1::Time MakeTime(absl::Time instant);
metav1::MicroTime MakeMicroTime(absl::Time instant);

// "2006-01-02T15:04:05Z".
std::string FormatTime(absl::Time instant);
// "2006-01-02T15:04:05.000000Z": always six digits.
std::string FormatMicroTime(absl::Time instant);
// RFC 3339 with any offset and any fraction. kInvalidArgument names the text.
absl::StatusOr<absl::Time> ParseTime(absl::string_view text);

// A length of time in kubectl's AGE form, coarser as it grows: "5s", "2m3s", "3h4m", "2d3h",
// "400d", "3y12d". Up to two seconds in the future count as "0s"; more is "<invalid>".
std::string HumanDuration(absl::Duration duration);
// HumanDuration from `then` to `now`; "<unknown>" if the time was never set.
std::string HumanAge(const metav1::Time& then, absl::Time now);
std::string HumanAge(const metav1::MicroTime& then, absl::Time now);

}  // namespace skiff::api
