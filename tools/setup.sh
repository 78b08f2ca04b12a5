#!/bin/sh
# Installs what building and testing Skiff needs on Debian 12, if anything is missing, and
# configures and builds it in build/. Safe to repeat.
#
#   sh tools/setup.sh [TARGET...]     builds the targets (default: all)
set -eu
cd "$(dirname "$0")/.."

packages="g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3 python3-yaml
  libabsl-dev libprotobuf-dev protobuf-compiler librocksdb-dev libuv1-dev libnl-3-dev
  libnl-route-3-dev libseccomp-dev libboost-dev libssl-dev libsimdjson-dev libyaml-dev
  libarchive-dev libcurl4-openssl-dev libgoogle-perftools-dev libnghttp2-dev libspdlog-dev libcli11-dev clang-format
  python3-pytest prometheus-cpp-dev catch2 busybox-static crun etcd-server etcd-client iproute2
  nftables curl"
# A kernel that is a program, for tests that need another than this machine's.
[ "$(dpkg --print-architecture)" != amd64 ] || packages="$packages user-mode-linux"

missing=""
for package in $packages; do
  dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' ||
    missing="$missing $package"
done
if [ -n "$missing" ]; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo="sudo"
  echo "setup: installing$missing"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing \
    > /dev/null
fi
# Debian starts etcd's service on install; only the program is wanted, for comparison.
if command -v systemctl > /dev/null 2>&1 && systemctl is-active --quiet etcd 2> /dev/null; then
  systemctl disable --now etcd || true
fi

cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release > build-configure.log 2>&1 ||
  { cat build-configure.log; exit 1; }
rm -f build-configure.log
if [ $# -gt 0 ]; then ninja -C build "$@"; else ninja -C build; fi
