#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lints, documentation, the crates' own
# tests, and the behaviour tests against a private PostgreSQL cluster that is gone afterwards.
#
#   scripts/test.sh                 everything
#   scripts/test.sh --test cli      only behaviour tests: arguments of `cargo test -p timedb_tests`
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree cluster artefacts python; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

cd "$ROOT"
use_postgres
use_state
take_lock test

if (($# == 0)); then
    "$ROOT/scripts/lint.sh"
    "$ROOT/scripts/doc.sh"
    say "Testing timedb_segment and timedb_http"
    cargo test --quiet -p timedb_segment -p timedb_http
fi

build_extension
build_binary
use_tree
install_into_tree "$PACKAGE"
use_python

trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'cluster_remove test' EXIT
cluster_remove test
# A library that let Rust's backtraces into its errors would do so here.
export RUST_BACKTRACE=1
# Nothing of this cluster outlives the run; the tests of durability start clusters of their own.
cluster_start test 'fsync = off' 'full_page_writes = off' 'max_connections = 200'

export TIMEDB_BIN TIMEDB_TEST_PYTHON
export TIMEDB_TEST_ADMIN_DSN=$CLUSTER_ADMIN_DSN
export TIMEDB_TEST_PG_BIN=$TREE_BIN
export TIMEDB_TEST_ROOT=$ROOT
export RUST_BACKTRACE=0
say "Running the behaviour tests"
cargo test -p timedb_tests --no-fail-fast "$@"
