#!/usr/bin/env bash
# Serves the API with a private PostgreSQL cluster until Ctrl-C. The data stays in the state folder.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree cluster artefacts demo; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

PORT=${PORT:-8000}
if ! [[ $PORT =~ ^[0-9]{1,5}$ ]] || ((PORT < 1 || PORT > 65535)); then die "PORT=$PORT is not a port number"; fi
if port_is_open "$PORT"; then
    die "port $PORT of 127.0.0.1 is taken by another program: stop it, or choose another port with 'make run PORT=8001'"
fi

use_postgres
use_state
take_lock run
build_extension
build_binary
use_tree
install_into_tree "$PACKAGE"

api=
# shellcheck disable=SC2317
finish() {
    local status=$?
    trap '' INT TERM HUP
    if [[ -n $api ]] && kill -TERM "$api" 2>/dev/null; then
        say "Stopping the server"
        wait "$api" || true
    fi
    say "Stopping PostgreSQL; the data stays in $CLUSTER_DATA"
    cluster_stop
    # Ctrl-C is how a run ends.
    if [[ $status -eq 130 ]]; then status=0; fi
    exit "$status"
}
trap 'exit 130' INT TERM HUP
trap finish EXIT

say "Starting PostgreSQL"
cluster_start run 'fsync = on'
if [[ $(cluster_sql postgres "SELECT count(*) FROM pg_database WHERE datname = 'timedb'") -eq 0 ]]; then
    cluster_sql postgres 'CREATE DATABASE timedb'
fi
if [[ $(cluster_sql timedb "SELECT count(*) FROM pg_extension WHERE extname = 'timedb'") -eq 0 ]]; then
    say "Creating the extension"
    TIMEDB_DSN=$(cluster_dsn timedb postgres) "$TIMEDB_BIN" create tables --with-users -y >/dev/null
fi
update_extension
create_demo_roles
create_demo_user

# In a session of its own: the terminal's Ctrl-C would be its first signal and the TERM of `finish`
# its second, and the second one cuts running requests off.
TIMEDB_DSN=$(cluster_dsn timedb demo_api) setsid "$TIMEDB_BIN" api --host 127.0.0.1 --port "$PORT" 9>&- &
api=$!
for _ in {1..100}; do
    if port_is_open "$PORT"; then break; fi
    kill -0 "$api" 2>/dev/null || break
    sleep 0.1
done
if kill -0 "$api" 2>/dev/null; then print_welcome; fi
status=0
wait "$api" || status=$?
api=
exit "$status"
