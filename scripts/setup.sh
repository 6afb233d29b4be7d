#!/usr/bin/env bash
# Installs what is missing for building and running timedb, and nothing else; with the argument `test`
# also what only the tests need, with `soak` what the soak needs, with `fuzz` what fuzzing needs,
# with `packages` what makes and tries packages, for the versions that TIMEDB_PACKAGES names. Quick when nothing is missing.
# Starts and creates no cluster of the system's PostgreSQL, no PgBouncer, Varnish, nginx and Prometheus.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in suites servers; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

missing=()
need() { missing+=("$@"); }

have_libclang() {
    local file
    [[ -n ${LIBCLANG_PATH:-} ]] && return
    for file in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib/libclang*.so* /usr/lib64/libclang*.so*; do
        [[ -e $file ]] && return
    done
    return 1
}

have cargo || die "Rust is missing: install it with rustup (https://rustup.rs), then run this again"

have cc || need build-essential
have clang || need clang
have_libclang || need libclang-dev
have pkg-config || need pkg-config
have curl || need curl
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
have flock || need util-linux
if is_root && ! have runuser; then need util-linux; fi
case ${1:-} in
test | soak) [[ -x /usr/sbin/pgbouncer ]] || have pgbouncer || need pgbouncer ;;&
test)
    [[ -x /usr/sbin/varnishd ]] || have varnishd || need varnish
    [[ -x /usr/sbin/nginx ]] || need nginx-light
    have chromium || need chromium
    have prometheus || need prometheus
    # A JDK, because the test of the driver is a source file.
    have javac || need default-jdk-headless
    [[ -f /usr/share/java/postgresql.jar ]] || need libpostgresql-jdbc-java
    ;;&
packages)
    have dh || need debhelper
    have lintian || need lintian
    have mmdebstrap || need mmdebstrap
    have objdump || need binutils
    ;;
soak)
    have sqlsmith || need sqlsmith
    # They build the PostgreSQL with assertions.
    have bison || need bison
    have flex || need flex
    have make || need make
    pkg-config --exists libxml-2.0 2>/dev/null || need libxml2-dev
    if have apt-get; then have dpkg-source || need dpkg-dev; fi
    ;;
esac

# Prints the newest supported version that the package lists offer.
offered_postgres() {
    local major
    for major in "${PG_MAJORS[@]}"; do
        if apt-cache show "postgresql-server-dev-$major" >/dev/null 2>&1; then
            printf '%s\n' "$major"
            return
        fi
    done
    return 1
}

# Which PostgreSQL packages are missing: those of one version, of any, or none.
major=
unpack=
if [[ -n ${PG_CONFIG:-} ]]; then use_postgres; fi
if [[ -n ${PG:-} ]]; then
    check_major "$PG"
    use_state
    if config=$(server_config "$PG"); then
        :
    elif apt-cache show "postgresql-server-dev-$PG" >/dev/null 2>&1; then
        major=$PG
    else
        have apt-get || die "PostgreSQL $PG is missing: this system has no apt-get, so set PG_CONFIG to one that you have"
        unpack=$PG
        have patchelf || need patchelf
    fi
elif ! config=$(find_pg_config); then
    major=any
elif [[ ! -x $config ]]; then
    # The server's package is there, the development package (which holds pg_config) is not.
    major=$(sed -E 's|.*/postgresql/([0-9]+)/.*|\1|' <<<"$config")
