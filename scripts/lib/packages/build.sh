# shellcheck shell=bash disable=SC2034
# What packages are made of: the extension for several versions of PostgreSQL and the binary, optimised, with line tables
# for the packages of debug symbols, and the same whatever folder they are built in. Sourced after common.sh and
# artefacts.sh.

# The C library of Debian 12. What needs a newer one would not start there.
GLIBC_NEWEST=2.36

# Prints the pg_config of a version, or the one that is given.
package_config() {
    local config=$1
    if [[ $1 =~ ^[0-9]+$ ]]; then
        config=/usr/lib/postgresql/$1/bin/pg_config
        if [[ ! -x $config ]]; then
            # One that the tests have unpacked.
            if [[ -z ${STATE:-} ]]; then use_state; fi
            config=$(server_config "$1" || true)
        fi
    fi
    have "${config:-/nonexistent}" || die "TIMEDB_PACKAGES names $1, which is neither a PostgreSQL that is here nor a pg_config"
    printf '%s\n' "$config"
}

# Sets PACKAGE_CONFIGS, a pg_config for each extension to package: those that TIMEDB_PACKAGES names, versions or paths,
# or the PostgreSQL that everything else uses.
use_package_configs() {
    local item
    PACKAGE_CONFIGS=()
    for item in ${TIMEDB_PACKAGES:-}; do
        PACKAGE_CONFIGS+=("$(package_config "$item")")
    done
    if ((${#PACKAGE_CONFIGS[@]} == 0)); then
        use_postgres
        PACKAGE_CONFIGS=("$PG_CONFIG")
    fi
}

# Sets what a build must not take from where and when it happens: SOURCE_DATE_EPOCH, the time of the last commit, and
# flags by which the compilers write other paths than the folders' own.
use_reproducible_build() {
    local cargo_home sysroot rust config flags
    if [[ -z ${SOURCE_DATE_EPOCH:-} ]]; then
        SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct 2>/dev/null) ||
            die "this is no git repository: set SOURCE_DATE_EPOCH to the seconds since 1970 that packages are to be of"
    fi
    export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
    TARGET_DIR=$TARGET_DIR/packages-build
    mkdir -p "$TARGET_DIR"
    TARGET_DIR=$(cd "$TARGET_DIR" && pwd -P)
    # Code that is made during the build is formatted by the nearest file of this name, and lines of it are in the programs.
    cp "$ROOT/rustfmt.toml" "$TARGET_DIR/"
    cargo_home=$(cd "${CARGO_HOME:-$HOME/.cargo}" && pwd -P)
    sysroot=$(rustc --print sysroot)
    rust=$(rustc -vV | sed -n 's/^commit-hash: //p')
    # Where several fit, rustc takes the last one, and so do the C compilers.
    flags=("$sysroot/lib/rustlib/src/rust=/rustc/$rust" "$cargo_home=/usr/src/cargo" "$ROOT=/usr/src/timedb" "$TARGET_DIR=/usr/src/target")
    for config in "${PACKAGE_CONFIGS[@]}"; do
        flags+=("$("$config" --includedir-server)=/usr/include/postgresql")
    done
    # The linker's hash of the contents, by which debug symbols are found.
    CARGO_ENCODED_RUSTFLAGS=$(printf -- '--remap-path-prefix=%s\x1f' "${flags[@]}")'-Clink-arg=-Wl,--build-id=sha1'
    CFLAGS=$(printf -- '-ffile-prefix-map=%s ' "${flags[@]}")
    CARGO_INCREMENTAL=0
    CARGO_PROFILE_RELEASE_DEBUG=line-tables-only
    CARGO_TARGET_DIR=$TARGET_DIR
    export CARGO_ENCODED_RUSTFLAGS CFLAGS CARGO_INCREMENTAL CARGO_PROFILE_RELEASE_DEBUG CARGO_TARGET_DIR
}

# Fails if a file needs a newer C library than Debian 12 has.
check_glibc() {
    local newest
    newest=$(objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -V | tail -n 1)
    [[ $(printf '%s\n' "$newest" "$GLIBC_NEWEST" | sort -V | tail -n 1) == "$GLIBC_NEWEST" ]] ||
        die "${1##*/} needs glibc $newest, and Debian 12 has $GLIBC_NEWEST: build the packages on Debian 12"
}

# Builds everything into the folder STAGE: bin/timedb, man/, completions/, and for each version NN of PostgreSQL
# pgNN/timedb.so and pgNN/extension/. Sets MAJORS.
build_stage() {
    local config
    MAJORS=()
    mkdir -p "$STAGE"/{bin,man,completions}
    for config in "${PACKAGE_CONFIGS[@]}"; do
        PG_CONFIG=$config
        use_postgres
        build_extension
        MAJORS+=("$PG_MAJOR")
        mkdir -p "$STAGE/pg$PG_MAJOR/extension"
        install -m 644 "$PACKAGE$("$PG_CONFIG" --sharedir)"/extension/timedb* "$STAGE/pg$PG_MAJOR/extension/"
        install -m 644 "$PACKAGE$("$PG_CONFIG" --pkglibdir)/timedb.so" "$STAGE/pg$PG_MAJOR/timedb.so"
        check_glibc "$STAGE/pg$PG_MAJOR/timedb.so"
    done
    build_binary
    check_glibc "$TIMEDB_BIN"
    install -m 755 "$TIMEDB_BIN" "$STAGE/bin/timedb"
    "$TIMEDB_BIN" man "$STAGE/man" >/dev/null
    "$TIMEDB_BIN" completions bash >"$STAGE/completions/timedb"
    "$TIMEDB_BIN" completions zsh >"$STAGE/completions/_timedb"
    "$TIMEDB_BIN" completions fish >"$STAGE/completions/timedb.fish"
    "${PYTHON:-python3}" "$ROOT/scripts/sbom.py" timedb_http --json "$STAGE/timedb.cdx.json" --licences "$STAGE/timedb.licences"
    # The same libraries for every version of PostgreSQL.
    "${PYTHON:-python3}" "$ROOT/scripts/sbom.py" timedb_ext "pg${MAJORS[0]}" --json "$STAGE/timedb_ext.cdx.json" --licences "$STAGE/timedb_ext.licences"
    install -m 644 "$ROOT/packaging/timedb.toml" "$ROOT/CHANGELOG.md" "$STAGE/"
}
