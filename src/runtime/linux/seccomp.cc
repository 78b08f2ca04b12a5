#include "runtime/linux/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "runtime/linux/seccomp_table.h"

namespace skiff::runtime {
namespace {

constexpr uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr unsigned kLastFamily = 45;  // AF_MCTP
// Linux, as 32 bits, as Linux 2.6, both, and the question which it is (personality(2)). Others
// switch protections off.
constexpr unsigned kPersonalities[] = {0, 0x8, 0x20000, 0x20008, 0xffffffff};

struct Architecture {
  uint32_t own;        // AUDIT_ARCH_…
  uint32_t narrow;     // The 32-bit form that the machine runs as well.
  uint32_t narrow_id;  // SCMP_ARCH_…
};
#if defined(__x86_64__)
constexpr Architecture kArchitecture = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, SCMP_ARCH_X86};
#elif defined(__aarch64__)
constexpr Architecture kArchitecture = {AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, SCMP_ARCH_ARM};
#else
#error "the system call filter knows x86-64 and arm64"
#endif
// From here on are arm's own calls and those of the x32 ABI: libseccomp's part answers them.
constexpr uint32_t kOtherTables = 0xf0000;

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};

bool Has(uint64_t capabilities, int capability) {
  return capability == kAnyContainer || (capabilities >> capability & 1) != 0;
}

absl::Status Add(scmp_filter_ctx context, uint32_t action, absl::string_view name,
                 std::vector<scmp_arg_cmp> conditions = {}) {
  const int number = seccomp_syscall_resolve_name(std::string(name).c_str());
  if (number == __NR_SCMP_ERROR) return absl::OkStatus();  // Newer than the library, or older.
  const int error = seccomp_rule_add_array(
      context, action, number, static_cast<unsigned>(conditions.size()), conditions.data());
  // EDOM: the call cannot be told by its arguments on the 32-bit form.
  if (error == 0 || error == -EDOM) return absl::OkStatus();
  return ErrnoStatus(-error, absl::StrCat("system call filter: ", name));
}

absl::Status AddRules(scmp_filter_ctx context, uint64_t capabilities) {
  for (const SyscallGroup& group : kSyscallGroups) {
    if (!Has(capabilities, group.capability)) continue;
    for (const absl::string_view name : absl::StrSplit(group.names, ' ')) {
      SKIFF_RETURN_IF_ERROR(Add(context, SCMP_ACT_ALLOW, name));
    }
  }
  if (Has(capabilities, CAP_SYS_ADMIN)) {
    SKIFF_RETURN_IF_ERROR(Add(context, SCMP_ACT_ALLOW, "clone"));
    SKIFF_RETURN_IF_ERROR(Add(context, SCMP_ACT_ALLOW, "clone3"));
  } else {
    SKIFF_RETURN_IF_ERROR(Add(context, SCMP_ACT_ALLOW, "clone",
                              {SCMP_A0_64(SCMP_CMP_MASKED_EQ, kNamespaceFlags, 0)}));
    SKIFF_RETURN_IF_ERROR(Add(context, SCMP_ACT_ERRNO(ENOSYS), "clone3"));
  }
  for (const unsigned personality : kPersonalities) {
    SKIFF_RETURN_IF_ERROR(
        Add(context, SCMP_ACT_ALLOW, "personality", {SCMP_A0_64(SCMP_CMP_EQ, personality)}));
  }
  // Families but for AF_VSOCK, which reaches the hypervisor whatever the network namespace. "Not
  // 40" would not do: the kernel looks at 32 bits of the argument, a filter at 64.
  SKIFF_RETURN_IF_ERROR(
      Add(context, SCMP_ACT_ALLOW, "socket", {SCMP_A0_64(SCMP_CMP_LT, AF_VSOCK)}));
  for (unsigned family = AF_VSOCK + 1; family <= kLastFamily; ++family) {
    SKIFF_RETURN_IF_ERROR(
        Add(context, SCMP_ACT_ALLOW, "socket", {SCMP_A0_64(SCMP_CMP_EQ, family)}));
  }
  return absl::OkStatus();
}

// What goes before libseccomp's program: an answer for calls that it has no names for.
std::vector<sock_filter> NumberedPart() {
  std::vector<sock_filter> rest;  // From where the number is known to be in the range.
  rest.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kLastKnown, 0, 1));
  rest.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
  for (const unsigned number : kNumberedAllowed) {
    rest.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    rest.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  rest.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  const auto over = static_cast<uint8_t>(rest.size());
  std::vector<sock_filter> out = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture.own, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture.narrow, 0, static_cast<uint8_t>(over + 3)),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstNumbered, 0, static_cast<uint8_t>(over + 1)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kOtherTables, over, 0)};
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

// The capabilities that a filter depends on.
uint64_t RelevantMask() {
  uint64_t mask = 0;
  for (const SyscallGroup& group : kSyscallGroups) {
    if (group.capability != kAnyContainer) mask |= uint64_t{1} << group.capability;
  }
  return mask;
}

}  // namespace

absl::StatusOr<std::string> DefaultSeccompFilter(uint64_t capabilities) {
  const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for a seccomp filter");
  // Another architecture's calls go by other numbers, past every rule: none may be made. 32-bit
  // programs have rules of their own.
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
  if (const int error = seccomp_arch_add(context.get(), kArchitecture.narrow_id)) {
    return ErrnoStatus(-error, "system call filter for 32-bit programs");
  }
  // no_new_privs is the container's own choice; the head has the right to install a filter without.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  SKIFF_RETURN_IF_ERROR(AddRules(context.get(), capabilities));
  const UniqueFd fd(memfd_create("seccomp", MFD_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "memfd_create");
  if (const int error = seccomp_export_bpf(context.get(), fd.get())) {
    return ErrnoStatus(-error, "system call filter");
  }
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  const std::vector<sock_filter> first = NumberedPart();
  const size_t at = first.size() * sizeof(sock_filter);
  std::string out(at + static_cast<size_t>(size), '\0');
  std::copy_n(reinterpret_cast<const char*>(first.data()), at, out.data());
  if (pread(fd.get(), out.data() + at, static_cast<size_t>(size), 0) != size) {
    return ErrnoStatus(errno, "memfd");
  }
  if (out.size() / sizeof(sock_filter) > BPF_MAXINSNS) {
    return absl::InternalError("the system call filter is longer than the kernel takes");
  }
  return out;
}

absl::StatusOr<std::shared_ptr<const std::string>> SeccompFilters::For(uint64_t capabilities) {
  const uint64_t key = capabilities & RelevantMask();
  MutexLock lock(&mutex_);
  std::shared_ptr<const std::string>& filter = built_[key];
  if (filter == nullptr) {
    SKIFF_ASSIGN_OR_RETURN(std::string built, DefaultSeccompFilter(key));
    filter = std::make_shared<const std::string>(std::move(built));
  }
  return filter;
}

}  // namespace skiff::runtime
