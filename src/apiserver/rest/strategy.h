// What a kind does besides being stored: which parts of an object a client may write on which path,
// and what the server fills in. The generic parts go by the shape of the message (metadata, spec,
// status); a kind with behaviour of its own has a file here.
//
// Threads: any; pure but for the identities that `Env` hands out.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api/object.h"
#include "api/type_names.h"
#include "apiserver/admission/admission.h"
#include "store/store.h"

namespace skiff::apiserver {

// What preparing an object may ask for.
struct Env {
  absl::Time now;
  std::function<std::string()> new_uid;
  std::function<std::string(int length)> name_suffix;
  // The state that the write is prepared against. Set by the planner.
  const store::Snapshot* snapshot = nullptr;
  const AdmissionPlugins* plugins = nullptr;
  bool dry_run = false;
  // The object's managedFields are what they are to be: it comes from an apply.
  bool owners_settled = false;
  // A free cluster IP or node port; kResourceExhausted.
  std::function<absl::StatusOr<std::string>()> allocate_cluster_ip;
  std::function<absl::StatusOr<int32_t>()> allocate_node_port;
};

// A new object, with its defaults: status reset, system fields set, the kind's own preparation.
absl::Status PrepareCreate(const Env& env, google::protobuf::Message* object);
// After admission and the defaults of what it added: what depends on them.
absl::Status FinishCreate(const Env& env, google::protobuf::Message* object);

// `now` replaces `old` on the main path: system fields and status stay as they were, and the
// generation goes up when the spec changes. After defaulting.
absl::Status PrepareUpdate(const Env& env, const google::protobuf::Message& old,
                           google::protobuf::Message* now);

// `now` replaces `old` on the status path: everything but status and
// managedFields stays.
void PrepareStatusUpdate(const Env& env, const google::protobuf::Message& old,
                         google::protobuf::Message* now);
// `now` replaces `old` on a certificate request's approval path: everything but the status'
// conditions stays.
void PrepareApproval(const Env& env, const certificatesv1::CertificateSigningRequest& old,
                     certificatesv1::CertificateSigningRequest* now);

// Whether its status is written on a path of its own.
bool HasStatusPath(const google::protobuf::Message& object);

// Whether a client sees no difference between them but resourceVersion and the times of owners.
bool SameContent(const google::protobuf::Message& a, const google::protobuf::Message& b);

// A kind's own steps (pod.cc, job.cc, service.cc).
void PreparePodCreate(const Env& env, corev1::Pod* pod);
void PreparePodUpdate(const corev1::Pod& old, corev1::Pod* pod);
std::string QosClassOf(const corev1::PodSpec& spec);
absl::Status PrepareJobCreate(batchv1::Job* job);
absl::Status FinishServiceCreate(const Env& env, corev1::Service* service);
absl::Status PrepareServiceUpdate(const Env& env, const corev1::Service& old,
                                  corev1::Service* service);
// The addresses and node ports that a service names itself are in range and no other service's.
// kInvalidArgument names the field.
absl::Status CheckServiceClaims(const Env& env, const corev1::Service& service);
// Those, as text.
std::set<std::string> ClaimsOf(const corev1::Service& service);
// daemon_set.cc, certificate_request.cc, volume.cc, endpoint_slice.cc, device.cc. `old` is null on
// a create.
void PrepareDaemonSet(const Env& env, const appsv1::DaemonSet* old, appsv1::DaemonSet* now);
void PrepareCertificateRequest(const Env& env, const certificatesv1::CertificateSigningRequest* old,
                               certificatesv1::CertificateSigningRequest* now);
void PrepareCertificateRequestStatus(const Env& env,
                                     const certificatesv1::CertificateSigningRequest& old,
                                     certificatesv1::CertificateSigningRequest* now);
void PreparePersistentVolume(const Env& env, const corev1::PersistentVolume* old,
                             corev1::PersistentVolume* now);
void PreparePersistentVolumeStatus(const Env& env, const corev1::PersistentVolume& old,
                                   corev1::PersistentVolume* now);
void PrepareVolumeClaim(const Env& env, const corev1::PersistentVolumeClaim* old,
                        corev1::PersistentVolumeClaim* now);
void PrepareEndpointSlice(const Env& env, const discoveryv1::EndpointSlice* old,
                          discoveryv1::EndpointSlice* now);
void PrepareDeviceClass(const Env& env, const resourcev1::DeviceClass* old,
                        resourcev1::DeviceClass* now);
void PrepareResourceClaim(const Env& env, const resourcev1::ResourceClaim* old,
                          resourcev1::ResourceClaim* now);
void PrepareResourceClaimStatus(const Env& env, const resourcev1::ResourceClaim& old,
                                resourcev1::ResourceClaim* now);
void PrepareResourceClaimTemplate(const Env& env, const resourcev1::ResourceClaimTemplate* old,
                                  resourcev1::ResourceClaimTemplate* now);
void PrepareResourceSlice(const Env& env, const resourcev1::ResourceSlice* old,
                          resourcev1::ResourceSlice* now);
// A claim, or a template of one, asks to administer devices only where its namespace lets it.
// kInvalidArgument names the request.
absl::Status CheckAdminAccess(const Env& env, const google::protobuf::Message& object);

}  // namespace skiff::apiserver
