#include "runtime/linux/seccomp.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::runtime {
namespace {

// Calls that reach beyond a container, by the capability that makes them a container's business.
// -1: none does. A list of what is refused rather than of what is allowed: it names what the kernel
// itself guards by capability (so a refusal here is a second wall) and what it does not guard well
// enough.
struct Refused {
  const char* name;
  int capability;
};
constexpr Refused kRefused[] = {
    {"acct", CAP_SYS_PACCT},
    {"add_key", -1},
    {"bpf", CAP_BPF},
    {"clock_adjtime", CAP_SYS_TIME},
    {"clock_settime", CAP_SYS_TIME},
    {"create_module", CAP_SYS_MODULE},
    {"delete_module", CAP_SYS_MODULE},
    {"fanotify_init", CAP_SYS_ADMIN},
    {"finit_module", CAP_SYS_MODULE},
    {"fsconfig", CAP_SYS_ADMIN},
    {"fsmount", CAP_SYS_ADMIN},
    {"fsopen", CAP_SYS_ADMIN},
    {"fspick", CAP_SYS_ADMIN},
    {"get_kernel_syms", -1},
    {"get_mempolicy", CAP_SYS_NICE},
    {"init_module", CAP_SYS_MODULE},
    {"io_uring_enter", -1},
    {"io_uring_register", -1},
    {"io_uring_setup", -1},
    {"ioperm", CAP_SYS_RAWIO},
    {"iopl", CAP_SYS_RAWIO},
    {"kcmp", CAP_SYS_PTRACE},
    {"kexec_file_load", CAP_SYS_BOOT},
    {"kexec_load", CAP_SYS_BOOT},
    {"keyctl", -1},
    {"lookup_dcookie", CAP_SYS_ADMIN},
    {"mbind", CAP_SYS_NICE},
    {"mount", CAP_SYS_ADMIN},
    {"mount_setattr", CAP_SYS_ADMIN},
    {"move_mount", CAP_SYS_ADMIN},
    {"move_pages", CAP_SYS_NICE},
    {"nfsservctl", -1},
    {"open_by_handle_at", CAP_DAC_READ_SEARCH},
    {"open_tree", CAP_SYS_ADMIN},
    {"perf_event_open", CAP_PERFMON},
    {"pidfd_getfd", CAP_SYS_PTRACE},
    {"pivot_root", CAP_SYS_ADMIN},
    {"process_vm_readv", CAP_SYS_PTRACE},
    {"process_vm_writev", CAP_SYS_PTRACE},
    {"query_module", -1},
    {"quotactl", CAP_SYS_ADMIN},
    {"quotactl_fd", CAP_SYS_ADMIN},
    {"reboot", CAP_SYS_BOOT},
    {"request_key", -1},
    {"set_mempolicy", CAP_SYS_NICE},
    {"setdomainname", CAP_SYS_ADMIN},
    {"sethostname", CAP_SYS_ADMIN},
    {"setns", CAP_SYS_ADMIN},
    {"settimeofday", CAP_SYS_TIME},
    {"stime", CAP_SYS_TIME},
    {"swapoff", CAP_SYS_ADMIN},
    {"swapon", CAP_SYS_ADMIN},
    {"syslog", CAP_SYSLOG},
    {"umount", CAP_SYS_ADMIN},
    {"umount2", CAP_SYS_ADMIN},
    {"unshare", CAP_SYS_ADMIN},
    {"uselib", -1},
    {"userfaultfd", -1},
    {"ustat", -1},
    {"vhangup", CAP_SYS_TTY_CONFIG},
    {"vm86", -1},
    {"vm86old", -1},
};

constexpr unsigned long kNamespaceFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                          CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                          CLONE_NEWNET;

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};

bool Has(uint64_t capabilities, int capability) {
  return capability >= 0 && (capabilities >> capability & 1) != 0;
}

absl::Status AddRules(scmp_filter_ctx context, uint64_t capabilities) {
  for (const Refused& refused : kRefused) {
    if (Has(capabilities, refused.capability)) continue;
    const int number = seccomp_syscall_resolve_name(refused.name);
    if (number == __NR_SCMP_ERROR || number < 0) continue;  // Not on this architecture.
    if (const int error = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), number, 0)) {
      return ErrnoStatus(-error, absl::StrCat("seccomp rule for ", refused.name));
    }
  }
  if (!Has(capabilities, CAP_SYS_ADMIN)) {
    // A new namespace by clone: each flag on its own, for a rule's comparisons are joined by "and".
    for (unsigned long flag = 1; flag != 0 && flag <= kNamespaceFlags; flag <<= 1) {
      if ((kNamespaceFlags & flag) == 0) continue;
      seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                       SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    }
    seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  }
  // AF_VSOCK (40) reaches the hypervisor.
  seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, 40));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> DefaultSeccompFilter(uint64_t capabilities) {
  const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_ALLOW));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for a seccomp filter");
  // Another architecture's calls go by other numbers, past every rule: none may be made. 32-bit
  // programs have rules of their own.
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
#if defined(__x86_64__)
  seccomp_arch_add(context.get(), SCMP_ARCH_X86);
#endif
  // no_new_privs is the container's own choice; the head has the right to install a filter without.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  SKIFF_RETURN_IF_ERROR(AddRules(context.get(), capabilities));
  const UniqueFd fd(memfd_create("seccomp", MFD_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "memfd_create");
  if (const int error = seccomp_export_bpf(context.get(), fd.get())) {
    return ErrnoStatus(-error, "seccomp filter");
  }
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  std::string out(static_cast<size_t>(size), '\0');
  if (pread(fd.get(), out.data(), out.size(), 0) != size) return ErrnoStatus(errno, "memfd");
  return out;
}

}  // namespace skiff::runtime
