#!/bin/sh
# What the image of server and PostgreSQL runs: PostgreSQL on the volume /var/lib/postgresql/data, with timedb in the
# database timedb, and the HTTP API on port 8000. When one of them ends, so does the other. With arguments it runs those
# instead: psql, timedb, postgres.
set -eu

if [ $# -gt 0 ]; then exec "$@"; fi

data=${PGDATA:?}
# Held by everything that this starts. PostgreSQL's own lock is the number of a process, which says nothing in another
# container.
exec 9>>"$data/container.lock"
flock -n 9 || {
    echo "ERROR: another container uses the volume $data: stop it, or give this one a volume of its own" >&2
    exit 1
}
if [ ! -s "$data/PG_VERSION" ]; then
    # Whoever is in this container is the superuser; whoever is not has to have a password. In one step: an
    # interrupted start leaves nothing that looks finished.
    rm -rf "$data/new"
    initdb --pgdata="$data/new" --username=postgres --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    version=$(cat "$data/new/PG_VERSION")
    rm "$data/new/PG_VERSION"
    mv "$data"/new/* "$data"/
    rmdir "$data/new"
    printf '%s\n' "$version" >"$data/PG_VERSION"
    chmod 700 "$data"
fi
# What a container that was killed has left; nobody else is there.
rm -f "$data/postmaster.pid"

postgres -D "$data" -c unix_socket_directories=/run/postgresql -c "listen_addresses=${POSTGRES_LISTEN:-}" &
postgres=$!
api=
stop() {
    trap '' TERM INT
    # First whoever asks, then who is asked.
    if [ -n "$api" ]; then
        kill -TERM "$api" 2>/dev/null || true
        wait "$api" 2>/dev/null || true
    fi
    kill -INT "$postgres" 2>/dev/null || true
    wait "$postgres" 2>/dev/null || true
}
trap 'stop; exit 143' TERM
trap 'stop; exit 130' INT

until pg_isready -q -h /run/postgresql; do
    kill -0 "$postgres" 2>/dev/null || exit 1
    sleep 0.2
done

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h /run/postgresql -U postgres -d "$1" -c "$2"; }
if [ -z "$(sql postgres "SELECT 1 FROM pg_catalog.pg_database WHERE datname = 'timedb'")" ]; then
    sql postgres 'CREATE DATABASE timedb'
fi
if [ -z "$(sql timedb "SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'timedb'")" ]; then
    timedb create tables --with-users -y
else
    sql timedb 'ALTER EXTENSION timedb UPDATE'
fi
if [ -z "$(sql timedb "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'timedb'")" ]; then
    sql timedb 'CREATE ROLE timedb LOGIN IN ROLE timedb_user'
fi

# The variable: what large requests took goes back to the system when they are over.
MALLOC_MMAP_THRESHOLD_=1048576 timedb api --host "${TIMEDB_HOST:-0.0.0.0}" --dsn 'host=/run/postgresql user=timedb dbname=timedb' &
api=$!
while kill -0 "$postgres" 2>/dev/null && kill -0 "$api" 2>/dev/null; do
    sleep 1 &
    wait $! || true
done
stop
exit 1
