// Short names for the generated API types.
#pragma once

#include "k8s.io/api/apps/v1/generated.pb.h"
#include "k8s.io/api/autoscaling/v1/generated.pb.h"
#include "k8s.io/api/batch/v1/generated.pb.h"
#include "k8s.io/api/coordination/v1/generated.pb.h"
#include "k8s.io/api/core/v1/generated.pb.h"
#include "k8s.io/api/node/v1/generated.pb.h"
#include "k8s.io/apimachinery/pkg/apis/meta/v1/generated.pb.h"

namespace skiff {
namespace corev1 = ::k8s::io::api::core::v1;
namespace appsv1 = ::k8s::io::api::apps::v1;
namespace batchv1 = ::k8s::io::api::batch::v1;
namespace coordinationv1 = ::k8s::io::api::coordination::v1;
namespace autoscalingv1 = ::k8s::io::api::autoscaling::v1;
namespace nodev1 = ::k8s::io::api::node::v1;
namespace metav1 = ::k8s::io::apimachinery::pkg::apis::meta::v1;
}  // namespace skiff
