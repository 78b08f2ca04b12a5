#!/bin/sh
# Runs the tests of real containers under a kernel that has every controller in cgroup v2, whatever
# this machine's own kernel has: Debian's user-mode-linux, a kernel that is a program. Its root is
# this machine's, read-only; what tests write, they write to its memory.
#
#   pure_v2.sh RUNTIME_TEST     exits with 77 (skipped) where there is no user-mode-linux
set -u
test=$1
kernel=$(command -v linux.uml) || {
  echo "SKIPPED: no user-mode-linux: pure cgroup v2 is NOT tested (apt-get install user-mode-linux)"
  exit 77
}
if [ "$(id -u)" != 0 ] || [ ! -x /bin/busybox ]; then
  echo "SKIPPED: needs root and /bin/busybox: pure cgroup v2 is NOT tested"
  exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat > "$scratch/init" << EOF
#!/bin/sh
export PATH=/bin:/usr/bin:/sbin:/usr/sbin TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind / /mnt
mount -t tmpfs tmpfs /tmp
# What is tested may be below /tmp, which is the kernel's own from here on.
if [ ! -e "$test" ]; then
  mkdir -p "$(dirname "$test")"
  mount --bind "/mnt$(dirname "$test")" "$(dirname "$test")"
fi
mkdir /dev/pts
mount -t devpts devpts /dev/pts
ln -s /proc/self/fd/1 /dev/stdout
modules=/usr/lib/uml/modules/\$(uname -r)/kernel
for module in fs/overlayfs/overlay drivers/net/veth lib/crc-ccitt net/ipv6/ipv6 net/llc/llc \\
  net/802/stp net/bridge/bridge; do
  busybox insmod \$modules/\$module.ko
done
cd /tmp
filter=
echo "controllers: \$(cat /sys/fs/cgroup/cgroup.controllers)"
for file in container pids pod process rights seccomp stop; do
  filter="\$filter[#linux_\${file}_test],"
done
"$test" -# --use-colour no "\$filter"
code=\$?
# Once more inside a group that looks like a whole hierarchy, as a container's does: first with
# programs in its root, then with these moved away.
mkdir /sys/fs/cgroup/outer
echo \$\$ > /sys/fs/cgroup/outer/cgroup.procs
echo "+cpu +memory +pids" > /sys/fs/cgroup/cgroup.subtree_control
unshare -C -m sh -c 'umount /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
  "$test" --use-colour no RootWithProcessesOfItsOwnLosesLimitsNotPods || exit 1
  mkdir /sys/fs/cgroup/programs
  for pid in \$(cat /sys/fs/cgroup/cgroup.procs); do
    echo \$pid > /sys/fs/cgroup/programs/cgroup.procs 2> /dev/null
  done
  exec "$test" --use-colour no MemoryLimitKillsAndSaysSo,CpuAndMemoryLimitsAreSet'
echo "pure_v2: exit code \$code\$?"
busybox poweroff -f
EOF
chmod 755 "$scratch" "$scratch/init"
# Its memory is an unlinked file in TMPDIR: best one that is in memory itself.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
timeout 110 "$kernel" mem=512M rootfstype=hostfs rootflags=/ ro init="$scratch/init" \
  con=null con0=fd:0,fd:1 quiet < /dev/null > "$scratch/log" 2>&1
cat "$scratch/log"
if ! grep -q '^pure_v2: exit code' "$scratch/log"; then
  if ! grep -q '^controllers:' "$scratch/log"; then
    echo "SKIPPED: user-mode-linux does not start on this machine: pure cgroup v2 is NOT tested"
    exit 77
  fi
  echo "pure_v2: the kernel ended before the tests did"
  exit 1
fi
grep -q '^pure_v2: exit code 00' "$scratch/log"
