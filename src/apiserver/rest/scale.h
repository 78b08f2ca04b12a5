// The small views that subresources give of an object: Scale of what has replicas, and the
// condition that a binding sets.
#pragma once

#include "absl/time/time.h"
#include "api/object.h"

namespace skiff::apiserver {

bool HasScale(const api::ResourceInfo& resource);
// The autoscaling/v1 Scale of an object of such a resource.
autoscalingv1::Scale ScaleOf(const api::Object& object);
void SetReplicas(google::protobuf::Message* object, int32_t replicas);

void SetPodScheduled(absl::Time now, corev1::Pod* pod);

}  // namespace skiff::apiserver
