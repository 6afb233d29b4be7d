# shellcheck shell=bash
# Trials of packages in a root file system of their own, with folders, devices and a network that only they see. Sourced
# after common.sh and python.sh; TRIAL and OUT are set.

ROOM=

# open_room ROOT: keeps namespaces of mounts, processes and network in which ROOT has /dev and /proc, until `close_room`.
open_room() {
    local root=$1 try
    close_room
    unshare --mount --net --pid --fork --propagation private --kill-child sh -c '
        ip link set lo up
        mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" || exit 1
        mkdir -p "$1/packages" && mount --bind "$2" "$1/packages" || exit 1
        echo ready >"$3"
        exec sleep infinity' sh "$root" "$OUT" "$TRIAL/ready" 2>"$TRIAL/room.log" 9>&- &
    KEEPER=$!
    for try in {1..150}; do
        if [[ -s $TRIAL/ready ]]; then break; fi
        kill -0 "$KEEPER" 2>/dev/null || die "this machine allows no namespaces: packages cannot be tried here"
        sleep 0.2
    done
    rm -f "$TRIAL/ready"
    # The child is the one inside.
    ROOM=$(pgrep -P "$KEEPER" | head -n 1)
    [[ -n $ROOM ]] || die "this machine allows no namespaces: packages cannot be tried here"
}

close_room() {
    if [[ -n $ROOM ]]; then
        kill -KILL "$ROOM" 2>/dev/null || true
        wait "$KEEPER" 2>/dev/null || true
    fi
    ROOM=
}

trial_end() { close_room; }

# in_room USER COMMAND...: runs it in ROOT as a user.
in_room() {
    local user=$1
    shift
    nsenter --target "$ROOM" --mount --net --pid chroot --userspec="$user" "$TRIAL_ROOT" /usr/bin/env -i \
        PATH="$TRIAL_PATH" LANG=C.UTF-8 HOME=/tmp DEBIAN_FRONTEND=noninteractive "$@" 9>&-
}

# blocks HEADING: the commands that docs/install.md has under a heading and gives to this test, one file for each.
blocks() {
    awk -v heading="## $1" -v to="$TRIAL/block" '
        /^## / { inside = $0 == heading; next }
        inside && /^<!-- not run: make packages-test runs it/ { wanted = 1; next }
        inside && wanted && /^```bash$/ { writing = ++count; wanted = 0; next }
        /^```$/ { writing = 0; next }
        writing { print > (to "-" writing) }' "$ROOT/docs/install.md"
}

# run_block NUMBER USER FOLDER
run_block() {
    note "docs/install.md: $(head -n 1 "$TRIAL/block-$1") ..."
    in_room "$2" sh -c 'cd "$1" && exec sh -e' sh "$3" <"$TRIAL/block-$1"
}

# tell_notebook USER DSN: the story of examples/notebook.py with the program in ROOT, from outside.
tell_notebook() {
    local user=$1 dsn=$2 folder=$TRIAL/outside program
    mkdir -p "$folder"
    for program in timedb pg_dump; do
        printf '#!/bin/sh\nexec chroot --userspec=%s %s /usr/bin/env PATH=%s %s "$@"\n' "$user" "$TRIAL_ROOT" "$TRIAL_PATH" $program >"$folder/$program"
        chmod 755 "$folder/$program"
    done
    nsenter --target "$ROOM" --mount --net --pid env TEST_TIMEDB_DSN="$dsn" TIMEDB_BIN="$folder/timedb" TIMEDB_PG_BIN="$folder" \
        PYTHONDONTWRITEBYTECODE=1 "$TIMEDB_TEST_PYTHON" "$ROOT/examples/notebook.py" >"$TRIAL/notebook.log" 2>&1 9>&- ||
        { tail -n 30 "$TRIAL/notebook.log" >&2 && die "the notebook's story came out differently"; }
    tail -n 1 "$TRIAL/notebook.log" | grep -q '^SUCCESS: ' || die "the notebook's story did not come to its end"
    note "the notebook: $(grep -c '^  ok: ' "$TRIAL/notebook.log") outcomes as documented"
}

