#!/usr/bin/env bash
# Mixed load on a private PostgreSQL and server, with restarts and kills, for LOAD_SECONDS (1800); a table at the end.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree artefacts soak; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

soak_program timedb_load
say "Loading for ${LOAD_SECONDS:=1800} seconds"
export LOAD_SECONDS TIMEDB_BIN
if TIMEDB_TEST_ADMIN_DSN='' "$TARGET_DIR/release/timedb_load" 9>&-; then
    say "The load found nothing wrong"
else
    die "the load found what must not be"
fi
