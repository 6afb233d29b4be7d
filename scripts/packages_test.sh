#!/usr/bin/env bash
# Tries what `make packages` has left: lintian looks at it; in a clean Debian for each version of PostgreSQL that the
# packages are for, the commands of docs/install.md install it, the service's program serves, and the notebook's story is
# told; the archive is installed, as root and not; the images are unpacked and started. Takes root, because of chroot.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in python suites servers packages/build packages/image packages/trial; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

is_root || die "packages are tried in a chroot, which takes root"
for program in lintian mmdebstrap unshare nsenter; do
    have $program || die "$program is missing: run 'scripts/setup.sh packages'"
done
use_state
take_lock packages
use_python
OUT=${1:-$TARGET_DIR/packages}
compgen -G "$OUT/*.deb" >/dev/null || die "$OUT has no packages: run 'make packages' first"
TRIAL=$STATE/packages
mkdir -p "$TRIAL"
trap trial_end EXIT

say "Checking the sums"
(cd "$OUT" && sha256sum --quiet --check SHA256SUMS)
say "Running lintian"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$OUT"/*.deb
say "Comparing what the packages for each version hold"
# One of them is for a version that no Debian has: it is the same as those that are installed below.
first=
majors=()
for file in "$OUT"/postgresql-*-timedb_*.deb; do
    major=${file##*/postgresql-}
    major=${major%%-*}
    holds=$(dpkg-deb --contents "$file" | awk '{ print $1, $2, $6 }' | sed "s#/postgresql/$major/#/postgresql/NN/#; s#postgresql-$major-#postgresql-NN-#" | sort)
    [[ ${first:=$holds} == "$holds" ]] || die "${file##*/} holds other files: $(diff <(printf '%s\n' "$first") <(printf '%s\n' "$holds"))"
    majors+=("$major")
done
for major in "${majors[@]}"; do
    try_image "$major"
    try_debian "$major"
done
try_cnpg
say "All packages do what docs/install.md says"
