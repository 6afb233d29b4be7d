#!/usr/bin/env bash
# Leaves in target/packages what is installed elsewhere (docs/install.md): Debian packages, archives, images, the source
# for PGXN, and SHA256SUMS.
#
#   TIMEDB_PACKAGES="15 17" scripts/packages.sh     for these versions of PostgreSQL, or paths of pg_config
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in artefacts suites packages/build packages/debian packages/archive packages/image; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

cd "$ROOT"
for program in dh dpkg-deb objdump; do
    have $program || die "$program is missing: packages are made on Debian, after 'scripts/setup.sh packages'"
done
OUT=$TARGET_DIR/packages
use_package_configs
use_reproducible_build
STAGE=$TARGET_DIR/stage
rm -rf "$STAGE" "$OUT"
mkdir -p "$OUT"
build_stage
build_debs "$OUT"
build_tarballs "$OUT"
build_pgxn "$OUT"
build_images "$OUT"
(cd "$OUT" && sha256sum -- *.deb *.tar.gz *.zip *.tar >SHA256SUMS)
say "The packages are in $OUT"
(cd "$OUT" && ls -l -- *.deb *.tar.gz *.zip *.tar | awk '{ printf "    %9d  %s\n", $5, $9 }' >&2)
