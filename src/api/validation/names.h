// The shapes of names, labels and keys, with Kubernetes' sentence for each fault.
//
// Every function returns what is wrong with `value`, as sentences for FieldError::detail; nothing
// if it is right. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace skiff::api {

std::vector<std::string> CheckDns1123Label(absl::string_view value);  // a-z 0-9 -, at most 63
std::vector<std::string> CheckDns1123Subdomain(
    absl::string_view value);  // labels and dots, at most 253
std::vector<std::string> CheckWildcardDns1123Subdomain(absl::string_view value);  // *.example.com
std::vector<std::string> CheckDns1035Label(absl::string_view value);  // starts with a letter
// A label or annotation key, a finalizer, a resource name: [prefix/]name.
std::vector<std::string> CheckQualifiedName(absl::string_view value);
std::vector<std::string> CheckLabelValue(absl::string_view value);
std::vector<std::string> CheckPortName(absl::string_view value);    // IANA_SVC_NAME, at most 15
std::vector<std::string> CheckPortNumber(int64_t value);            // 1 to 65535
std::vector<std::string> CheckEnvVarName(absl::string_view value);  // printable ASCII but '='
std::vector<std::string> CheckConfigMapKey(absl::string_view value);
std::vector<std::string> CheckHttpHeaderName(absl::string_view value);
std::vector<std::string> CheckPercent(absl::string_view value);
std::vector<std::string> CheckCIdentifier(absl::string_view value);  // A-Z a-z 0-9 _
// A name that is one segment of a URL path: not "." or "..", without '/' and '%'.
std::vector<std::string> CheckPathSegment(absl::string_view value);

}  // namespace skiff::api
