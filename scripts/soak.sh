#!/usr/bin/env bash
# Sends random queries as one tenant for some time, and looks whether anything of another tenant comes
# back or a process of the server dies. SOAK_SECONDS (300) says for how long, SOAK_SEED (1) where to begin.
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
use_tree
install_into_tree "$PACKAGE"
cd "$ROOT"
say "Building the soak"
cargo build --quiet --release --package timedb_tests --bin timedb_soak || die "the soak does not build"

say "Soaking for ${SOAK_SECONDS:=300} seconds"
export SOAK_SECONDS SOAK_SEED=${SOAK_SEED:-1}
export TIMEDB_TEST_PG_BIN=$TREE_BIN TIMEDB_TEST_ROOT=$ROOT
# tests/crashes.py searches the cluster's log, and needs no packages.
TIMEDB_TEST_PYTHON=$(command -v "${PYTHON:-python3}") || die "python3 is missing"
export TIMEDB_TEST_PYTHON
# Settings of the harness that the soak has no use for: it starts a cluster of its own, and no server.
export TIMEDB_TEST_ADMIN_DSN='' TIMEDB_BIN=''
"$TARGET_DIR/release/timedb_soak" 9>&-
