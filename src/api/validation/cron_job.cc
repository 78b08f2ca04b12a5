#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/cron.h"
#include "api/validation/kinds.h"

namespace skiff::api {
namespace {

// What the controller appends to the name for each job: "-" and ten digits.
constexpr size_t kMaxName = 63 - 11;

// The schedule behind "TZ=Zone ", which crontabs of old wrote there.
absl::Status CheckFields(absl::string_view schedule) {
  if (absl::StartsWith(schedule, "TZ=") || absl::StartsWith(schedule, "CRON_TZ=")) {
    const size_t start = schedule.find('=') + 1;
    const size_t space = schedule.find(' ');
    const absl::string_view zone = schedule.substr(start, space - start);
    const absl::Status known = FindTimeZone(zone).status();
    if (!known.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("provided bad location ", zone, ": ", known.message()));
    }
    schedule = space == absl::string_view::npos
                   ? absl::string_view()
                   : absl::StripAsciiWhitespace(schedule.substr(space));
  }
  return CronSchedule::Parse(schedule).status();
}

void CheckSchedule(const batchv1::CronJobSpec& spec, bool zone_allowed, const Path& path,
                   ErrorList* errors) {
  const std::string& schedule = spec.schedule();
  if (schedule.empty()) {
    errors->Required(path);
    return;
  }
  const absl::Status fields = CheckFields(schedule);
  if (!fields.ok()) errors->Invalid(path, schedule, std::string(fields.message()));
  if (!absl::StrContains(schedule, "TZ")) return;
  if (!zone_allowed) {
    errors->Invalid(path, schedule,
                    "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
  } else if (spec.has_time_zone()) {
    errors->Invalid(path, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
  }
}

void CheckTimeZone(const std::string& zone, const Path& path, ErrorList* errors) {
  if (zone.empty()) {
    errors->Invalid(path, zone, "timeZone must be nil or non-empty string");
    return;
  }
  if (absl::EqualsIgnoreCase(zone, "Local")) {
    errors->Invalid(path, zone,
                    "timeZone must be an explicit time zone as defined in "
                    "https://www.iana.org/time-zones");
    if (zone == "Local") return;
  }
  const absl::Status known = FindTimeZone(zone).status();
  if (!known.ok()) errors->Invalid(path, zone, std::string(known.message()));
}

// `old` is null for a new job.
void CheckSpec(const batchv1::CronJobSpec& spec, const batchv1::CronJobSpec* old,
               ErrorList* errors) {
  const Path path("spec");
  const bool zone_allowed = old != nullptr && absl::StrContains(old->schedule(), "TZ");
  CheckSchedule(spec, zone_allowed, path / "schedule", errors);
  errors->NotNegative(path / "startingDeadlineSeconds", spec.starting_deadline_seconds());
  const bool same_zone = old != nullptr && old->has_time_zone() == spec.has_time_zone() &&
                         old->time_zone() == spec.time_zone();
  if (spec.has_time_zone() && !same_zone) {
    CheckTimeZone(spec.time_zone(), path / "timeZone", errors);
  }
  errors->OneOfRequired(path / "concurrencyPolicy", spec.concurrency_policy(),
                        {"Allow", "Forbid", "Replace"});
  const batchv1::JobSpec& job = spec.job_template().spec();
  const Path job_path = path / "jobTemplate" / "spec";
  CheckJobSpec(job, job_path, errors);
  if (job.has_selector()) {
    errors->Invalid(job_path / "selector", job.selector(), "`selector` will be auto-generated");
  }
  if (job.manual_selector()) {
    errors->NotSupported(job_path / "manualSelector", true, {"nil", "false"});
  }
  errors->NotNegative(path / "successfulJobsHistoryLimit", spec.successful_jobs_history_limit());
  errors->NotNegative(path / "failedJobsHistoryLimit", spec.failed_jobs_history_limit());
}

}  // namespace

void CheckCronJob(const batchv1::CronJob& job, ErrorList* errors) {
  CheckSpec(job.spec(), nullptr, errors);
  if (job.metadata().name().size() > kMaxName) {
    errors->Invalid(Path("metadata.name"), job.metadata().name(),
                    "must be no more than 52 characters");
  }
}

void CheckCronJobUpdate(const batchv1::CronJob& now, const batchv1::CronJob& old,
                        ErrorList* errors) {
  CheckSpec(now.spec(), &old.spec(), errors);
}

}  // namespace skiff::api