# waits_for_ready [LOG [PROCESS]]: until the server in ROOT answers that it is ready.
waits_for_ready() {
    local try
    for try in {1..600}; do
        [[ -z ${2:-} ]] || kill -0 "$2" 2>/dev/null || break
        if nsenter --target "$ROOM" --net curl -fs http://127.0.0.1:8000/ready >/dev/null; then return; fi
        sleep 0.2
    done
    [[ ! -s ${1:-} ]] || tail -n 20 "$1" >&2
    die "the server does not become ready"
}

# try_image MAJOR: the image of server and PostgreSQL, unpacked, as its user.
try_image() {
    local image config entry
    image=$(compgen -G "$OUT/timedb-*-pg$1-oci-*.tar") || return 0
    say "Trying ${image##*/}"
    TRIAL_ROOT=$TRIAL/image
    rm -rf "$TRIAL_ROOT"
    mkdir -p "$TRIAL_ROOT"
    config=$(python3 "$ROOT/scripts/oci.py" unpack "$image" "$TRIAL_ROOT")
    TRIAL_PATH=$(python3 -c 'import json, sys; print(next(e[5:] for e in json.loads(sys.argv[1])["Env"] if e.startswith("PATH=")))' "$config")
    mapfile -t entry < <(python3 -c 'import json, sys; c = json.loads(sys.argv[1]); print(c["User"], *c["Env"], *c["Entrypoint"], sep="\n")' "$config")
    open_room "$TRIAL_ROOT"
    in_room "${entry[0]}" "${entry[@]:1}" >"$TRIAL/image.log" 2>&1 &
    waits_for_ready "$TRIAL/image.log" $!
    in_room "${entry[0]}" "${entry[@]:1:${#entry[@]}-2}" timedb users create --email alice@example.com | grep -q 'API Key: tdb_' ||
        die "the image's command line makes no user"
    in_room "${entry[0]}" psql -q -h /run/postgresql -U postgres -c 'CREATE DATABASE notebook'
    tell_notebook "${entry[0]}" 'postgresql:///notebook?host=/run/postgresql&user=postgres'
    if in_room "${entry[0]}" "${entry[@]:1}" >"$TRIAL/second.log" 2>&1; then die "a second container starts on the same volume"; fi
    grep -q '^ERROR: another container uses the volume ' "$TRIAL/second.log" ||
        { cat "$TRIAL/second.log" >&2 && die "a second container on the same volume says something else"; }
    # Started again, it has what it had.
    close_room
    open_room "$TRIAL_ROOT"
    in_room "${entry[0]}" "${entry[@]:1}" >>"$TRIAL/image.log" 2>&1 &
    waits_for_ready "$TRIAL/image.log" $!
    in_room "${entry[0]}" "${entry[@]:1:${#entry[@]}-2}" timedb users list | grep -q alice@example.com || die "the image has lost its users"
    close_room
}

# debian_base SUITE: a minimal Debian, kept as a tar file.
debian_base() {
    local base=$TRIAL/base-$1.tar new=$TRIAL/new-$1.tar
    if [[ ! -f $base ]]; then
        # By the name's end mmdebstrap knows that it is to be an archive.
        rm -rf "$new"
        say "Fetching a minimal Debian ($1)"
        suite_apt "$TRIAL/apt-$1" "$1" security
        mmdebstrap --quiet --variant=minbase --include=ca-certificates --aptopt='Acquire::Check-Valid-Until "false"' "$1" "$new" \
            "$TRIAL/apt-$1/sources.list" || die "there is no $1 to be had"
        mv "$new" "$base"
    fi
    rm -rf "$TRIAL_ROOT"
    mkdir -p "$TRIAL_ROOT"
    tar --extract --file "$base" --directory "$TRIAL_ROOT"
}

