#!/bin/sh
# Installs a build into a scratch prefix and builds foreign programs against it, in C and C++,
# shared and static, by find_package(skiff) and by pkg-config, and runs them.
#
# usage: install_test.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
build=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

cmake --install "$build" --prefix "$scratch/first" > /dev/null
# It may be moved.
prefix=$scratch/prefix
mv "$scratch/first" "$prefix"
"$prefix/bin/skiff" version > /dev/null
lib=$(dirname "$(find "$prefix" -name libskiff.a)")

runs() {
  if ! "$@" > "$scratch/output" 2>&1; then
    echo "install_test.sh: this fails: $*" >&2
    cat "$scratch/output" >&2
    exit 1
  fi
}

# find_package, shared and static.
for project in foreign foreign_c; do
  runs cmake -S "$source/tests/install/$project" -B "$scratch/$project" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$prefix" -DEXAMPLES="$source/examples"
  runs cmake --build "$scratch/$project" --parallel 2
done
for program in foreign/c_skiff foreign/c_static foreign/cc_skiff foreign/cc_static \
  foreign_c/c_only; do
  runs "$scratch/$program"
  needed=$(ldd "$scratch/$program")
  case $program-$needed in
    *_static-*libskiff.so*) echo "install_test.sh: $program is not static" >&2; exit 1 ;;
    *_static-*) ;;
    *libskiff.so.0*) ;;
    *) echo "install_test.sh: $program does not use libskiff.so.0" >&2; exit 1 ;;
  esac
done

# pkg-config, shared and static.
export PKG_CONFIG_PATH="$lib/pkgconfig"
cc=${CC:-cc}
cxx=${CXX:-c++}
# shellcheck disable=SC2046 # Flags are to be split.
{
  runs $cc "$source/examples/embed.c" -o "$scratch/c" $(pkg-config --cflags --libs skiff) \
    -Wl,-rpath,"$lib"
  runs $cxx -std=c++20 "$source/examples/embed.cc" -o "$scratch/cc" \
    $(pkg-config --cflags --libs skiff++) -Wl,-rpath,"$lib"
  # Without the shared library in the way, -lskiff is the archive.
  mkdir "$scratch/away"
  mv "$lib"/libskiff.so* "$scratch/away/"
  runs $cc "$source/examples/embed.c" -o "$scratch/c_static" \
    $(pkg-config --static --cflags --libs skiff)
  runs $cxx -std=c++20 "$source/examples/embed.cc" -o "$scratch/cc_static" \
    $(pkg-config --static --cflags --libs skiff++)
  runs "$scratch/c_static"
  runs "$scratch/cc_static"
  mv "$scratch/away"/* "$lib/"
  runs "$scratch/c"
  runs "$scratch/cc"
}
echo "installed, found and run: find_package and pkg-config, shared and static, C and C++"
