#!/usr/bin/env bash
# Sends random queries as one tenant for some time, and looks whether anything of another tenant comes
# back or a process of the server dies. SOAK_SECONDS (300) says for how long, SOAK_SEED (1) where to begin.
# Then runs the tests that attack on a PostgreSQL with assertions; SOAK_PG_SOURCE is the folder of its source,
# without it Debian's source package is fetched.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree artefacts cluster assert soak; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

soak_program timedb_soak
say "Soaking for ${SOAK_SECONDS:=300} seconds"
export SOAK_SECONDS SOAK_SEED=${SOAK_SEED:-1}
# Settings of the harness that the soak has no use for: it starts a cluster of its own, and no server.
passed=1
TIMEDB_TEST_ADMIN_DSN='' TIMEDB_BIN='' "$TARGET_DIR/release/timedb_soak" 9>&- || passed=0

without=
if use_assert_server; then
    install_into_assert_server "$PACKAGE"
    # From here on the cluster's programs are those of the server with assertions.
    TREE_BIN=$ASSERT_BIN
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    trap 'cluster_remove soak' EXIT
    cluster_remove soak
    # For the backtrace of what crashes.
    CLUSTER_OPTIONS=(-c)
    cluster_start soak "${TEST_SETTINGS[@]}"
    cluster_sql postgres 'CREATE EXTENSION pg_stat_statements SCHEMA public'
    [[ $(cluster_sql postgres 'SHOW debug_assertions') == on ]] || die "the server does not check assertions"
    # The library is that of the packaged server: it has to fit this one.
    cluster_sql postgres "BEGIN; CREATE EXTENSION timedb; SELECT count(*) FROM timedb.isolation_problems(); ROLLBACK" >/dev/null
    say "Attacking PostgreSQL $("$ASSERT_BIN/pg_config" --version | cut -d' ' -f2) with assertions"
    export TIMEDB_BIN TIMEDB_TEST_ADMIN_DSN=$CLUSTER_ADMIN_DSN TIMEDB_TEST_PG_BIN=$ASSERT_BIN
    cargo test -p timedb_tests --no-fail-fast --test isolation --test reading -- \
        attacks:: seams:: tenants:: streaming:: damage:: 9>&- || passed=0
    "$TIMEDB_TEST_PYTHON" "$ROOT/tests/crashes.py" "$CLUSTER/server.log" || {
        passed=0
        keep_traces
    }
else
    without="There was no PostgreSQL with assertions to attack: $ASSERT_MISSING. SOAK_PG_SOURCE names a folder with its source."
    note "$without"
fi
if ((passed)); then say "The soak found nothing"; else say "The soak failed"; fi
if [[ -n $without ]]; then say "$without"; fi
((passed))
