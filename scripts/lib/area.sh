#!/usr/bin/env bash
# Runs the behaviour tests of one area and prints what they say when they are over, so that areas that run side by side stay
# apart. For scripts/test.sh, which has started the cluster:
#
#   scripts/lib/area.sh AREA
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
code=0
cargo test -p timedb_tests --test "$1" >"$log" 2>&1 || code=1
printf '    %3d:%02d  area %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$1" >>"$log"
cat "$log"
exit "$code"
