#include "cluster/api_certificates.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <unistd.h>

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "apiserver/auth/authenticator.h"
#include "apiserver/auth/user.h"
#include "base/status.h"
#include "cluster/secret_file.h"

namespace skiff::cluster {
namespace {

constexpr char kAuthorityName[] = "kubernetes";

// Of every interface that is there.
void AddOwnAddresses(std::set<std::string>* names) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (at->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
      inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
      inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    }
    if (text[0] != '\0') names->insert(text);
  }
  freeifaddrs(list);
}

std::vector<std::string> ServerNames(const std::string& host) {
  std::set<std::string> names = {"localhost",
                                 "127.0.0.1",
                                 "::1",
                                 "kubernetes",
                                 "kubernetes.default",
                                 "kubernetes.default.svc",
                                 "kubernetes.default.svc.cluster.local"};
  char own[256] = "";
  if (gethostname(own, sizeof own - 1) == 0 && own[0] != '\0') {
    names.insert(absl::AsciiStrToLower(own));
  }
  if (host == "0.0.0.0" || host == "::") {
    AddOwnAddresses(&names);
  } else {
    names.insert(host);
  }
  return {names.begin(), names.end()};
}

}  // namespace

absl::StatusOr<TlsIdentity> ApiAuthority(const std::string& home) {
  const std::string certificate = home + "/pki/ca.crt";
  const std::string key = home + "/pki/ca.key";
  TlsIdentity out;
  const auto known = ReadWholeFile(certificate);
  // The key is written first: a certificate without one is no first start cut short.
  if (absl::IsNotFound(known.status())) {
    SKIFF_ASSIGN_OR_RETURN(out, MakeAuthority(kAuthorityName));
    SKIFF_RETURN_IF_ERROR(WriteSecretFile(key, out.key_pem));
    SKIFF_RETURN_IF_ERROR(WriteSecretFile(certificate, out.certificate_pem));
    return out;
  }
  SKIFF_ASSIGN_OR_RETURN(out.certificate_pem, known);
  const auto its_key = ReadWholeFile(key);
  if (its_key.ok()) {
    out.key_pem = *its_key;
  } else if (!absl::IsNotFound(its_key.status())) {
    return its_key.status();
  }
  const auto usable = IssueCertificate(out, {.common_name = "check"}, absl::UnixEpoch());
  if (usable.ok()) return out;
  return absl::DataLossError(absl::StrCat(
      certificate, " and ", key, " are not a certificate authority and its key: ",
      usable.status().message(), "; put them back, or remove both to have new ones made (every ",
      "kubeconfig of this cluster must be taken anew then)"));
}

absl::StatusOr<TlsIdentity> ApiAuthorityOfMembers(const TlsIdentity& members) {
  return DeriveAuthority(members, kAuthorityName);
}

absl::StatusOr<ApiCertificates> MakeApiCertificates(const TlsIdentity& authority,
                                                    const std::string& host, absl::Time now) {
  ApiCertificates out;
  out.authority_pem = authority.certificate_pem;
  CertificateRequest server;
  server.common_name = "kube-apiserver";
  server.subject_alt_names = ServerNames(host);
  SKIFF_ASSIGN_OR_RETURN(out.server, IssueCertificate(authority, server, now));
  CertificateRequest admin;
  admin.common_name = apiserver::kAdminName;
  admin.organizations = {apiserver::kAdmins};
  SKIFF_ASSIGN_OR_RETURN(out.admin, IssueCertificate(authority, admin, now));
  return out;
}

std::string Kubeconfig(const std::string& url, const ApiCertificates* certificates) {
  std::string authority;
  std::string user = " {}\n";
  if (certificates != nullptr) {
    absl::StrAppend(&authority, "    certificate-authority-data: ",
                    absl::Base64Escape(certificates->authority_pem), "\n");
    user = absl::StrCat(
        "\n    client-certificate-data: ", absl::Base64Escape(certificates->admin.certificate_pem),
        "\n    client-key-data: ", absl::Base64Escape(certificates->admin.key_pem), "\n");
  }
  return absl::StrCat("apiVersion: v1\nkind: Config\nclusters:\n- name: skiff\n  cluster:\n",
                      authority, "    server: ", url,
                      "\ncontexts:\n- name: skiff\n  context:\n    cluster: skiff\n"
                      "    user: skiff\ncurrent-context: skiff\nusers:\n- name: skiff\n  user:",
                      user);
}

}  // namespace skiff::cluster
