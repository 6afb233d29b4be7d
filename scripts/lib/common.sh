# shellcheck shell=bash disable=SC2034
# What every script shares: messages, the project's and the state folder, which PostgreSQL is used,
# and how to act as the user that PostgreSQL runs as. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}
# The versions that `pg15` ... `pg18` of the crate stand for, the preferred one first.
PG_MAJORS=(18 17 16 15)

say() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() {
    printf 'ERROR: %s\n' "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [[ $(id -u) -eq 0 ]]; }

# The Makefile does the same; the scripts can be called without it.
if ! have cargo && [[ -x ${HOME:-/nonexistent}/.cargo/bin/cargo ]]; then
    PATH=$HOME/.cargo/bin:$PATH
fi

# A PGHOST or PGOPTIONS of the caller would lead the clients below to another server.
for name in "${!PG@}"; do
    case $name in
    PG | PG_CONFIG | PG_MAJORS) ;;
    *) unset "$name" ;;
    esac
done
unset name
umask 022

# Prints the areas of the behaviour tests.
test_areas() {
    local main
    for main in "$ROOT"/tests/tests/*/main.rs; do basename "${main%/main.rs}"; done
}

check_major() {
    [[ " ${PG_MAJORS[*]} " == *" $1 "* ]] || die "PG=$1 is not a version that timedb supports: ${PG_MAJORS[-1]} to ${PG_MAJORS[0]}"
}

# Prints the pg_config of a version: the system's, or the one that `fetch_server` has unpacked.
server_config() {
    local config
    for config in {/,"${STATE:-/nonexistent}/servers/$1/root/"}usr/lib/postgresql/"$1"/bin/pg_config "${STATE:-/nonexistent}/servers/$1/root/bin/pg_config"; do
        if [[ -x $config && -x ${config%/*}/postgres ]]; then
            printf '%s\n' "$config"
            return
        fi
    done
    return 1
}

# Prints the pg_config to use: PG_CONFIG, that of the version PG, or the newest supported one that has its server
# beside it. It may not exist yet.
find_pg_config() {
    if [[ -n ${PG:-} ]]; then
        server_config "$PG"
        return
    fi
    if [[ -n ${PG_CONFIG:-} ]]; then
        command -v "$PG_CONFIG" || printf '%s\n' "$PG_CONFIG"
        return
    fi
    local major
    for major in "${PG_MAJORS[@]}"; do
        if [[ -x /usr/lib/postgresql/$major/bin/postgres ]]; then
            printf '/usr/lib/postgresql/%s/bin/pg_config\n' "$major"
            return
        fi
    done
    return 1
}

# Sets PG_CONFIG, PG_MAJOR and PG_BIN; `make setup` comes first, so their absence is an error.
use_postgres() {
    if [[ -n ${PG:-} ]]; then
        [[ -z ${PG_CONFIG:-} ]] || die "PG and PG_CONFIG both say which PostgreSQL to use: set one of them"
        check_major "$PG"
        if [[ -z ${STATE:-} ]]; then use_state; fi
    fi
    PG_CONFIG=$(find_pg_config) || die "no PostgreSQL ${PG_MAJORS[-1]} to ${PG_MAJORS[0]} found: run 'make setup', or set PG_CONFIG"
    have "$PG_CONFIG" || die "PG_CONFIG is $PG_CONFIG, which is not a program"
    PG_MAJOR=$("$PG_CONFIG" --version 2>/dev/null | sed -nE 's/^PostgreSQL ([0-9]+).*/\1/p' || true)
    [[ -n $PG_MAJOR ]] || die "PG_CONFIG is $PG_CONFIG, which is not PostgreSQL's pg_config"
    [[ " ${PG_MAJORS[*]} " == *" $PG_MAJOR "* ]] ||
        die "$PG_CONFIG belongs to PostgreSQL $PG_MAJOR; timedb supports ${PG_MAJORS[-1]} to ${PG_MAJORS[0]}"
    PG_BIN=$("$PG_CONFIG" --bindir)
    # Lets pgrx build without `cargo pgrx init`.
    export PGRX_PG_CONFIG_PATH=$PG_CONFIG
    # Decided: a second call, or a script that this one starts, finds the same.
    export PG_CONFIG
    unset PG
    PG_FEATURES=(--no-default-features --features "timedb_ext/pg$PG_MAJOR")
}

# PostgreSQL refuses to run as root.
server_user() {
    if is_root; then printf 'postgres\n'; else id -un; fi
}

# Runs a command as the user that the private servers run as, from a folder that user may enter.
as_server() {
    if is_root; then
        (cd / && exec runuser -u postgres -- "$@")
    else
        (cd / && exec "$@")
    fi
}

# Sets STATE, the git-ignored folder of everything that is neither source nor build result.
use_state() {
    if is_root && ! getent passwd postgres >/dev/null; then
        say "Creating the system user postgres (PostgreSQL refuses to run as root)"
        useradd --system --no-create-home --shell /usr/sbin/nologin postgres
    fi
    if [[ -n ${TIMEDB_STATE_DIR:-} ]]; then
        mkdir -p "$TIMEDB_STATE_DIR"
        STATE=$(cd "$TIMEDB_STATE_DIR" && pwd -P)
    elif is_root && ! as_server test -x "$ROOT"; then
        STATE=/var/tmp/timedb-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)
        if [[ ! -d $STATE ]]; then
            say "The user postgres may not enter $ROOT: the private clusters live in $STATE"
            mkdir -m 755 "$STATE"
        fi
        [[ ! -L $STATE && $(stat -c %u "$STATE") -eq 0 ]] || die "$STATE belongs to somebody else: set TIMEDB_STATE_DIR"
    else
        STATE=$ROOT/.timedb
        mkdir -p "$STATE"
    fi
    [[ -w $STATE ]] || die "$STATE is not writable for $(id -un): set TIMEDB_STATE_DIR to a folder of your own"
    as_server test -x "$STATE" || die "the user $(server_user) may not enter $STATE: set TIMEDB_STATE_DIR to another folder"
}

# Holds the lock NAME until this script ends; the servers it starts must not inherit descriptor 9.
take_lock() {
    exec 9>"$STATE/$1.lock"
    flock -n 9 || die "another 'make $1' is running in this folder; wait for it, or set TIMEDB_STATE_DIR"
}

# Replaces a file by rename: a running backend that has the old one mapped keeps its old pages.
install_file() {
    local source=$1 target=$2 mode=${3:-644}
    install -m "$mode" "$source" "$target.new.$$"
    mv -f "$target.new.$$" "$target"
}

# copy_source FOLDER: what git knows of the source and what it does not ignore, as it stands here.
copy_source() {
    mkdir -p "$1"
    git -C "$ROOT" ls-files -z --cached --others --exclude-standard |
        tar --create --directory "$ROOT" --null --files-from=- --ignore-failed-read 2>/dev/null | tar --extract --directory "$1"
}

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Prints a port of 127.0.0.1 that nobody listens on, the given one first.
free_port() {
    local port=${1:-0} try
    for try in {1..100}; do
        if ((port > 0)) && ! port_is_open "$port"; then
            printf '%s\n' "$port"
            return
        fi
        port=$((20000 + (RANDOM * 32768 + RANDOM + try) % 12000))
    done
    die "found no free port on 127.0.0.1"
}
