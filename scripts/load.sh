#!/usr/bin/env bash
# Mixed load on a private PostgreSQL and server, with restarts and kills, for LOAD_SECONDS (1800); a table at the end.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree artefacts; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

use_postgres
use_state
take_lock soak
build_extension
build_binary
use_tree
install_into_tree "$PACKAGE"
cd "$ROOT"
say "Building the load"
cargo build --quiet --release --package timedb_tests --bin timedb_load || die "the load does not build"

say "Loading for ${LOAD_SECONDS:=1800} seconds"
export LOAD_SECONDS TIMEDB_TEST_PG_BIN=$TREE_BIN TIMEDB_TEST_ROOT=$ROOT TIMEDB_BIN
# tests/crashes.py searches the cluster's log, and needs no packages.
TIMEDB_TEST_PYTHON=$(command -v "${PYTHON:-python3}") || die "python3 is missing"
export TIMEDB_TEST_PYTHON
if TIMEDB_TEST_ADMIN_DSN='' "$TARGET_DIR/release/timedb_load" 9>&-; then
    say "The load found nothing wrong"
else
    die "the load found what must not be"
fi
