#include "absl/strings/str_cat.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr size_t kDataBytes = 1024 * 1024;
constexpr absl::string_view kFrozen = "field is immutable when `immutable` is set";

template <typename Map>
bool SameMap(const Map& a, const Map& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a) {
    const auto other = b.find(key);
    if (other == b.end() || other->second != value) return false;
  }
  return true;
}

void CheckDataKey(absl::string_view field, const std::string& key, ErrorList* errors) {
  const std::vector<std::string> wrong = CheckConfigMapKey(key);
  if (!wrong.empty()) errors->InvalidEach(Path(field).Key(key), key, wrong);
}

void RequireKey(const corev1::Secret& secret, const char* key, ErrorList* errors) {
  if (!secret.data().contains(key)) errors->Required(Path("data").Key(key));
}

void CheckSecretType(const corev1::Secret& secret, ErrorList* errors) {
  const std::string& type = secret.type();
  if (type == "kubernetes.io/service-account-token") {
    const auto& annotations = secret.metadata().annotations();
    const auto name = annotations.find("kubernetes.io/service-account.name");
    if (name == annotations.end() || name->second.empty()) {
      errors->Required(Path("metadata.annotations").Key("kubernetes.io/service-account.name"));
    }
  } else if (type == "kubernetes.io/dockercfg") {
    RequireKey(secret, ".dockercfg", errors);
  } else if (type == "kubernetes.io/dockerconfigjson") {
    RequireKey(secret, ".dockerconfigjson", errors);
    const auto config = secret.data().find(".dockerconfigjson");
    if (config != secret.data().end() && !JsonValue::Parse(config->second).ok()) {
      errors->Invalid(Path("data").Key(".dockerconfigjson"), "<secret contents redacted>",
                      "must be valid JSON");
    }
  } else if (type == "kubernetes.io/basic-auth") {
    if (!secret.data().contains("username") && !secret.data().contains("password")) {
      RequireKey(secret, "username", errors);
      RequireKey(secret, "password", errors);
    }
  } else if (type == "kubernetes.io/ssh-auth") {
    const auto key = secret.data().find("ssh-privatekey");
    if (key == secret.data().end() || key->second.empty()) {
      errors->Required(Path("data").Key("ssh-privatekey"));
    }
  } else if (type == "kubernetes.io/tls") {
    RequireKey(secret, "tls.crt", errors);
    RequireKey(secret, "tls.key", errors);
  }
}

// Once immutable is set, it and the data stay as they are.
template <typename T>
void CheckFrozen(const T& now, const T& old, ErrorList* errors) {
  if (!old.immutable()) return;
  if (!now.immutable()) errors->Forbidden(Path("immutable"), kFrozen);
  if (!SameMap(now.data(), old.data())) errors->Forbidden(Path("data"), kFrozen);
}

}  // namespace

void CheckConfigMap(const corev1::ConfigMap& map, ErrorList* errors) {
  size_t bytes = 0;
  for (const auto& [key, value] : map.data()) {
    CheckDataKey("data", key, errors);
    if (map.binary_data().contains(key)) {
      errors->Invalid(Path("data").Key(key), key, "duplicate of key present in binaryData");
    }
    bytes += value.size();
  }
  for (const auto& [key, value] : map.binary_data()) {
    CheckDataKey("binaryData", key, errors);
    bytes += value.size();
  }
  if (bytes > kDataBytes) errors->TooLong(Path(""), kDataBytes);
}

void CheckConfigMapUpdate(const corev1::ConfigMap& now, const corev1::ConfigMap& old,
                          ErrorList* errors) {
  CheckFrozen(now, old, errors);
  if (old.immutable() && !SameMap(now.binary_data(), old.binary_data())) {
    errors->Forbidden(Path("binaryData"), kFrozen);
  }
  CheckConfigMap(now, errors);
}

void CheckSecret(const corev1::Secret& secret, ErrorList* errors) {
  size_t bytes = 0;
  for (const auto& [key, value] : secret.data()) {
    CheckDataKey("data", key, errors);
    bytes += value.size();
  }
  if (bytes > kDataBytes) errors->TooLong(Path("data"), kDataBytes);
  CheckSecretType(secret, errors);
}

void CheckSecretUpdate(const corev1::Secret& now, const corev1::Secret& old, ErrorList* errors) {
  if (now.type() != old.type()) errors->Invalid(Path("type"), now.type(), kImmutable);
  CheckFrozen(now, old, errors);
  CheckSecret(now, errors);
}

}  // namespace skiff::api
