# shellcheck shell=bash disable=SC2034
# A PostgreSQL that checks itself: built from source with assertions, which also has it overwrite memory that is
# freed and check memory contexts for writes past their chunks. Sourced after common.sh, use_postgres and use_state.

# Few features: none of them is of the extension's, and their libraries may be missing. The attacks use XML.
ASSERT_OPTIONS=(--enable-cassert --enable-debug --without-readline --without-zlib --with-libxml)
ASSERT_CFLAGS='-O1 -g -fno-omit-frame-pointer'

# Runs a program of apt with lists and caches of our own, which know source packages; the system's stay as they are.
own_apt() {
    local apt=$ASSERT/apt program=$1
    shift
    "$program" -o Dir::Etc::sourcelist="$apt/sources.sources" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}

# Puts the system's sources of packages, as sources of source packages, into the private configuration.
own_apt_sources() {
    local apt=$ASSERT/apt file
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    # Blocks that name the repositories of the distribution; lines of the older form become such.
    {
        for file in /etc/apt/sources.list.d/*.sources; do
            [[ -f $file ]] || continue
            sed -E 's/^Types:.*/Types: deb-src/' "$file"
            printf '\n'
        done
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [[ -f $file ]] || continue
            sed -nE 's/^deb(-src)?[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+)[[:space:]]+(.*)$/\2|\3|\4|\5/p' "$file" |
                while IFS='|' read -r options uri suite components; do
                    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: %s\n' "$uri" "$suite" "$components"
                    sed -nE 's/.*signed-by=([^] ]+).*/Signed-By: \1/p' <<<"$options"
                    printf '\n'
                done
        done
    } >"$apt/sources.sources"
}

