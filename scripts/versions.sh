#!/usr/bin/env bash
# The behaviour tests on every supported version of PostgreSQL but the one that `make test` ran on; those that attack
# isolation on the newest only, because they take as long as all the others. With arguments: on these versions.
#
#   scripts/versions.sh            e.g. 16 17 18 where the system has 15
#   scripts/versions.sh 17         only there
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

versions=("$@")
if ((!$#)); then
    newest=${PG_MAJORS[0]}
    system=$( (use_postgres && printf '%s\n' "$PG_MAJOR"))
    for major in "${PG_MAJORS[@]}"; do
        [[ $major == "$system" ]] || versions=("$major" "${versions[@]}")
    done
fi
unset PG_CONFIG
# What `make test` has tried is the library as it is shipped.
export TIMEDB_TEST_PROFILE=quick
failed=()
for major in "${versions[@]}"; do
    say "PostgreSQL $major"
    areas=()
    for area in $(test_areas); do
        if [[ $area != isolation || $major == "${newest:-$major}" ]]; then areas+=("$area"); fi
    done
    if ! PG=$major "$ROOT/scripts/setup.sh" test || ! PG=$major "$ROOT/scripts/test.sh" --areas "${areas[@]}"; then
        failed+=("$major")
    fi
done
if ((${#failed[@]})); then die "failed on PostgreSQL ${failed[*]}"; fi
say "The behaviour tests passed on PostgreSQL ${versions[*]}"
