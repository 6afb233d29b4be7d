#!/usr/bin/env bash
# What can be said of packages without making them, in seconds: META.json, the unit, the images' form, install.sh. The
# rest is `make packages-test`.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cd "$ROOT"
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export SOURCE_DATE_EPOCH=1700000000

"$python" scripts/pgxn.py "$ROOT"

# The order of the installation script is the same in each build if no two files come after the same one.
twice=$(sed -nE 's/.* after "([a-z_]+)";$/\1/p' timedb_ext/src/sql/install.rs | sort | uniq -d)
[[ -z $twice ]] || die "timedb_ext/src/sql/install.rs has several files after $twice: their order would be left to chance"

# Every setting of the packaged file, also those behind a #, is a flag of the server.
sed -nE 's/^(# )?([a-z-]+) = .*/\2/p' packaging/timedb.toml | while read -r setting; do
    grep -q -e "\`--$setting\`" docs/cli.md || die "packaging/timedb.toml has $setting, which docs/cli.md does not know"
done
grep -q '^dsn = ' packaging/timedb.toml || die "packaging/timedb.toml names no database"

if have systemd-analyze; then
    unit=$folder/timedb.service
    # The program and the manual are not installed here.
    sed -e 's#^ExecStart=[^ ]*#ExecStart=/bin/true#' -e '/^Documentation=/d' packaging/debian/timedb.service >"$unit"
    found=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F timedb.service || true)
    [[ -z $found ]] || die "the unit is wrong: $found"
    # Of 100, where 100 is a service that nothing holds.
    systemd-analyze security --offline=yes --threshold=15 "$unit" >/dev/null || die "the unit is hardened less than it was"
fi

# An image is the same twice, and holds what went in.
mkdir -p "$folder/root/bin"
printf 'content\n' >"$folder/root/bin/file"
ln -s bin/file "$folder/root/link"
for copy in 1 2; do
    touch "$folder/root/bin/file"
    "$python" scripts/oci.py pack "$folder/root" "$folder/$copy.tar" --name test:1 --config '{"User":"1"}' --owner bin=7:8
done
cmp "$folder/1.tar" "$folder/2.tar" || die "an image is not the same twice"
[[ $("$python" scripts/oci.py unpack "$folder/1.tar" "$folder/out") == '{"User": "1"}' ]] || die "an image lost its configuration"
diff -r "$folder/root" "$folder/out" || die "an image holds something else than what went in"

# install.sh writes nothing where it must not.
mkdir -p "$folder/archive"
cp packaging/install.sh "$folder/archive/"
printf '15\n' >"$folder/archive/POSTGRESQL_MAJOR"
printf '%s\n' "$(uname -s)-$(uname -m)" >"$folder/archive/PLATFORM"
printf '#!/bin/sh\necho PostgreSQL 14.1\n' >"$folder/pg_config"
chmod 755 "$folder/pg_config"
if said=$("$folder/archive/install.sh" --pg-config "$folder/pg_config" 2>&1); then die "install.sh installs into another version"; fi
[[ $said == *"PostgreSQL 14.1, and this archive is for PostgreSQL 15" ]] || die "install.sh says: $said"
if "$folder/archive/install.sh" --nonsense 2>/dev/null; then die "install.sh takes what it does not know"; fi
