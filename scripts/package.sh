#!/usr/bin/env bash
# Leaves in target/package what an administrator copies to a server: the extension's files under
# the paths that PG_CONFIG gives, and bin/timedb. With `--install` it also copies the extension there.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/artefacts.sh
. "$ROOT/scripts/lib/artefacts.sh"

use_postgres
build_extension
build_binary
out=$TARGET_DIR/package
rm -rf "$out"
mkdir -p "$out/bin"
cp -R "$PACKAGE/." "$out/"
cp "$TIMEDB_BIN" "$out/bin/timedb"
if [[ ${1:-} != --install ]]; then
    say "The installable tree is in $out"
    exit
fi

extension=${DESTDIR:-}$("$PG_CONFIG" --sharedir)/extension
library=${DESTDIR:-}$("$PG_CONFIG" --pkglibdir)
sudo=(env)
if [[ -n ${DESTDIR:-} ]]; then
    mkdir -p "$extension" "$library"
elif [[ ! -w $extension || ! -w $library ]]; then
    have sudo || die "$extension and $library are not writable for $(id -un), and sudo is missing: run 'make install' as root"
    sudo=(sudo)
fi
say "Installing the extension into $extension and $library"
"${sudo[@]}" install -m 644 "$out$("$PG_CONFIG" --sharedir)"/extension/timedb* "$extension/"
# By rename: backends that have the old library mapped go on with it.
"${sudo[@]}" install -m 755 "$out$("$PG_CONFIG" --pkglibdir)/timedb.so" "$library/timedb.so.new"
"${sudo[@]}" mv -f "$library/timedb.so.new" "$library/timedb.so"
note "In each database, as superuser: CREATE EXTENSION timedb;  (or ALTER EXTENSION timedb UPDATE;)"
note "The server and command line: install -m 755 $out/bin/timedb /usr/local/bin/timedb"
