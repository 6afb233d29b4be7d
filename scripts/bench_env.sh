#!/usr/bin/env bash
# Runs a command (the benchmark) with a private, durable PostgreSQL cluster that is gone afterwards:
#
#   scripts/bench_env.sh COMMAND [ARGUMENT...]
#
# The command finds TIMEDB_BENCH_DSN (superuser, TCP, database postgres), TIMEDB_BENCH_SOCKET_DSN (the
# same over the socket), TIMEDB_BENCH_PG_BIN (psql, pgbench), TIMEDB_BIN and TIMEDB_BENCH_PYTHON.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree cluster artefacts python; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done
(($#)) || die "usage: scripts/bench_env.sh COMMAND [ARGUMENT...]"

use_postgres
use_state
take_lock bench
build_extension
build_binary
use_tree
install_into_tree "$PACKAGE"
use_python

trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'cluster_remove bench' EXIT
cluster_remove bench
cluster_start bench 'fsync = on' 'synchronous_commit = on' 'shared_buffers = 1GB' 'max_wal_size = 8GB'

export TIMEDB_BIN
export TIMEDB_BENCH_DSN=$CLUSTER_ADMIN_DSN
TIMEDB_BENCH_SOCKET_DSN=$(cluster_dsn postgres postgres)
export TIMEDB_BENCH_SOCKET_DSN
export TIMEDB_BENCH_PG_BIN=$TREE_BIN
export TIMEDB_BENCH_PYTHON=$TIMEDB_TEST_PYTHON
cd "$ROOT"
"$@"
