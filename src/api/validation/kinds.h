// The rules, one function a kind or part of one. Use validation.h.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "api/int_or_string.h"
#include "api/quantity.h"
#include "api/types.h"
#include "api/validation/field_errors.h"

namespace skiff::api {

using Sentences = std::vector<std::string>;
using NameCheck = Sentences (*)(absl::string_view);
using Labels = google::protobuf::Map<std::string, std::string>;
using ResourceList = google::protobuf::Map<std::string, QuantityProto>;

// ---- Metadata ----
void CheckMeta(const metav1::ObjectMeta& meta, bool namespaced, NameCheck name, ErrorList* errors);
void CheckMetaUpdate(const metav1::ObjectMeta& now, const metav1::ObjectMeta& old,
                     ErrorList* errors);
void CheckLabels(const Labels& labels, const Path& path, ErrorList* errors);
void CheckAnnotations(const Labels& annotations, const Path& path, ErrorList* errors);
void CheckLabelSelector(const metav1::LabelSelector& selector, const Path& path, ErrorList* errors);

// ---- Parts of pods ----
void CheckPodSpec(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckPodTemplate(const corev1::PodTemplateSpec& pod_template, const Path& path,
                      ErrorList* errors);
void CheckContainers(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
// One HTTP, TCP, gRPC or exec check of a container.
void CheckProbes(const corev1::Container& container, const Path& path, ErrorList* errors);
void CheckLifecycle(const corev1::Lifecycle& lifecycle, const Path& path, ErrorList* errors);
void CheckEnv(const corev1::Container& container, const Path& path, ErrorList* errors);
void CheckFieldRef(const corev1::ObjectFieldSelector& selector, bool in_volume, const Path& path,
                   ErrorList* errors);
void CheckResourceFieldRef(const corev1::ResourceFieldSelector& selector, bool in_volume,
                           const Path& path, ErrorList* errors);
void CheckVolumes(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckVolumeMounts(const corev1::Container& container, const corev1::PodSpec& spec,
                       const Path& path, ErrorList* errors);
void CheckResources(const corev1::ResourceRequirements& resources, const Path& path,
                    ErrorList* errors);
void CheckResourceList(const ResourceList& list, const Path& path, ErrorList* errors);
void CheckPodSecurity(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckContainerSecurity(const corev1::SecurityContext& security, const Path& path,
                            ErrorList* errors);
void CheckAffinity(const corev1::Affinity& affinity, const Path& path, ErrorList* errors);
void CheckTolerations(const google::protobuf::RepeatedPtrField<corev1::Toleration>& tolerations,
                      const Path& path, ErrorList* errors);
void CheckTopologySpread(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckPort(const IntOrString& port, const Path& path, ErrorList* errors);
// A relative path without "..".
void CheckLocalPath(const std::string& text, const Path& path, ErrorList* errors);

// ---- Kinds ----
void CheckPod(const corev1::Pod& pod, ErrorList* errors);
void CheckPodUpdate(const corev1::Pod& now, const corev1::Pod& old, ErrorList* errors);
void CheckService(const corev1::Service& service, ErrorList* errors);
void CheckServiceUpdate(const corev1::Service& now, const corev1::Service& old, ErrorList* errors);
void CheckDeployment(const appsv1::Deployment& deployment, ErrorList* errors);
void CheckDeploymentUpdate(const appsv1::Deployment& now, const appsv1::Deployment& old,
                           ErrorList* errors);
void CheckReplicaSet(const appsv1::ReplicaSet& set, ErrorList* errors);
void CheckReplicaSetUpdate(const appsv1::ReplicaSet& now, const appsv1::ReplicaSet& old,
                           ErrorList* errors);
void CheckJob(const batchv1::Job& job, ErrorList* errors);
void CheckJobUpdate(const batchv1::Job& now, const batchv1::Job& old, ErrorList* errors);
void CheckConfigMap(const corev1::ConfigMap& map, ErrorList* errors);
void CheckConfigMapUpdate(const corev1::ConfigMap& now, const corev1::ConfigMap& old,
                          ErrorList* errors);
void CheckSecret(const corev1::Secret& secret, ErrorList* errors);
void CheckSecretUpdate(const corev1::Secret& now, const corev1::Secret& old, ErrorList* errors);
void CheckNamespace(const corev1::Namespace& space, ErrorList* errors);
void CheckNode(const corev1::Node& node, ErrorList* errors);
void CheckNodeUpdate(const corev1::Node& now, const corev1::Node& old, ErrorList* errors);
void CheckEvent(const corev1::Event& event, ErrorList* errors);
void CheckLease(const coordinationv1::Lease& lease, ErrorList* errors);
void CheckRuntimeClass(const nodev1::RuntimeClass& runtime, ErrorList* errors);
void CheckRuntimeClassUpdate(const nodev1::RuntimeClass& now, const nodev1::RuntimeClass& old,
                             ErrorList* errors);

}  // namespace skiff::api
