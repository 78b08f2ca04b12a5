#include "runtime/linux/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace skiff::runtime {
namespace {

// In the order of linux/capability.h.
constexpr const char* kNames[] = {"CHOWN",
                                  "DAC_OVERRIDE",
                                  "DAC_READ_SEARCH",
                                  "FOWNER",
                                  "FSETID",
                                  "KILL",
                                  "SETGID",
                                  "SETUID",
                                  "SETPCAP",
                                  "LINUX_IMMUTABLE",
                                  "NET_BIND_SERVICE",
                                  "NET_BROADCAST",
                                  "NET_ADMIN",
                                  "NET_RAW",
                                  "IPC_LOCK",
                                  "IPC_OWNER",
                                  "SYS_MODULE",
                                  "SYS_RAWIO",
                                  "SYS_CHROOT",
                                  "SYS_PTRACE",
                                  "SYS_PACCT",
                                  "SYS_ADMIN",
                                  "SYS_BOOT",
                                  "SYS_NICE",
                                  "SYS_RESOURCE",
                                  "SYS_TIME",
                                  "SYS_TTY_CONFIG",
                                  "MKNOD",
                                  "LEASE",
                                  "AUDIT_WRITE",
                                  "AUDIT_CONTROL",
                                  "SETFCAP",
                                  "MAC_OVERRIDE",
                                  "MAC_ADMIN",
                                  "SYSLOG",
                                  "WAKE_ALARM",
                                  "BLOCK_SUSPEND",
                                  "AUDIT_READ",
                                  "PERFMON",
                                  "BPF",
                                  "CHECKPOINT_RESTORE"};

// What containerd and CRI-O give a container that asks for nothing.
constexpr int kDefault[] = {
    CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_FOWNER,      CAP_FSETID,           CAP_KILL,
    CAP_SETGID,     CAP_SETUID,       CAP_SETPCAP,     CAP_NET_BIND_SERVICE, CAP_NET_RAW,
    CAP_SYS_CHROOT, CAP_MKNOD,        CAP_AUDIT_WRITE, CAP_SETFCAP};

absl::StatusOr<uint64_t> MaskOf(const std::string& written) {
  const std::string upper = absl::AsciiStrToUpper(written);
  if (upper == "ALL") return ~uint64_t{0};
  const absl::string_view name = absl::StripPrefix(upper, "CAP_");
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (name == kNames[i]) return uint64_t{1} << i;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown capability \"", written, "\""));
}

}  // namespace

uint64_t BoundingSet() {
  uint64_t mask = 0;
  for (int cap = 0; cap < 64; ++cap) {
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) mask |= uint64_t{1} << cap;
  }
  return mask;
}

absl::StatusOr<uint64_t> CapabilityMask(const std::vector<std::string>& add,
                                        const std::vector<std::string>& drop) {
  uint64_t mask = 0;
  for (const int cap : kDefault) mask |= uint64_t{1} << cap;
  for (const std::string& name : drop) {
    SKIFF_ASSIGN_OR_RETURN(const uint64_t one, MaskOf(name));
    mask &= ~one;
  }
  for (const std::string& name : add) {
    SKIFF_ASSIGN_OR_RETURN(const uint64_t one, MaskOf(name));
    mask |= one;
  }
  return mask & BoundingSet();
}

}  // namespace skiff::runtime
