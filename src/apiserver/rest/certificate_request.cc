// What the server does to certificate signing requests besides storing them: who writes which part
// of their status, and when a condition came to be.
#include <vector>

#include "api/time.h"
#include "apiserver/rest/strategy.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"

namespace skiff::apiserver {
namespace {

using certificatesv1::CertificateSigningRequest;
using Condition = certificatesv1::CertificateSigningRequestCondition;

void SetTimes(const Env& env, const CertificateSigningRequest& old,
              CertificateSigningRequest* now) {
  for (Condition& condition : *now->mutable_status()->mutable_conditions()) {
    if (!api::IsSet(condition.last_update_time())) {
      *condition.mutable_last_update_time() = api::MakeTime(env.now);
    }
    if (api::IsSet(condition.last_transition_time())) continue;
    *condition.mutable_last_transition_time() = api::MakeTime(env.now);
    for (const Condition& before : old.status().conditions()) {
      if (before.type() == condition.type() && before.status() == condition.status() &&
          api::IsSet(before.last_transition_time())) {
        *condition.mutable_last_transition_time() = before.last_transition_time();
        break;
      }
    }
  }
}

std::vector<int> IndicesOf(const CertificateSigningRequest& request, absl::string_view type) {
  std::vector<int> indices;
  for (int i = 0; i < request.status().conditions_size(); ++i) {
    if (request.status().conditions(i).type() == type) indices.push_back(i);
  }
  return indices;
}

}  // namespace

void PrepareCertificateRequest(const Env&, const CertificateSigningRequest* old,
                               CertificateSigningRequest* now) {
  if (old != nullptr) {
    *now->mutable_spec() = old->spec();  // What was asked to be signed never changes.
    return;
  }
  // Who asks is what the server knows of the sender, never what the sender says.
  certificatesv1::CertificateSigningRequestSpec* spec = now->mutable_spec();
  spec->clear_username();
  spec->clear_uid();
  spec->clear_groups();
  spec->clear_extra();
}

void PrepareCertificateRequestStatus(const Env& env, const CertificateSigningRequest& old,
                                     CertificateSigningRequest* now) {
  // The verdicts stay as they were. Where one was added or taken away, validation says so.
  for (const char* type : {"Approved", "Denied"}) {
    const std::vector<int> before = IndicesOf(old, type);
    const std::vector<int> after = IndicesOf(*now, type);
    if (before.size() != after.size()) continue;
    for (size_t i = 0; i < before.size(); ++i) {
      *now->mutable_status()->mutable_conditions(after[i]) = old.status().conditions(before[i]);
    }
  }
  SetTimes(env, old, now);
}

void PrepareApproval(const Env& env, const CertificateSigningRequest& old,
                     CertificateSigningRequest* now) {
  CertificateSigningRequest whole = old;
  *whole.mutable_status()->mutable_conditions() = now->status().conditions();
  now->Swap(&whole);
  SetTimes(env, old, now);
}

}  // namespace skiff::apiserver
