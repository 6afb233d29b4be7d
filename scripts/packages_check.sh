#!/usr/bin/env bash
# Makes the packages twice, from copies of the source in two folders, and compares them byte for byte.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cd "$ROOT"
# What PostgreSQL has been unpacked there serves both copies.
use_state
export TIMEDB_STATE_DIR=$STATE
if [[ -z ${SOURCE_DATE_EPOCH:-} ]]; then SOURCE_DATE_EPOCH=$(git log -1 --format=%ct); fi
export SOURCE_DATE_EPOCH
folder=$TARGET_DIR/packages-check
rm -rf "$folder"
copies=(first another-and-longer)
# Both at once: the source may be edited meanwhile.
for copy in "${copies[@]}"; do
    copy_source "$folder/$copy/source"
    # The archive for PGXN holds what git knows.
    (cd "$folder/$copy/source" && git init -q && git add -A)
done
for copy in "${copies[@]}"; do
    say "Making the packages in $folder/$copy"
    env CARGO_TARGET_DIR="$folder/$copy/target" "$folder/$copy/source/scripts/packages.sh"
    # The second needs its room.
    rm -rf "$folder/$copy/target/packages-build"
done
cd "$folder"
if ! cmp first/target/packages/SHA256SUMS another-and-longer/target/packages/SHA256SUMS; then
    diff first/target/packages/SHA256SUMS another-and-longer/target/packages/SHA256SUMS >&2 || true
    die "the packages differ: they are in $folder"
fi
say "The same twice: $(wc -l <first/target/packages/SHA256SUMS) files"
