// Short names for the generated API types: whole for the groups that most files speak of, only the
// names for the others, whose generated headers are included where their types are used.
#pragma once

#include "k8s.io/api/apps/v1/generated.pb.h"
#include "k8s.io/api/autoscaling/v1/generated.pb.h"
#include "k8s.io/api/batch/v1/generated.pb.h"
#include "k8s.io/api/coordination/v1/generated.pb.h"
#include "k8s.io/api/core/v1/generated.pb.h"
#include "k8s.io/api/node/v1/generated.pb.h"
#include "k8s.io/apimachinery/pkg/apis/meta/v1/generated.pb.h"

namespace k8s::io::api::admissionregistration::v1 {}
namespace k8s::io::api::authentication::v1 {}
namespace k8s::io::api::authorization::v1 {}
namespace k8s::io::api::autoscaling::v2 {}
namespace k8s::io::api::certificates::v1 {}
namespace k8s::io::api::discovery::v1 {}
namespace k8s::io::api::events::v1 {}
namespace k8s::io::api::flowcontrol::v1 {}
namespace k8s::io::api::networking::v1 {}
namespace k8s::io::api::policy::v1 {}
namespace k8s::io::api::rbac::v1 {}
namespace k8s::io::api::resource::v1 {}
namespace k8s::io::api::scheduling::v1 {}
namespace k8s::io::api::storage::v1 {}

namespace skiff {
namespace admissionregistrationv1 = ::k8s::io::api::admissionregistration::v1;
namespace appsv1 = ::k8s::io::api::apps::v1;
namespace authenticationv1 = ::k8s::io::api::authentication::v1;
namespace authorizationv1 = ::k8s::io::api::authorization::v1;
namespace autoscalingv1 = ::k8s::io::api::autoscaling::v1;
namespace autoscalingv2 = ::k8s::io::api::autoscaling::v2;
namespace batchv1 = ::k8s::io::api::batch::v1;
namespace certificatesv1 = ::k8s::io::api::certificates::v1;
namespace coordinationv1 = ::k8s::io::api::coordination::v1;
namespace corev1 = ::k8s::io::api::core::v1;
namespace discoveryv1 = ::k8s::io::api::discovery::v1;
namespace eventsv1 = ::k8s::io::api::events::v1;
namespace flowcontrolv1 = ::k8s::io::api::flowcontrol::v1;
namespace networkingv1 = ::k8s::io::api::networking::v1;
namespace nodev1 = ::k8s::io::api::node::v1;
namespace policyv1 = ::k8s::io::api::policy::v1;
namespace rbacv1 = ::k8s::io::api::rbac::v1;
namespace resourcev1 = ::k8s::io::api::resource::v1;
namespace schedulingv1 = ::k8s::io::api::scheduling::v1;
namespace storagev1 = ::k8s::io::api::storage::v1;
namespace metav1 = ::k8s::io::apimachinery::pkg::apis::meta::v1;
}  // namespace skiff
