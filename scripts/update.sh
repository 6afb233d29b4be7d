#!/usr/bin/env bash
# Updates a store of ten million values, nine in bulk and one live, from the version that stands here to a trial version
# after it, and compares what it answers before and after. The trial is made in a copy of the source, as docs/upgrading.md says
# that a release is made. Takes some minutes.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree artefacts answers; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

use_postgres
use_state
take_lock update-trial
build_extension
use_tree
install_into_tree "$PACKAGE"
bin[$PG_MAJOR]=$TREE_BIN
use_work
current=$(current_version)
next=${current%.*}.$((${current##*.} + 1))

say "Filling a store of timedb $current"
make "$PG_MAJOR" data
start "$PG_MAJOR" data
fill 90 100000 1000 1000
sql store "SELECT sum(points) || ' values in ' || pg_size_pretty(sum(bytes)) FROM timedb.stats_store()" | sed 's/^/    /' >&2
before=$(answers)
full "$before"

say "Making the trial version $next"
copy=$STATE/update_trial
rm -rf "$copy"
copy_source "$copy"
if [[ ! -e $copy/timedb_ext/releases/timedb--$current.sql ]]; then
    sed -i "s/^## \[Unreleased\] $current\$/## [$current] - $(date +%F)/" "$copy/CHANGELOG.md"
    "$copy/scripts/release.sh" "$current" "$PACKAGE$("$PG_CONFIG" --sharedir)/extension/timedb--$current.sql" >/dev/null 2>&1 ||
        die "scripts/release.sh cannot release $current"
fi
sed -i "/^\[workspace\.package\]/,/^\[/s/^version = .*/version = \"$next\"/" "$copy/Cargo.toml"
# A column in the largest table, and a function.
cat >"$copy/timedb_ext/sql/timedb--$current--$next.sql" <<'END'
ALTER TABLE timedb_internal.segments ADD COLUMN trial smallint NOT NULL DEFAULT 7;
COMMENT ON COLUMN timedb_internal.segments.trial IS 'On trial.';

CREATE FUNCTION timedb.on_trial() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'on trial' $$;
COMMENT ON FUNCTION timedb.on_trial IS 'On trial.';
END
cat "$copy/timedb_ext/sql/timedb--$current--$next.sql" >>"$copy/sql/functions/store.sql"
# In a folder of its own: cargo would take what it has built here for what stands in the source.
(
    ROOT=$copy DELTAS=$copy/timedb_ext/sql RELEASES=$copy/timedb_ext/releases TARGET_DIR=$STATE/update_trial.target
    export CARGO_TARGET_DIR=$TARGET_DIR
    build_extension
    install_into_tree "$PACKAGE"
)

say "Updating from $current to $next"
# The old SQL and the new library, until the update.
same "the library of $next" "$before" "$(answers)"
start_time=$EPOCHREALTIME
sql store "ALTER EXTENSION timedb UPDATE"
note "ALTER EXTENSION timedb UPDATE took $(awk "BEGIN { printf \"%.2f\", $EPOCHREALTIME - $start_time }") s"
[[ $(sql store "SELECT extversion || ' ' || timedb.version() || ' ' || timedb.on_trial() FROM pg_extension WHERE extname = 'timedb'") == "$next $next on trial" ]] ||
    die "the update has not taken place"
same "updated to $next" "$before" "$(answers)"
write
[[ $(answers) != "$before" ]] || die "what is written after the update is not answered"
if sql store "ALTER EXTENSION timedb UPDATE TO '$current'" 2>"$STATE/update_trial.log"; then die "it went back to $current"; fi
grep -q 'no update path' "$STATE/update_trial.log" || die "going back is refused otherwise: $(cat "$STATE/update_trial.log")"
note "going back is refused: $(head -n 1 "$STATE/update_trial.log")"
rm -rf "$copy"
say "A store of ten million values goes from $current to $next"
