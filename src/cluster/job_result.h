// What a finished job tells: its terminal condition and how its containers ended.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cluster/objects.h"
#include "skiff/cluster.h"

namespace skiff::cluster {

// Waits until the job is Complete or Failed, both of which are results. kDeadlineExceeded.
absl::StatusOr<JobResult> WaitForJob(Objects& objects, const ObjectRef& job,
                                     absl::Duration timeout);

}  // namespace skiff::cluster
