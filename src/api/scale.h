// What has replicas has a scale: a view of how many are asked for, how many there are, and of what.
//
// Threads: any.
#pragma once

#include "api/object.h"

namespace skiff::api {

bool HasScale(const ResourceInfo& resource);
// The autoscaling/v1 Scale of an object of such a resource.
autoscalingv1::Scale ScaleOf(const Object& object);
void SetReplicas(google::protobuf::Message* object, int32_t replicas);

}  // namespace skiff::api
