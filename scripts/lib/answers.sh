# shellcheck shell=bash
# A cluster of its own for a store that is moved or updated, and what that store answers before and after. Sourced after
# common.sh and use_state; `bin` says where the programs of each major version are.

declare -A bin
SAME_SQL=$ROOT/tests/moves

# Sets WORK, a folder with a path that is short enough for a socket; gone when the script ends.
use_work() {
    WORK=$(as_server mktemp -d /tmp/timedb-work.XXXXXX)
    RUNNING='' DATA=''
    trap 'stop; as_server rm -rf "$WORK"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# make MAJOR FOLDER: a cluster without checksums, which version 18 has by default and pg_upgrade wants alike.
make() {
    local no_checksums=()
    if (($1 >= 18)); then no_checksums=(--no-data-checksums); fi
    as_server "${bin[$1]}/initdb" -D "$WORK/$2" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync "${no_checksums[@]}" >/dev/null
    printf "%s\n" "listen_addresses = ''" "unix_socket_directories = '$WORK'" 'fsync = off' 'max_wal_size = 4GB' |
        as_server tee -a "$WORK/$2/postgresql.conf" >/dev/null
}

# start MAJOR FOLDER
start() {
    as_server "${bin[$1]}/pg_ctl" -D "$WORK/$2" -w -t 120 -l "$WORK/$2.log" start >/dev/null 9>&- ||
        die "PostgreSQL $1 did not start: $(as_server tail -n 3 "$WORK/$2.log")"
    RUNNING=$1 DATA=$2
}

stop() {
    if [[ -n $RUNNING ]]; then as_server "${bin[$RUNNING]}/pg_ctl" -D "$WORK/$DATA" -m fast -w stop >/dev/null; fi
    RUNNING=''
}

# program NAME [ARGUMENT...]: one of PostgreSQL's programs, as the superuser of the server that runs.
program() {
    local path=${bin[$RUNNING]}/$1
    shift
    as_server env PGHOST="$WORK" PGUSER=postgres FOLDER="$SAME_SQL" "$path" "$@"
}

sql() { program psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

# fill BULK_SERIES BULK_POINTS LIVE_SERIES LIVE_MINUTES: a database `store` with values.
fill() {
    sql postgres "CREATE DATABASE store"
    sql store "CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_session; CREATE ROLE board LOGIN IN ROLE timedb_user"
    program psql -X -d store -v keys="$WORK/keys" -v bulk_series="$1" -v bulk_points="$2" -v live_series="$3" -v live_minutes="$4" \
        -f "$SAME_SQL/fill.sql" >/dev/null
}

# Prints everything that the store answers.
answers() { program psql -X -v keys="$WORK/keys" -d store -f "$SAME_SQL/answers.sql"; }

# write: what comes later.
write() { program psql -X -q -v keys="$WORK/keys" -d store -f "$SAME_SQL/write.sql" >/dev/null; }

# same WHAT EXPECTED ACTUAL
same() {
    diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") >&2 || die "$1: other answers than before"
    note "$1: $(wc -l <<<"$3") answers as before"
}

# full ANSWERS: they are of a store that has something of everything.
full() {
    (($(wc -l <<<"$1") == 73 && $(grep -c '|0|$' <<<"$1") < 30)) || die "the store is not filled: $1"
}
