// Objects that every cluster has from its first moment, and whose content Kubernetes fixes: they
// can be written, but only as they are.
//
// Threads: any.
#pragma once

#include <vector>

#include "api/types.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"

namespace skiff::api {

// system-node-critical and system-cluster-critical.
std::vector<schedulingv1::PriorityClass> SystemPriorityClasses();

// `exempt` and `catch-all`, whom every request falls to that no other schema or level is for.
std::vector<flowcontrolv1::FlowSchema> MandatoryFlowSchemas();
std::vector<flowcontrolv1::PriorityLevelConfiguration> MandatoryPriorityLevels();

}  // namespace skiff::api
