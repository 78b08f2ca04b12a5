#!/bin/sh
# Sets up, builds and runs every test that CI runs. Safe to repeat; leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh
cd build
exec ctest --output-on-failure -j2
