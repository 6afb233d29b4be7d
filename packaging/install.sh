#!/bin/sh
# Installs timedb from the unpacked archive: the extension into the PostgreSQL that pg_config names, the program, its
# manual and completions below a prefix. It changes nothing else, and no database.
#
#   ./install.sh [--pg-config FILE] [--prefix FOLDER] [--only extension|program]
#
# Without --pg-config it is the one on the PATH or the one of Debian's packages; the prefix is /usr/local for root and
# ~/.local for others. DESTDIR is put before all of them.
set -eu

die() {
    printf 'ERROR: %s\n' "$*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd -P)
major=$(cat "$here/POSTGRESQL_MAJOR")
pg_config= prefix= only=
while [ $# -gt 0 ]; do
    case $1 in
    --pg-config | --prefix | --only)
        [ $# -ge 2 ] || die "$1 takes a value"
        case $1 in
        --pg-config) pg_config=$2 ;;
        --prefix) prefix=$2 ;;
        --only) only=$2 ;;
        esac
        shift 2
        ;;
    -h | --help)
        sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0"
        exit
        ;;
    *) die "unknown argument $1 (see $0 --help)" ;;
    esac
done
case $only in
'' | extension | program) ;;
*) die "--only takes extension or program, not $only" ;;
esac

[ "$(uname -s)-$(uname -m)" = "$(cat "$here/PLATFORM")" ] ||
    die "this archive is for $(cat "$here/PLATFORM"), and this is $(uname -s)-$(uname -m)"

# put MODE FOLDER FILE...: by rename, so that a program or library that runs goes on with the old one.
put() {
    mode=$1 folder=${DESTDIR:-}$2
    shift 2
    mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] || die "$folder is not writable for $(id -un): be root, or choose another folder"
    for file; do
        install -m "$mode" "$file" "$folder/.timedb.new"
        mv -f "$folder/.timedb.new" "$folder/${file##*/}"
    done
}

if [ "$only" != program ]; then
    if [ -z "$pg_config" ]; then
        pg_config=$(command -v pg_config || true)
        # Debian has one for each version; the one on the PATH is of the newest.
        if [ -x "/usr/lib/postgresql/$major/bin/pg_config" ]; then pg_config=/usr/lib/postgresql/$major/bin/pg_config; fi
    fi
    [ -n "$pg_config" ] || die "no pg_config found: name that of PostgreSQL $major with --pg-config"
    version=$("$pg_config" --version) || die "$pg_config does not run"
    case $version in
    "PostgreSQL $major"[.a-z]*) ;;
    *) die "$pg_config belongs to $version, and this archive is for PostgreSQL $major" ;;
    esac
    # Checked before anything is written, so that there is never half of it.
    sharedir=$("$pg_config" --sharedir)/extension pkglibdir=$("$pg_config" --pkglibdir)
    for folder in "$sharedir" "$pkglibdir"; do
        [ -n "${DESTDIR:-}" ] || [ -w "$folder" ] ||
            die "$folder is not writable for $(id -un): be root, or name the pg_config of a PostgreSQL of your own"
    done
    put 755 "$pkglibdir" "$here/lib/timedb.so"
    put 644 "$sharedir" "$here"/extension/timedb*
    echo "The extension is in $version. In each database, as superuser: CREATE EXTENSION timedb;"
fi
if [ "$only" != extension ]; then
    if [ -z "$prefix" ]; then
        if [ "$(id -u)" -eq 0 ]; then prefix=/usr/local; else prefix=${HOME:?}/.local; fi
    fi
    put 755 "$prefix/bin" "$here/bin/timedb"
    put 644 "$prefix/share/man/man1" "$here"/man/*.1
    put 644 "$prefix/share/bash-completion/completions" "$here/completions/timedb"
    put 644 "$prefix/share/zsh/site-functions" "$here/completions/_timedb"
    put 644 "$prefix/share/fish/vendor_completions.d" "$here/completions/timedb.fish"
    echo "The program is $prefix/bin/timedb."
fi
