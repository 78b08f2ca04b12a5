// The kinds of the groups of which types.h has only the short names: declared, for who passes them
// on. Their generated headers are included where they are looked into.
#pragma once

namespace k8s::io::api::autoscaling::v2 {
class HorizontalPodAutoscaler;
}  // namespace k8s::io::api::autoscaling::v2
namespace k8s::io::api::certificates::v1 {
class CertificateSigningRequest;
}  // namespace k8s::io::api::certificates::v1
namespace k8s::io::api::discovery::v1 {
class EndpointSlice;
}  // namespace k8s::io::api::discovery::v1
namespace k8s::io::api::flowcontrol::v1 {
class FlowSchema;
class PriorityLevelConfiguration;
}  // namespace k8s::io::api::flowcontrol::v1
namespace k8s::io::api::networking::v1 {
class IPAddress;
class Ingress;
class IngressClass;
class NetworkPolicy;
class ServiceCIDR;
}  // namespace k8s::io::api::networking::v1
namespace k8s::io::api::policy::v1 {
class PodDisruptionBudget;
}  // namespace k8s::io::api::policy::v1
namespace k8s::io::api::rbac::v1 {
class ClusterRole;
class ClusterRoleBinding;
class Role;
class RoleBinding;
}  // namespace k8s::io::api::rbac::v1
namespace k8s::io::api::resource::v1 {
class DeviceClass;
class ResourceClaim;
class ResourceClaimTemplate;
class ResourceSlice;
}  // namespace k8s::io::api::resource::v1
namespace k8s::io::api::scheduling::v1 {
class PriorityClass;
}  // namespace k8s::io::api::scheduling::v1
namespace k8s::io::api::storage::v1 {
class CSIDriver;
class CSINode;
class CSIStorageCapacity;
class StorageClass;
class VolumeAttachment;
class VolumeAttributesClass;
}  // namespace k8s::io::api::storage::v1