# try_debian MAJOR: packages and archive in a Debian that has that PostgreSQL.
try_debian() {
    local major=$1 suite
    suite=$(suite_of "$major") || {
        note "Debian has no PostgreSQL $major: its packages are not installed"
        return 0
    }
    say "Trying the packages for PostgreSQL $major in a clean Debian ($suite)"
    TRIAL_ROOT=$TRIAL/debian
    TRIAL_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    debian_base "$suite"
    rm -f "$TRIAL"/block-*
    mkdir -p "$TRIAL_ROOT/etc/postgresql-common/createcluster.d" "$TRIAL_ROOT/packages"
    printf 'create_main_cluster = false\n' >"$TRIAL_ROOT/etc/postgresql-common/createcluster.d/no.conf"
    printf '#!/bin/sh\nexit 101\n' >"$TRIAL_ROOT/usr/sbin/policy-rc.d"
    chmod 755 "$TRIAL_ROOT/usr/sbin/policy-rc.d"
    printf 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n' >"$TRIAL_ROOT/etc/apt/apt.conf.d/90trial"
    blocks "Debian packages"
    sed -i "s/postgresql-15/postgresql-$major/g" "$TRIAL"/block-*
    # With the network of the machine, for what the packages depend on, and /proc, which systemd's programs want.
    cp "$OUT"/*.deb "$OUT"/*.tar.gz "$TRIAL_ROOT/packages/"
    note "docs/install.md: $(cat "$TRIAL/block-1")"
    unshare --mount --pid --fork --propagation private --kill-child sh -ec 'mount -t proc proc "$1/proc"; exec chroot "$1" env DEBIAN_FRONTEND=noninteractive sh -ec "$2"' \
        sh "$TRIAL_ROOT" "apt-get update -q; cd /packages; $(cat "$TRIAL/block-1")" >"$TRIAL/install.log" 2>&1 9>&- ||
        { tail -n 20 "$TRIAL/install.log" >&2 && die "the packages cannot be installed"; }

    # systemd does not run here: what it would do for the service does.
    cat >"$TRIAL_ROOT/usr/local/bin/systemctl" <<'SH'
#!/bin/sh -e
[ "$*" = "enable --now timedb" ]
unit=$(cat /lib/systemd/system/timedb.service /usr/lib/systemd/system/timedb.service 2>/dev/null)
start=$(printf '%s\n' "$unit" | sed -n 's/^ExecStart=//p' | head -n 1)
user=$(printf '%s\n' "$unit" | sed -n 's/^User=//p' | head -n 1)
setsid runuser -u "$user" -- $start >/var/log/timedb.log 2>&1 </dev/null &
SH
    chmod 755 "$TRIAL_ROOT/usr/local/bin/systemctl"
    open_room "$TRIAL_ROOT"
    in_room root:root pg_createcluster "$major" main -p 5432 --start >/dev/null
    run_block 2 root:root / >"$TRIAL/service.log"
    grep -q 'API Key: tdb_' "$TRIAL/service.log" || die "the commands of docs/install.md make no user"
    waits_for_ready "$TRIAL_ROOT/var/log/timedb.log"
    in_room root:root sh -ec 'test "$(stat -c %a:%U:%G /etc/timedb/timedb.toml)" = 640:root:timedb' || die "others can read the server's settings"
    # A minimal Debian has no ps.
    in_room root:root sh -c 'for process in /proc/[0-9]*; do [ "$(cat "$process/comm")" != timedb ] || stat -c %U "$process"; done 2>/dev/null' >"$TRIAL/users"
    [[ $(sort -u "$TRIAL/users") == timedb ]] || die "the server runs as $(tr '\n' ' ' <"$TRIAL/users")and not as timedb"
    in_room root:root runuser -u postgres -- createdb notebook
    tell_notebook postgres:postgres 'postgresql:///notebook?host=/run/postgresql&user=postgres'

    note "purge, which leaves what is stored"
    in_room root:root apt-get -q purge timedb "postgresql-$major-timedb" >"$TRIAL/purge.log" 2>&1 || die "purge fails: $(tail -n 1 "$TRIAL/purge.log")"
    [[ ! -e $TRIAL_ROOT/etc/timedb && ! -e $TRIAL_ROOT/usr/bin/timedb && ! -e $TRIAL_ROOT/usr/lib/postgresql/$major/lib/timedb.so ]] ||
        die "purge leaves files behind"

    note "the archive, as root and not"
    rm -f "$TRIAL"/block-*
    blocks Archive
    sed -i "s/pg15/pg$major/g; s#postgresql/15#postgresql/$major#g" "$TRIAL"/block-*
    in_room root:root sh -c 'mkdir -p /tmp/user/home && cp /packages/*.tar.gz /tmp/user/ && chown -R nobody:nogroup /tmp/user'
    if in_room nobody:nogroup sh -ec "cd /tmp/user; tar -xzf *-pg$major-*.tar.gz; exec timedb-*-pg$major-*/install.sh --pg-config /usr/lib/postgresql/$major/bin/pg_config" 2>/dev/null; then
        # Without the development package there is no pg_config to ask.
        die "install.sh installs where it must not"
    fi
    in_room root:root sh -ec "printf '#!/bin/sh\ncase \$1 in --version) echo PostgreSQL $major.0;; --sharedir) echo /usr/share/postgresql/$major;; --pkglibdir) echo /usr/lib/postgresql/$major/lib;; esac\n' >/usr/lib/postgresql/$major/bin/pg_config; chmod 755 /usr/lib/postgresql/$major/bin/pg_config"
    run_block 1 root:root /packages >/dev/null
    in_room root:root runuser -u postgres -- psql -q -d timedb -c 'SELECT count(*) FROM timedb.list_users()' | grep -q 1 ||
        die "the store does not open with the archive's library"
    in_room nobody:nogroup env HOME=/tmp/user/home sh -ec "cd /tmp/user; $(cat "$TRIAL/block-2")" >/dev/null
    [[ -x $TRIAL_ROOT/tmp/user/home/.local/bin/timedb ]] || die "install.sh does not install for a user"
    in_room nobody:nogroup /tmp/user/home/.local/bin/timedb --version >/dev/null
    close_room
}

