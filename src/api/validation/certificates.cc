#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/same.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "base/signing_request.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"

namespace skiff::api {
namespace {

using certificatesv1::CertificateSigningRequest;
using Condition = certificatesv1::CertificateSigningRequestCondition;

constexpr int32_t kLeastSeconds = 600;
constexpr absl::string_view kLegacySigner = "kubernetes.io/legacy-unknown";
constexpr std::initializer_list<absl::string_view> kUsages = {
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
};

// Conditions that are never taken back.
constexpr absl::string_view kVerdicts[] = {"Approved", "Denied", "Failed"};

// The labels of a segment of a signer's name, each by `check`; the first bad one is told.
void CheckLabelsOf(absl::string_view segment, NameCheck check, const Path& path,
                   ErrorList* errors) {
  for (absl::string_view label : absl::StrSplit(segment, '.')) {
    const Sentences faults = check(label);
    for (const std::string& fault : faults) {
      errors->Invalid(path, std::string(segment),
                      absl::StrCat("validating label \"", label, "\": ", fault));
    }
    if (!faults.empty()) return;
  }
}

void CheckSignerName(const std::string& name, const Path& path, ErrorList* errors) {
  if (name.empty()) {
    errors->Required(path);
    return;
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() != 2) {
    errors->Invalid(path, name,
                    "must be a fully qualified domain and path of the form "
                    "'example.com/signer-name'");
    return;
  }
  if (parts[0].size() > 253) errors->TooLong(path, 253);
  CheckLabelsOf(parts[0], CheckDns1123Label, path, errors);
  if (parts[0].find('.') == absl::string_view::npos) {
    errors->Invalid(path, std::string(parts[0]),
                    "should be a domain with at least two segments separated by dots");
  }
  CheckLabelsOf(parts[1], CheckDns1123Subdomain, path, errors);
  if (parts[1].size() > 317) errors->TooLong(path, 317);
  if (name.size() > 571) errors->TooLong(path, 571);
}

void CheckUsages(const CertificateSigningRequest& request, const Path& path, ErrorList* errors) {
  const auto& usages = request.spec().usages();
  if (usages.empty()) errors->Required(path);
  for (int i = 0; i < usages.size(); ++i) errors->OneOf(path[i], usages[i], kUsages);
  std::set<std::string> seen;
  for (int i = 0; i < usages.size(); ++i) {
    if (!seen.insert(usages[i]).second) errors->Duplicate(path[i], usages[i]);
  }
}

void CheckConditionList(const CertificateSigningRequest& request, ErrorList* errors) {
  std::set<std::string> seen;
  for (int i = 0; i < request.status().conditions_size(); ++i) {
    const Condition& condition = request.status().conditions(i);
    const Path at = Path("status.conditions")[i];
    const std::string& type = condition.type();
    if (type.empty()) errors->Required(at / "type");
    const bool verdict =
        std::find(std::begin(kVerdicts), std::end(kVerdicts), type) != std::end(kVerdicts);
    if (condition.status().empty()) {
      errors->Required(at / "status");
    } else if (verdict) {
      errors->OneOf(at / "status", condition.status(), {"True"});
    } else {
      errors->OneOf(at / "status", condition.status(), {"False", "True", "Unknown"});
    }
    if ((type == "Approved" && seen.count("Denied") > 0) ||
        (type == "Denied" && seen.count("Approved") > 0)) {
      errors->Invalid(at / "type", type, "Approved and Denied conditions are mutually exclusive");
    }
    if (!seen.insert(type).second) errors->Duplicate(at / "type", type);
  }
}

std::vector<const Condition*> Find(const CertificateSigningRequest& request,
                                   absl::string_view type) {
  std::vector<const Condition*> found;
  for (const Condition& condition : request.status().conditions()) {
    if (condition.type() == type) found.push_back(&condition);
  }
  return found;
}

void CheckVerdicts(const CertificateSigningRequest& now, const CertificateSigningRequest& old,
                   bool approves, ErrorList* errors) {
  const Path path("status.conditions");
  for (absl::string_view type : kVerdicts) {
    const auto after = Find(now, type);
    const auto before = Find(old, type);
    if (after.size() < before.size()) {
      errors->Forbidden(path,
                        absl::StrCat("updates may not remove a condition of type \"", type, "\""));
    } else if (approves || type == "Failed") {
      continue;
    } else if (after.size() > before.size()) {
      errors->Forbidden(path,
                        absl::StrCat("updates may not add a condition of type \"", type, "\""));
    } else if (!std::equal(
                   after.begin(), after.end(), before.begin(),
                   [](const Condition* a, const Condition* b) { return LooksSame(*a, *b); })) {
      errors->Forbidden(path,
                        absl::StrCat("updates may not modify a condition of type \"", type, "\""));
    }
  }
}

void CheckCertificate(const CertificateSigningRequest& now, const CertificateSigningRequest& old,
                      bool certifies, ErrorList* errors) {
  const std::string& certificate = now.status().certificate();
  const Path path("status.certificate");
  if (certificate == old.status().certificate()) return;
  if (!certificate.empty()) {
    const absl::Status valid = CheckCertificates(certificate);
    if (!valid.ok()) {
      errors->Invalid(path, "<certificate data>", std::string(valid.message()));
    }
  }
  if (!certifies) {
    errors->Forbidden(path, "updates may not set certificate content");
  } else if (!old.status().certificate().empty()) {
    errors->Forbidden(path, "updates may not modify existing certificate content");
  }
}

}  // namespace

void CheckCertificateRequest(const CertificateSigningRequest& request, ErrorList* errors) {
  const certificatesv1::CertificateSigningRequestSpec& spec = request.spec();
  const Path path("spec");
  const absl::Status valid = CheckSigningRequest(spec.request());
  if (!valid.ok()) {
    errors->Invalid(path / "request", absl::Base64Escape(spec.request()),
                    std::string(valid.message()));
  }
  CheckUsages(request, path / "usages", errors);
  if (spec.signer_name() == kLegacySigner) {
    errors->Invalid(path / "signerName", spec.signer_name(),
                    "the legacy signerName is not allowed via this API version");
  } else {
    CheckSignerName(spec.signer_name(), path / "signerName", errors);
  }
  if (spec.has_expiration_seconds() && spec.expiration_seconds() < kLeastSeconds) {
    errors->Invalid(path / "expirationSeconds", spec.expiration_seconds(),
                    "may not specify a duration less than 600 seconds (10 minutes)");
  }
  CheckConditionList(request, errors);
}

void CheckCertificateRequestUpdate(const CertificateSigningRequest& now,
                                   const CertificateSigningRequest& old, ErrorList* errors) {
  CheckCertificateRequest(now, errors);
  CheckCertificate(now, old, false, errors);
  CheckVerdicts(now, old, false, errors);
}

void CheckCertificateRequestStatus(const CertificateSigningRequest& now,
                                   const CertificateSigningRequest& old, ErrorList* errors) {
  CheckCertificateRequest(now, errors);
  CheckCertificate(now, old, true, errors);
  CheckVerdicts(now, old, false, errors);
}

void CheckCertificateRequestApproval(const CertificateSigningRequest& now,
                                     const CertificateSigningRequest& old, ErrorList* errors) {
  CheckCertificateRequest(now, errors);
  CheckCertificate(now, old, false, errors);
  CheckVerdicts(now, old, true, errors);
}

}  // namespace skiff::api
