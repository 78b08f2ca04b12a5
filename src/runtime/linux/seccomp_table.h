// Which system calls a container may make, in groups that say why. What no group names answers
// EPERM: what nobody thought of is refused, not let through.
//
// Names are the kernel's, for x86-64 and arm64 and their 32-bit forms; a name that an architecture
// does not have is passed over.
#pragma once

#include <linux/capability.h>

namespace skiff::runtime {

struct SyscallGroup {
  int capability;     // CAP_…: for containers that have it; kAnyContainer: for all.
  const char* names;  // Separated by spaces.
};
inline constexpr int kAnyContainer = -1;

inline constexpr SyscallGroup kSyscallGroups[] = {
    // Files and directories, by path and by descriptor: what a process may touch is decided by
    // their owners, modes and the mounts that it sees.
    {kAnyContainer,
     "access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat "
     "faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync flock "
     "fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 ioctl lchown link linkat "
     "lseek lstat mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 "
     "pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv "
     "rename renameat renameat2 rmdir sendfile splice stat statfs statx symlink symlinkat sync "
     "sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice "
     "write writev"},
    {kAnyContainer,
     "fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr "
     "lremovexattr lsetxattr removexattr setxattr"},
    // Being told of changes; fanotify_init, which sees the whole machine, is further down.
    {kAnyContainer, "fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch"},
    // Memory of its own.
    {kAnyContainer,
     "brk cachestat madvise membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall "
     "mmap mprotect mremap msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect "
     "process_mrelease remap_file_pages"},
    // Processes and threads. clone has a rule of its own: no flags that make namespaces.
    {kAnyContainer,
     "arch_prctl capget capset execve execveat exit exit_group fork futex futex_waitv "
     "get_robust_list get_thread_area gettid getpgid getpgrp getpid getppid getsid kill "
     "modify_ldt pause pidfd_open pidfd_send_signal prctl restart_syscall rseq set_robust_list "
     "set_thread_area set_tid_address setpgid setsid vfork wait4 waitid"},
    // A debugger inside the container: since Linux 4.8 a tracer cannot step round the filter.
    {kAnyContainer, "process_vm_readv process_vm_writev ptrace"},
    {kAnyContainer,
     "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
     "rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4 tgkill tkill"},
    // Who it is; the kernel asks for capabilities where it must.
    {kAnyContainer,
     "getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid "
     "setgroups setregid setresgid setresuid setreuid setuid"},
    // How much of the machine it takes, within its control groups.
    {kAnyContainer,
     "getcpu getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 "
     "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr "
     "sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr "
     "sched_setparam sched_setscheduler sched_yield setpriority setrlimit sysinfo times uname"},
    // Time, to read and to wait for.
    {kAnyContainer,
     "adjtimex alarm clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer "
     "gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun "
     "timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime"},
    // Waiting for descriptors.
    {kAnyContainer,
     "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
     "epoll_wait_old eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_setup "
     "io_submit poll ppoll pselect6 select"},
    // Networks, of its own namespace. socket has a rule of its own.
    {kAnyContainer,
     "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg "
     "recvmsg sendmmsg sendmsg sendto setsockopt shutdown socketpair"},
    // Between processes.
    {kAnyContainer,
     "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv "
     "msgsnd pipe pipe2 semctl semget semop semtimedop shmat shmctl shmdt shmget"},
    // Fewer rights for itself.
    {kAnyContainer,
     "getrandom landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp"},
    // The same by the names of 32-bit architectures.
    {kAnyContainer,
     "_llseek _newselect arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush chown32 "
     "clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 fadvise64_64 "
     "fchown32 fcntl64 fstat64 fstatat64 fstatfs64 ftruncate64 futex_time64 getegid32 geteuid32 "
     "getgid32 getgroups32 getresgid32 getresuid32 getuid32 io_pgetevents_time64 ipc lchown32 "
     "lstat64 mmap2 mq_timedreceive_time64 mq_timedsend_time64 nice ppoll_time64 pselect6_time64 "
     "readdir recv recvmmsg_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64 "
     "semtimedop_time64 send sendfile64 set_tls setfsgid32 setfsuid32 setgid32 setgroups32 "
     "setregid32 setresgid32 setresuid32 setreuid32 setuid32 sigaction signal sigpending "
     "sigprocmask sigreturn sigsuspend socketcall stat64 statfs64 sync_file_range2 timer_gettime64 "
     "timer_settime64 timerfd_gettime64 timerfd_settime64 truncate64 ugetrlimit utimensat_time64 "
     "waitpid"},

    // What reaches further is a container's business only with the capability that it belongs to.
    // The kernel asks for that as well: this is a second wall before it.
    {CAP_DAC_READ_SEARCH, "open_by_handle_at"},  // A file handle knows no mounts: it leads out.
    {CAP_SYS_ADMIN,
     "fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount "
     "open_tree pivot_root quotactl quotactl_fd setdomainname sethostname setns swapoff swapon "
     "umount umount2 unshare"},
    {CAP_SYS_ADMIN, "bpf perf_event_open syslog"},  // From before they had their own.
    {CAP_BPF, "bpf"},
    {CAP_PERFMON, "perf_event_open"},
    {CAP_SYSLOG, "syslog"},
    {CAP_SYS_BOOT, "kexec_file_load kexec_load reboot"},
    {CAP_SYS_CHROOT, "chroot"},
    {CAP_SYS_MODULE, "delete_module finit_module init_module"},
    {CAP_SYS_NICE,
     "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"},
    {CAP_SYS_PACCT, "acct"},
    {CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise"},
    {CAP_SYS_RAWIO, "ioperm iopl"},
    {CAP_SYS_TIME, "clock_settime clock_settime64 settimeofday stime"},
    {CAP_SYS_TTY_CONFIG, "vhangup"},

    // Named nowhere, with purpose: add_key, keyctl and request_key (the keyrings have no
    // namespaces); io_uring_* (calls that no filter sees); userfaultfd (holds the kernel up where
    // it is vulnerable); nfsservctl, sysfs, _sysctl, uselib, ustat, vm86 (nobody's any more).
};

// Calls that are newer than the names that libseccomp knows, by number: from 424 on one number
// means the same call on every architecture.
inline constexpr unsigned kFirstNumbered = 452;
inline constexpr unsigned kNumberedAllowed[] = {
    452,                 // fchmodat2
    453,                 // map_shadow_stack
    454, 455, 456,       // futex_wake, futex_wait, futex_requeue
    459,                 // lsm_get_self_attr
    461,                 // lsm_list_modules
    462,                 // mseal
    463, 464, 465, 466,  // setxattrat, getxattrat, listxattrat, removexattrat
    468, 469,            // file_getattr, file_setattr
};
// Known and refused: statmount, listmount, lsm_set_self_attr, open_tree_attr. A call above it is
// one that this table has never heard of: it answers ENOSYS, as an older kernel would, so that
// programs take the way that they have for such kernels.
inline constexpr unsigned kLastKnown = 469;

}  // namespace skiff::runtime