# Fetches Debian's source package: that of the installed version, or, when the archive no longer has it, the newest
# of the same major version. Sets ASSERT_SOURCE, or fails with the reason in ASSERT_MISSING.
fetch_source() {
    local package version folder=$ASSERT/source
    ASSERT_MISSING="this system has no apt-get and dpkg-source"
    have apt-get && have dpkg-source || return 1
    ASSERT_MISSING="$PG_BIN/postgres belongs to no package"
    package=$(dpkg-query -S "$(realpath "$PG_BIN/postgres")" 2>/dev/null | cut -d: -f1) || return 1
    version=$(dpkg-query -W -f '${source:Version}' "$package")
    package=$(dpkg-query -W -f '${source:Package}' "$package")
    own_apt_sources
    ASSERT_MISSING="the lists of source packages cannot be read"
    own_apt apt-get update -qq >/dev/null 2>&1 || [[ -n $(ls "$ASSERT/apt/lists" 2>/dev/null) ]] || return 1
    ASSERT_MISSING="the archive offers no source of $package"
    local offered
    offered=$(own_apt apt-cache showsrc "$package" 2>/dev/null | sed -n 's/^Version: //p' | sort -rVu | grep -vxF "$version" || true)
    for version in "$version" $offered; do
        rm -rf "$folder"
        mkdir -p "$folder"
        # Without Debian's patches: one of them has libraries installed beside the system's own, whatever the prefix.
        if (cd "$folder" && own_apt apt-get source -qq --download-only "$package=$version" &&
            tar -xf "$(find . -name "*.orig.tar.*" ! -name "*.asc" -print -quit)") >"$ASSERT/fetch.log" 2>&1; then
            ASSERT_SOURCE=$(printf '%s\n' "$folder"/*/configure)
            ASSERT_SOURCE=${ASSERT_SOURCE%/configure}
            return
        fi
        note "the archive does not have the source of $package $version any more"
    done
    return 1
}

# Prints the version that a source folder is of.
source_version() { sed -nE "s/^PACKAGE_VERSION='([^']+)'.*/\1/p" "$1/configure"; }

# Sets ASSERT_BIN, the folder of the programs of a server with assertions; built only when there is none yet of this
# version and these options. Fails with the reason in ASSERT_MISSING.
use_assert_server() {
    local version key tree log
    ASSERT=$STATE/assert
    mkdir -p "$ASSERT"
    if ((PG_MAJOR >= 16)); then ASSERT_OPTIONS+=(--without-icu); fi
    ASSERT_SOURCE=${SOAK_PG_SOURCE:-}
    if [[ -n $ASSERT_SOURCE ]]; then
        [[ -x $ASSERT_SOURCE/configure ]] || die "SOAK_PG_SOURCE is $ASSERT_SOURCE, which is not PostgreSQL's source"
        ASSERT_SOURCE=$(cd "$ASSERT_SOURCE" && pwd -P)
    else
        ASSERT_SOURCE=$(cat "$ASSERT/source.path" 2>/dev/null || true)
        if [[ ! -x $ASSERT_SOURCE/configure || $(source_version "$ASSERT_SOURCE") != "$PG_MAJOR."* ]]; then
            say "Fetching PostgreSQL's source"
            fetch_source || return 1
            printf '%s\n' "$ASSERT_SOURCE" >"$ASSERT/source.path"
        fi
    fi
    version=$(source_version "$ASSERT_SOURCE")
    [[ $version == "$PG_MAJOR"[.a-z]* ]] || die "$ASSERT_SOURCE is PostgreSQL $version, not $PG_MAJOR"
    key=$version-$(printf '%s ' "$ASSERT_SOURCE" "${ASSERT_OPTIONS[@]}" "$ASSERT_CFLAGS" | cksum | cut -d' ' -f1)
    tree=$ASSERT/pg-$key
    log=$ASSERT/build.log
    if [[ ! -e $tree/finished ]]; then
        say "Building PostgreSQL $version with assertions (some minutes, once)"
        # Not in the source's own folder: that may be somebody's, or not writable.
        rm -rf "$ASSERT/build" "$ASSERT/stage" "$tree"
        mkdir -p "$ASSERT/build" "$ASSERT/stage"
        # As root, a source that installs elsewhere would write over the system's PostgreSQL.
        if is_root; then chown postgres: "$ASSERT/build" "$ASSERT/stage"; fi
        ASSERT_MISSING="PostgreSQL $version does not build with assertions, see $log"
        # The name of the libraries' folder is one that every source keeps. PostgreSQL's makefiles write no headers
        # when they believe to be a part of another make, as under `make soak`.
        # shellcheck disable=SC2016
        as_server env -u MAKELEVEL -u MAKEFLAGS -u MFLAGS nice sh -c 'set -e
            build=$1 source=$2 stage=$3
            shift 3
            cd "$build"
            "$source/configure" "$@"
            make -s -j2
            make -s install DESTDIR="$stage"
            make -s -C contrib/pg_stat_statements install DESTDIR="$stage"' \
            sh "$ASSERT/build" "$ASSERT_SOURCE" "$ASSERT/stage" --prefix="$tree" --libdir="$tree/lib/postgresql" \
            "${ASSERT_OPTIONS[@]}" CFLAGS="$ASSERT_CFLAGS" >"$log" 2>&1 9>&- || return 1
        ASSERT_MISSING="the source in $ASSERT_SOURCE installs outside its prefix"
        [[ -z $(find "$ASSERT/stage" ! -type d ! -path "$ASSERT/stage$tree/*") ]] || return 1
        mv "$ASSERT/stage$tree" "$tree"
        if is_root; then chown -R root: "$tree"; fi
        rm -rf "$ASSERT/build" "$ASSERT/stage"
        touch "$tree/finished"
    fi
    ASSERT_BIN=$tree/bin
    [[ $("$ASSERT_BIN/pg_config" --configure) == *--enable-cassert* ]] || die "$ASSERT_BIN/postgres has no assertions"
}

# Puts the extension as it was built for the packaged server into the one with assertions.
install_into_assert_server() {
    local package=$1 file share lib
    share=$("$ASSERT_BIN/pg_config" --sharedir)/extension
    lib=$("$ASSERT_BIN/pg_config" --pkglibdir)
    for file in "$share" "$lib"; do
        [[ $file == "$ASSERT"/* ]] || die "the server with assertions has its files in $file, outside $ASSERT"
    done
    rm -f "$share"/timedb--*.sql
    for file in "$package$("$PG_CONFIG" --sharedir)"/extension/timedb*; do
        install_file "$file" "$share/${file##*/}"
    done
    install_file "$package$("$PG_CONFIG" --pkglibdir)/timedb.so" "$lib/timedb.so" 755
}

# Keeps the log of a cluster in which something crashed, and prints where, if the system leaves core files there.
keep_traces() {
    local core
    cp "$CLUSTER/server.log" "$ASSERT/server.log"
    note "the server's log is kept in $ASSERT/server.log"
    have gdb || return 0
    for core in "$CLUSTER_DATA"/core*; do
        [[ -e $core ]] || continue
        gdb -batch -nx -ex bt "$ASSERT_BIN/postgres" "$core" 2>/dev/null | grep '^#' >&2 || true
    done
}
