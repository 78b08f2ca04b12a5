#!/bin/sh
# Runs clang-tidy over every file of the product, and clang's thread-safety analysis with it.
# Takes about half an hour on two cores; needs the packages clang and clang-tidy. Safe to repeat.
#
#   sh tools/tidy.sh [REGEX]     only the files whose path matches
set -eu
cd "$(dirname "$0")/.."
command -v run-clang-tidy > /dev/null || { echo "tidy: apt-get install clang clang-tidy"; exit 1; }
cmake --preset tidy > /dev/null
ninja -C build-tidy src/api/proto/CMakeFiles/skiff_pch.dir/cmake_pch.hxx.pch
run-clang-tidy -p build-tidy -quiet -j"$(nproc)" "${1:-/(src|capi|bench)/[^.]*\.(cc|c)$}" \
  2> /dev/null | grep -vE '^(clang-tidy|\[|$)' > build-tidy/tidy.log || true
cat build-tidy/tidy.log
! grep -q 'error:' build-tidy/tidy.log