# try_cnpg: the image of the extension, with a PostgreSQL 18 that has it nowhere else.
try_cnpg() {
    local image config bin data log=$TRIAL/cnpg.log
    image=$(compgen -G "$OUT/timedb-*-pg18-cnpg-*.tar") || {
        note "there is no image for PostgreSQL 18: CloudNativePG's is not tried"
        return 0
    }
    fetch_server 18
    config=$(server_config 18)
    bin=${config%/*}
    say "Trying ${image##*/}"
    data=$TRIAL/cnpg
    rm -rf "$data"
    mkdir -p "$data/extensions/timedb" "$data/socket"
    python3 "$ROOT/scripts/oci.py" unpack "$image" "$data/extensions/timedb" >/dev/null
    [[ $(cd "$data/extensions/timedb" && printf '%s ' *) == "lib share " ]] || die "the image holds more than /lib and /share"
    chown -R postgres: "$data/socket"
    chmod 755 "$data"
    mkdir "$data/cluster"
    chown postgres: "$data/cluster"
    as_server "$bin/initdb" -D "$data/cluster" -U postgres --auth=trust >"$log" 2>&1 || die "initdb fails, see $log"
    as_server "$bin/pg_ctl" -D "$data/cluster" -w -l "$data/cluster/log" \
        -o "-c listen_addresses='' -c unix_socket_directories='$data/socket' -c extension_control_path='\$system:$data/extensions/timedb/share' -c dynamic_library_path='\$libdir:$data/extensions/timedb/lib'" \
        start >>"$log" 2>&1 9>&- || die "PostgreSQL 18 does not start, see $log"
    # shellcheck disable=SC2064
    trap "as_server '$bin/pg_ctl' -D '$data/cluster' -m fast stop >/dev/null 2>&1; trial_end" EXIT
    as_server "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$data/socket" -U postgres -d postgres \
        -c 'CREATE EXTENSION timedb' -c "SELECT timedb.create_tenant('cnpg') IS NOT NULL" >>"$log" 2>&1 ||
        die "the extension does not work from the image, see $log"
    as_server "$bin/pg_ctl" -D "$data/cluster" -m fast stop >/dev/null
    trap trial_end EXIT
}
