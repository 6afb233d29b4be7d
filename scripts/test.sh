#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lints, documentation, the crates' own
# tests, and the behaviour tests against a private PostgreSQL cluster that is gone afterwards.
#
#   scripts/test.sh                 everything
#   scripts/test.sh --test cli      only behaviour tests: arguments of `cargo test -p timedb_tests`,
#                                   such as an area and a part of the names of tests
#   scripts/test.sh --areas http cli
#                                   only these areas, two at a time
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree cluster artefacts python judges; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

cd "$ROOT"
use_postgres
use_state
take_lock test

parts=() part_start=$SECONDS
# took PART: notes how long it took, from the end of the part before it.
took() {
    local seconds=$((SECONDS - part_start))
    parts+=("$(printf '%3d:%02d  %s' $((seconds / 60)) $((seconds % 60)) "$1")")
    part_start=$SECONDS
}
tell_times() {
    if ((${#parts[@]})); then
        took "the rest"
        say "How long it took, $((SECONDS / 60)) minutes and $((SECONDS % 60)) seconds in all"
        printf '    %s\n' "${parts[@]}"
    fi
}
trap tell_times EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if (($# == 0)); then
    "$ROOT/scripts/lint.sh"
    took "format and lints"
    "$ROOT/scripts/doc.sh"
    took "documentation"
    say "Testing the crates that need no server"
    cargo test --quiet -p timedb_segment -p timedb_units -p timedb_calendar -p timedb_key -p timedb_rules -p timedb_wire -p timedb_http
    # A workspace of its own; the fuzzer itself is not built.
    cargo test --quiet --locked --manifest-path fuzz/Cargo.toml --no-default-features --target-dir "$TARGET_DIR/fuzz"
    took "crates that need no server"
fi

build_extension "${TIMEDB_TEST_PROFILE:-release}"
took "building the extension"
# It has no unsafe code, so what the optimiser makes of it is no concern of the tests.
build_binary quick
took "building the binary"
use_tree
install_into_tree "$PACKAGE"
use_python
if [[ " $* " != *" --test "* || " $* " == *upkeep* ]]; then use_judges; fi

trap 'cluster_remove test; tell_times' EXIT
cluster_remove test
# A library that let Rust's backtraces into its errors would do so here.
export RUST_BACKTRACE=1
cluster_start test "${TEST_SETTINGS[@]}"
cluster_sql postgres 'CREATE EXTENSION pg_stat_statements SCHEMA public'

export TIMEDB_BIN TIMEDB_TEST_PYTHON TIMEDB_TEST_LINTER=${TIMEDB_TEST_LINTER:-}
export TIMEDB_TEST_ADMIN_DSN=$CLUSTER_ADMIN_DSN
export TIMEDB_TEST_PG_BIN=$TREE_BIN
export TIMEDB_TEST_ROOT=$ROOT
export RUST_BACKTRACE=0
# They wait, for servers and locks and timeouts, more than they reckon.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) * 2))}
say "Running the behaviour tests"
leaked_keys=$ROOT/tests/leaked_keys.py
crashes=$ROOT/tests/crashes.py
"$TIMEDB_TEST_PYTHON" "$crashes" --self-check
psql=("$TREE_BIN/psql" "$(cluster_dsn postgres postgres)")
"$TIMEDB_TEST_PYTHON" "$leaked_keys" watch "$CLUSTER" "${psql[@]}" 9>&- &
watcher=$!
trap 'kill "$watcher" 2>/dev/null || true; cluster_remove test; tell_times' EXIT
took "starting the cluster"
passed=1
# run_areas AREA...: the behaviour tests of these areas, two at a time, because most of them wait; those that take longest
# first.
run_areas() {
    local area areas=()
    for area in isolation http reading writing identity pooling upkeep tools cli; do
        [[ " $* " != *" $area "* ]] || areas+=("$area")
    done
    for area in "$@"; do
        [[ " ${areas[*]} " == *" $area "* ]] || areas+=("$area")
    done
    # In a group of its own: what is simply put in the background is deaf to Ctrl-C, and tests send that.
    set -m
    printf '%s\n' "${areas[@]}" | xargs -P 2 -I '{}' "$ROOT/scripts/lib/area.sh" '{}' 9>&- &
    group=$!
    set +m
    trap 'kill -- "-$group" 2>/dev/null || true; kill "$watcher" 2>/dev/null || true; cluster_remove test; tell_times' EXIT
    wait "$group" || passed=0
}
if (($# == 0)) || [[ $1 == --areas ]]; then
    cargo test --quiet -p timedb_tests --no-run
    took "building the tests"
    if (($#)); then
        areas=("${@:2}")
    else
        cargo test -p timedb_tests --lib --bins 9>&- || passed=0
        mapfile -t areas < <(test_areas)
    fi
    run_areas "${areas[@]}"
    took "behaviour tests"
else
    cargo test -p timedb_tests --no-fail-fast "$@" 9>&- || passed=0
    took "tests"
fi
# Also when only a few tests ran, and when some failed: a crash is often what they failed for.
say "Looking for crashes in the log"
"$TIMEDB_TEST_PYTHON" "$crashes" "$CLUSTER/server.log" || passed=0
say "Looking for API keys in logs and statistics"
extent=$( (($# == 0)) && echo whole || echo part)
"$TIMEDB_TEST_PYTHON" "$leaked_keys" report "$CLUSTER" "$CLUSTER/server.log" "$extent" "${psql[@]}" || passed=0
((passed))
