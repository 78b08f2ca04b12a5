#include "runtime/linux/devices.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::runtime {
namespace {

constexpr int kAnyMinor = -1;

struct Device {
  int major;
  int minor;
};
constexpr Device kOpen[] = {{1, 3}, {1, 5}, {1, 7},
                            {1, 8}, {1, 9},                     // null zero full random urandom
                            {5, 0}, {5, 2}, {136, kAnyMinor}};  // tty ptmx pts/*

bpf_insn Load32(uint8_t to, uint8_t from, int offset) {
  return {.code = BPF_LDX | BPF_MEM | BPF_W,
          .dst_reg = to,
          .src_reg = from,
          .off = static_cast<int16_t>(offset),
          .imm = 0};
}
bpf_insn Set(uint8_t to, int value) {
  return {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to, .src_reg = 0, .off = 0, .imm = value};
}
bpf_insn And(uint8_t to, int value) {
  return {.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = to, .src_reg = 0, .off = 0, .imm = value};
}
bpf_insn SkipUnless(uint8_t value, int equals, int count) {
  return {.code = BPF_JMP | BPF_JNE | BPF_K,
          .dst_reg = value,
          .src_reg = 0,
          .off = static_cast<int16_t>(count),
          .imm = equals};
}
bpf_insn Exit() {
  return {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};
}

// The context in r1 is struct bpf_cgroup_dev_ctx: the low half of access_type is the kind of
// device, the high half what is wanted of it.
std::vector<bpf_insn> Program() {
  std::vector<bpf_insn> out = {
      Load32(2, 1, offsetof(bpf_cgroup_dev_ctx, access_type)),
      Load32(4, 1, offsetof(bpf_cgroup_dev_ctx, major)),
      Load32(5, 1, offsetof(bpf_cgroup_dev_ctx, minor)),
      // Making a node opens nothing.
      Load32(3, 1, offsetof(bpf_cgroup_dev_ctx, access_type)),
      And(3, (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE) << 16),
      SkipUnless(3, 0, 2),
      Set(0, 1),
      Exit(),
      And(2, 0xffff),
  };
  for (const Device& device : kOpen) {
    const bool minor = device.minor != kAnyMinor;
    const int rest = minor ? 1 : 0;
    out.push_back(SkipUnless(2, BPF_DEVCG_DEV_CHAR, 3 + rest));
    out.push_back(SkipUnless(4, device.major, 2 + rest));
    if (minor) out.push_back(SkipUnless(5, device.minor, 2));
    out.push_back(Set(0, 1));
    out.push_back(Exit());
  }
  out.push_back(Set(0, 0));
  out.push_back(Exit());
  return out;
}

int Bpf(int command, bpf_attr* attributes) {
  return static_cast<int>(syscall(SYS_bpf, command, attributes, sizeof *attributes));
}

}  // namespace

absl::StatusOr<DeviceFilter> DeviceFilter::Load() {
  const std::vector<bpf_insn> program = Program();
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<uint64_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = reinterpret_cast<uint64_t>("Apache-2.0");
  DeviceFilter out;
  out.program_.Reset(Bpf(BPF_PROG_LOAD, &attributes));
  if (!out.program_.valid()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the kernel takes no device filter for a cgroup: ", strerror(errno)));
  }
  fcntl(out.program_.get(), F_SETFD, FD_CLOEXEC);
  return out;
}

absl::Status DeviceFilter::Attach(const std::string& path) const {
  const UniqueFd group(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group.valid()) return ErrnoStatus(errno, path);
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.target_fd = static_cast<uint32_t>(group.get());
  attributes.attach_bpf_fd = static_cast<uint32_t>(program_.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  if (Bpf(BPF_PROG_ATTACH, &attributes) != 0) {
    return ErrnoStatus(errno, absl::StrCat("restrict devices of ", path));
  }
  return absl::OkStatus();
}

}  // namespace skiff::runtime
