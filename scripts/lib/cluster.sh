# shellcheck shell=bash disable=SC2034
# Private PostgreSQL clusters: one folder `$STATE/<name>` each, on a free port of 127.0.0.1 (password)
# and a socket in a folder that only its owner may enter (no password). Sourced after tree.sh.

# Settings of a cluster for the behaviour tests. Nothing of it outlives the run; the tests of durability start
# clusters of their own. It tells its log whatever it can be told to: no API key may be in there afterwards.
TEST_SETTINGS=('fsync = off' 'full_page_writes = off' 'max_connections = 200'
    'log_statement = all' 'log_min_duration_statement = 0' 'log_min_messages = debug2'
    'log_error_verbosity = verbose' 'log_min_error_statement = debug5'
    'log_parameter_max_length_on_error = -1' "log_line_prefix = '%m [%p] app=%a '"
    "shared_preload_libraries = 'pg_stat_statements'" 'pg_stat_statements.max = 50000'
    'pg_stat_statements.track = all')

# More options of `pg_ctl start`, such as -c for core files.
CLUSTER_OPTIONS=()

# Percent-encodes what a connection URI would misread in a path.
uri_path() {
    local text=$1 out='' char i
    for ((i = 0; i < ${#text}; i++)); do
        char=${text:i:1}
        case $char in
        [A-Za-z0-9/._~-]) out+=$char ;;
        *) out+=$(printf '%s' "$char" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%') ;;
        esac
    done
    printf '%s\n' "$out"
}

# cluster_dsn DATABASE USER: a connection URI over the socket, without a password.
cluster_dsn() {
    printf 'postgresql:///%s?host=%s&port=%s&user=%s\n' "$1" "$(uri_path "$CLUSTER_SOCKET")" "$CLUSTER_PORT" "$2"
}

# cluster_sql DATABASE SQL: runs it as the superuser and prints bare values. Names mean PostgreSQL's own objects,
# whatever stands in the database.
cluster_sql() {
    PGOPTIONS='-c search_path=pg_catalog,pg_temp' "$TREE_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(cluster_dsn "$1" postgres)" -c "$2"
}

cluster_is_running() {
    [[ -f $CLUSTER_DATA/postmaster.pid ]] && as_server "$TREE_BIN/pg_ctl" -D "$CLUSTER_DATA" status >/dev/null 2>&1
}

# Creates the data folder, in one step: an interrupted initdb leaves nothing that looks finished.
cluster_init() {
    local version password_file
    if as_server test -f "$CLUSTER_DATA/PG_VERSION"; then
        version=$(as_server cat "$CLUSTER_DATA/PG_VERSION")
        [[ $version == "$PG_MAJOR" ]] ||
            die "$CLUSTER_DATA was made by PostgreSQL $version, not $PG_MAJOR: set PG_CONFIG to version $version, or 'make distclean' to start anew"
        return
    fi
    say "Creating a private PostgreSQL $PG_MAJOR cluster in $CLUSTER_DATA"
    as_server rm -rf "$CLUSTER_DATA.new"
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$CLUSTER/password")
    password_file=$(as_server mktemp)
    as_server tee "$password_file" <"$CLUSTER/password" >/dev/null
    as_server "$TREE_BIN/initdb" -D "$CLUSTER_DATA.new" -U postgres --pwfile="$password_file" \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >"$CLUSTER/initdb.log" 2>&1 ||
        die "initdb failed: $(tail -n 3 "$CLUSTER/initdb.log")"
    as_server rm -f "$password_file"
    as_server tee -a "$CLUSTER_DATA.new/postgresql.conf" >/dev/null <<<"include_if_exists = 'timedb.conf'"
    as_server mv "$CLUSTER_DATA.new" "$CLUSTER_DATA"
}

# cluster_start NAME [SETTING...]: sets CLUSTER_DATA, CLUSTER_PORT, CLUSTER_SOCKET, CLUSTER_ADMIN_DSN.
# The caller holds the lock NAME, so a server that still runs there is one that a killed script left.
cluster_start() {
    local name=$1 try
    shift
    CLUSTER=$STATE/$name
    CLUSTER_DATA=$CLUSTER/data
    mkdir -p "$CLUSTER"
    if is_root; then chown postgres: "$CLUSTER"; fi
    cluster_init
    if cluster_is_running; then
        say "Stopping the server that an earlier run left behind"
        cluster_stop
    fi
    # The kernel allows about 107 bytes for a socket's path.
    CLUSTER_SOCKET=$CLUSTER/socket
    if ((${#CLUSTER_SOCKET} > 85)); then
        CLUSTER_SOCKET=$(as_server mktemp -d /tmp/timedb.XXXXXX)
    fi
    as_server mkdir -p -m 700 "$CLUSTER_SOCKET"
    CLUSTER_PORT=$(cat "$CLUSTER/port" 2>/dev/null || printf '0\n')
    for try in 1 2 3 4 5; do
        CLUSTER_PORT=$(free_port "$CLUSTER_PORT")
        {
            printf "listen_addresses = '127.0.0.1'\nport = %s\nunix_socket_directories = '%s'\n" \
                "$CLUSTER_PORT" "${CLUSTER_SOCKET//\'/\'\'}"
            printf "log_destination = stderr\nlogging_collector = off\n"
            printf '%s\n' "$@"
        } | as_server tee "$CLUSTER_DATA/timedb.conf" >/dev/null
        if as_server "$TREE_BIN/pg_ctl" -D "$CLUSTER_DATA" -w -t 120 -l "$CLUSTER/server.log" "${CLUSTER_OPTIONS[@]}" start >/dev/null 9>&-; then
            printf '%s\n' "$CLUSTER_PORT" >"$CLUSTER/port"
            CLUSTER_ADMIN_DSN=postgresql://postgres:$(<"$CLUSTER/password")@127.0.0.1:$CLUSTER_PORT/postgres
            note "PostgreSQL $PG_MAJOR runs on 127.0.0.1:$CLUSTER_PORT, log in $CLUSTER/server.log"
            return
        fi
        # Another process may have taken the port since we looked.
        CLUSTER_PORT=0
        note "try $try failed: $(tail -n 1 "$CLUSTER/server.log")"
    done
    die "the private PostgreSQL server did not start; see $CLUSTER/server.log"
}

cluster_stop() {
    if cluster_is_running; then
        as_server "$TREE_BIN/pg_ctl" -D "$CLUSTER_DATA" -m fast -w -t 120 stop >/dev/null ||
            note "the private PostgreSQL server did not stop; see $CLUSTER/server.log"
    fi
    if [[ ${CLUSTER_SOCKET:-} == /tmp/timedb.* ]]; then as_server rm -rf "$CLUSTER_SOCKET"; fi
}

# Deletes a cluster that holds nothing to keep. The caller holds its lock.
cluster_remove() {
    CLUSTER=$STATE/$1
    CLUSTER_DATA=$CLUSTER/data
    cluster_stop
    rm -rf "$CLUSTER"
}
