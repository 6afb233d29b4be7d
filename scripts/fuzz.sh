#!/usr/bin/env bash
# Fuzzes each target of fuzz/ for TIMEDB_FUZZ_SECONDS (60), beginning with the corpus of the stored format and what
# earlier runs have found (in .timedb). `scripts/fuzz.sh merge wire` fuzzes only these. What makes a target fail is kept
# in fuzz/artifacts: `cargo fuzz run TARGET FILE` in fuzz/, with RUSTC_BOOTSTRAP=1, repeats it.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

use_state
take_lock fuzz
have cargo-fuzz || die "cargo-fuzz is missing: run 'scripts/setup.sh fuzz'"
cd "$ROOT/fuzz"
# The sanitizer's flag is an unstable one; everything else is that of the toolchain.
export RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR=$TARGET_DIR/fuzz
# Other profiles of the caller's are for other builds.
for name in "${!CARGO_PROFILE_@}"; do unset "$name"; done
targets=("$@")
if ((${#targets[@]} == 0)); then readarray -t targets < <(cargo fuzz list); fi
seeds=$STATE/fuzz/seeds
cargo run --quiet --locked --no-default-features --example seeds -- "$ROOT/timedb_ext/crates/segment/tests/corpus/v1" "$seeds" ||
    die "the seeds could not be written"
passed=1
for target in "${targets[@]}"; do
    mkdir -p "$STATE/fuzz/$target" "$seeds/$target"
    say "Fuzzing $target for ${TIMEDB_FUZZ_SECONDS:=60} seconds"
    # Bytes beyond 16 KiB find nothing that fewer do not.
    if ! cargo fuzz run "$target" "$STATE/fuzz/$target" "$seeds/$target" -- \
        -max_total_time="$TIMEDB_FUZZ_SECONDS" -max_len=16384 -rss_limit_mb=2048 -timeout=20 -verbosity=0 -print_final_stats=1 9>&-; then
        passed=0
    fi
done
if ((passed)); then say "Fuzzing found nothing"; else die "fuzzing found something: see fuzz/artifacts"; fi
