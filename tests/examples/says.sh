#!/bin/sh
# usage: says.sh [--root] WORDS COMMAND...    The command succeeds and its output holds the words.
# With --root it is skipped, by exit code 77, unless root runs it.
set -eu
if [ "$1" = --root ]; then
  shift
  if [ "$(id -u)" != 0 ]; then
    echo "SKIPPED: needs root"
    exit 77
  fi
fi
words=$1
shift
output=$("$@")
echo "$output" | head -c 2000
case $output in
  *"$words"*) ;;
  *)
    echo "says.sh: it does not say: $words" >&2
    exit 1
    ;;
esac
