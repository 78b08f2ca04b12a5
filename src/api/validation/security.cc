#include <limits>

#include "absl/strings/match.h"
#include "api/validation/kinds.h"

namespace skiff::api {
namespace {

void CheckId(bool given, int64_t id, const Path& path, ErrorList* errors) {
  if (given && (id < 0 || id > std::numeric_limits<int32_t>::max())) {
    errors->Invalid(path, id, "must be between 0 and 2147483647, inclusive");
  }
}

// SeccompProfile and AppArmorProfile are alike.
template <typename Profile>
void CheckProfile(const Profile& profile, const Path& path, ErrorList* errors) {
  if (profile.type().empty()) {
    errors->Required(path / "type", "type is required");
    return;
  }
  errors->OneOf(path / "type", profile.type(), {"Localhost", "RuntimeDefault", "Unconfined"});
  if (profile.type() == "Localhost") {
    if (profile.localhost_profile().empty()) {
      errors->Required(path / "localhostProfile", "must be set when type is \"Localhost\"");
    } else {
      CheckLocalPath(profile.localhost_profile(), path / "localhostProfile", errors);
    }
  } else if (profile.has_localhost_profile()) {
    errors->Invalid(path / "localhostProfile", profile.localhost_profile(),
                    "can only be set when type is \"Localhost\"");
  }
}

}  // namespace

void CheckContainerSecurity(const corev1::SecurityContext& security, const Path& path,
                            ErrorList* errors) {
  CheckId(security.has_run_as_user(), security.run_as_user(), path / "runAsUser", errors);
  CheckId(security.has_run_as_group(), security.run_as_group(), path / "runAsGroup", errors);
  if (security.has_proc_mount()) {
    errors->OneOf(path / "procMount", security.proc_mount(), {"Default", "Unmasked"});
  }
  if (security.has_seccomp_profile()) {
    CheckProfile(security.seccomp_profile(), path / "seccompProfile", errors);
  }
  if (security.has_app_armor_profile()) {
    CheckProfile(security.app_armor_profile(), path / "appArmorProfile", errors);
  }
  if (!security.has_allow_privilege_escalation() || security.allow_privilege_escalation()) return;
  if (security.privileged()) {
    errors->Invalid(path, security,
                    "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
  }
  for (const std::string& capability : security.capabilities().add()) {
    if (capability == "CAP_SYS_ADMIN") {
      errors->Invalid(path, security,
                      "cannot set `allowPrivilegeEscalation` to false and "
                      "`capabilities.Add` CAP_SYS_ADMIN");
    }
  }
}

void CheckPodSecurity(const corev1::PodSpec& spec, const Path& path, ErrorList* errors) {
  const corev1::PodSecurityContext& security = spec.security_context();
  const Path at = path / "securityContext";
  if (spec.host_pid() && spec.share_process_namespace()) {
    errors->Invalid(path / "shareProcessNamespace", spec.share_process_namespace(),
                    "ShareProcessNamespace and HostPID cannot both be enabled");
  }
  CheckId(security.has_run_as_user(), security.run_as_user(), at / "runAsUser", errors);
  CheckId(security.has_run_as_group(), security.run_as_group(), at / "runAsGroup", errors);
  CheckId(security.has_fs_group(), security.fs_group(), at / "fsGroup", errors);
  for (int i = 0; i < security.supplemental_groups_size(); ++i) {
    CheckId(true, security.supplemental_groups(i), (at / "supplementalGroups")[i], errors);
  }
  for (int i = 0; i < security.sysctls_size(); ++i) {
    if (security.sysctls(i).name().empty()) errors->Required((at / "sysctls")[i] / "name");
  }
  if (security.has_seccomp_profile()) {
    CheckProfile(security.seccomp_profile(), at / "seccompProfile", errors);
  }
  if (security.has_app_armor_profile()) {
    CheckProfile(security.app_armor_profile(), at / "appArmorProfile", errors);
  }
  if (security.has_fs_group_change_policy()) {
    errors->OneOf(at / "fsGroupChangePolicy", security.fs_group_change_policy(),
                  {"Always", "OnRootMismatch"});
  }
}

}  // namespace skiff::api
