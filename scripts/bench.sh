#!/usr/bin/env bash
# Measures timedb against a plain table, in the cluster that scripts/bench_env.sh provides:
# `make bench`, or scripts/bench_env.sh scripts/bench.sh. Prints the numbers on stdout, and on stderr
# what it is doing. TIMEDB_BENCH_RUNS (5), TIMEDB_BENCH_SECONDS (4), TIMEDB_BENCH_SHORT (fewer live
# ticks and single points) and TIMEDB_BENCH_LARGE (more values behind the view) make it longer or
# shorter; TIMEDB_BENCH_ONLY=live,forecast measures these parts and no other (docs/benchmarks.md has
# their names).
#
# With the argument `scale` (`make bench-scale`): one series' day in ever larger stores, up to TIMEDB_SCALE_MAX
# (1000M) values in bulk and TIMEDB_SCALE_LIVE_MAX (100M) as live ticks, as far as the disk allows.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for name in TIMEDB_BENCH_DSN TIMEDB_BENCH_PG_BIN TIMEDB_BENCH_PYTHON TIMEDB_BIN; do
    [[ -n ${!name:-} ]] || die "$name is not set: run 'make bench'"
done

cd "$ROOT"
say "Building the benchmark"
cargo build --quiet --release --package timedb_tests --bin timedb_bench || die "the benchmark does not build"
say "Measuring${1:+: $1} (twenty minutes and more, if it is all)"
# The harness of the tests gives the databases and the server.
export TIMEDB_TEST_ADMIN_DSN=$TIMEDB_BENCH_DSN
export TIMEDB_TEST_PG_BIN=$TIMEDB_BENCH_PG_BIN
export TIMEDB_TEST_PYTHON=$TIMEDB_BENCH_PYTHON
export TIMEDB_TEST_ROOT=$ROOT
"$TARGET_DIR/release/timedb_bench" "$@"
