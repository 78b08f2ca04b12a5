// The parts of defaulting, one function a kind. Use defaulting.h.
#pragma once

#include "api/quantity.h"
#include "api/types.h"

namespace skiff::api {

void PodDefaults(corev1::Pod* pod);
void ServiceDefaults(corev1::Service* service);
void DeploymentDefaults(appsv1::Deployment* deployment);
void ReplicaSetDefaults(appsv1::ReplicaSet* set);
void JobDefaults(batchv1::Job* job);

// Amounts in canonical form, no finer than thousandths.
void ResourceListDefaults(google::protobuf::Map<std::string, QuantityProto>* list);
void ResourceDefaults(corev1::ResourceRequirements* resources);

}  // namespace skiff::api