elif [[ ! -f $("$config" --includedir-server)/postgres.h || ! -x $("$config" --bindir)/postgres ]]; then
    major=$("$config" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
fi

# The tests set the clock of a server.
if [[ ${1:-} == test ]] && ! compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null; then
    need libfaketime
fi

# The tests look whether this extension, which comes in a package of its own, prints keys.
if [[ ${1:-} == test && -z $major$unpack && $config == /usr/* && ! -f $("$config" --pkglibdir)/pgaudit.so ]]; then
    need "postgresql-$("$config" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')-pgaudit"
fi

if ((${#missing[@]})) || [[ -n $major ]]; then
    what=("${missing[@]}")
    [[ -z $major ]] || what+=("PostgreSQL's server and its development files")
    list=$(printf ', %s' "${what[@]}")
    list=${list:2}
    have apt-get || die "missing: $list; this system has no apt-get, so install them with its own package manager and run this again"
    if is_root; then
        sudo=(env)
    elif have sudo; then
        sudo=(sudo)
        note "installing packages takes sudo, which may ask for your password"
    else
        die "missing: $list; installing them takes root or sudo, and $(id -un) has neither"
    fi
    say "Installing system packages (about a minute): $list"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null ||
        die "apt-get update failed: are the package sources of this system reachable?"
    if [[ -n $major ]]; then
        if [[ $major == any ]]; then
            major=$(offered_postgres) ||
                die "this distribution's packages hold no PostgreSQL ${PG_MAJORS[-1]} to ${PG_MAJORS[0]}: add the PostgreSQL project's own apt repository, or set PG_CONFIG"
        fi
        need "postgresql-$major" "postgresql-server-dev-$major"
        if [[ ${1:-} == test ]]; then need "postgresql-$major-pgaudit"; fi
    fi
    # Without this, the server's package would create and start a cluster of the system.
    no_cluster=/etc/postgresql-common/createcluster.d/timedb-setup.conf
    if [[ -n $major && ! -d /usr/lib/postgresql/$major/bin ]]; then
        "${sudo[@]}" mkdir -p "${no_cluster%/*}"
        "${sudo[@]}" tee "$no_cluster" >/dev/null <<<"create_main_cluster = false"
        # shellcheck disable=SC2064
        trap "${sudo[*]} rm -f $no_cluster" EXIT
    fi
    # The packages of PgBouncer, Varnish, nginx and Prometheus would start a service and have it start with the system.
    services=()
    for service in pgbouncer varnish nginx prometheus; do
        [[ " ${missing[*]} " != *" $service"[-\ ]* ]] || services+=("$service")
    done
    quiet=/usr/sbin/policy-rc.d
    if ((${#services[@]})) && [[ ! -e $quiet ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$quiet" >/dev/null
        "${sudo[@]}" chmod 755 "$quiet"
        # shellcheck disable=SC2064
        trap "${sudo[*]} rm -f $no_cluster $quiet" EXIT
    fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
        die "apt-get could not install: ${missing[*]}"
    for service in "${services[@]}"; do
        ! have systemctl || "${sudo[@]}" systemctl disable --quiet "$service" 2>/dev/null ||
            note "the service $service could not be disabled"
    done
fi

if [[ -n $unpack ]]; then fetch_server "$unpack"; fi
use_postgres

wanted=$(sed -nE 's/^pgrx = .*"=([0-9.]+)".*/\1/p' "$ROOT/timedb_ext/Cargo.toml")
[[ -n $wanted ]] || die "timedb_ext/Cargo.toml names no exact version of pgrx"
installed=$(cargo pgrx --version 2>/dev/null | sed -E 's/^cargo-pgrx //' || true)
if [[ $installed != "$wanted" ]]; then
    say "Installing cargo-pgrx $wanted (compiles for about four minutes, once)"
    cargo install cargo-pgrx --version "$wanted" --locked --quiet ||
        die "cargo could not install cargo-pgrx $wanted"
fi

if [[ ${1:-} == fuzz ]]; then
    wanted=0.13.1
    installed=$(cargo fuzz --version 2>/dev/null | sed -E 's/^cargo-fuzz //' || true)
    if [[ $installed != "$wanted" ]]; then
        say "Installing cargo-fuzz $wanted (compiles for a minute, once)"
        cargo install cargo-fuzz --version "$wanted" --locked --quiet ||
            die "cargo could not install cargo-fuzz $wanted"
    fi
fi

if [[ ${1:-} == packages ]]; then
    for item in ${TIMEDB_PACKAGES:-}; do
        if [[ $item =~ ^[0-9]+$ ]]; then env -u PG_CONFIG PG="$item" "$ROOT/scripts/setup.sh"; fi
    done
fi
