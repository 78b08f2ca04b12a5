// One function a kind, and what they share. Use printing.h.
#pragma once

#include <string>
#include <vector>

#include "api/printing/printing.h"
#include "api/types.h"

namespace skiff::api::printing {

using Cells = std::vector<Cell>;

Cells PodRow(const corev1::Pod& pod, absl::Time now);
Cells NodeRow(const corev1::Node& node, absl::Time now);
Cells ServiceRow(const corev1::Service& service, absl::Time now);
Cells EventRow(const corev1::Event& event, absl::Time now);
Cells DeploymentRow(const appsv1::Deployment& deployment, absl::Time now);
Cells ReplicaSetRow(const appsv1::ReplicaSet& set, absl::Time now);
Cells JobRow(const batchv1::Job& job, absl::Time now);

// "<none>" for an empty text.
std::string OrNone(const std::string& text);
// The time since the object was made.
std::string Age(const metav1::ObjectMeta& meta, absl::Time now);
// "a=1,b=2", in order of keys; "<none>" if there are none.
std::string LabelsText(const google::protobuf::Map<std::string, std::string>& labels);
std::string SelectorText(const metav1::LabelSelector& selector);
// The containers' names, and their images, joined by commas.
std::string ContainerNames(const corev1::PodSpec& spec);
std::string ContainerImages(const corev1::PodSpec& spec);

}  // namespace skiff::api::printing
