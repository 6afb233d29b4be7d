#!/usr/bin/env bash
# A store of PostgreSQL 15 moves to later major versions and answers there as before: by a dump into 18, and by pg_upgrade to
# 17 and on to 18, with writes after each step.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree artefacts answers; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

steps=(15 17 18)
last=${steps[-1]}
unset PG_CONFIG
for major in "${steps[@]}"; do PG=$major "$ROOT/scripts/setup.sh"; done
use_state
take_lock majors
for major in "${steps[@]}"; do
    unset PG_CONFIG
    PG=$major
    use_postgres
    # What `make test` has built is as good, and is there.
    if [[ -d $TARGET_DIR/release/timedb-pg$major ]]; then build_extension; else build_extension quick; fi
    use_tree
    install_into_tree "$PACKAGE"
    bin[$major]=$TREE_BIN
done
use_work

say "Filling a store in PostgreSQL ${steps[0]}"
make "${steps[0]}" "from_${steps[0]}"
start "${steps[0]}" "from_${steps[0]}"
fill 20 10000 50 220
first=$(answers)
full "$first"
same "asked again" "$first" "$(answers)"
program pg_dump -Fc -d store -f "$WORK/store.dump"
program pg_dumpall --roles-only -f "$WORK/roles.sql"
stop

say "Restoring its dump into PostgreSQL $last"
make "$last" restored
start "$last" restored
program psql -X -q -d postgres -f "$WORK/roles.sql" 2>&1 | grep -v 'role "postgres" already exists' >&2 || true
sql postgres "CREATE DATABASE store"
program pg_restore --exit-on-error -j 2 -d store "$WORK/store.dump"
same "restored into PostgreSQL $last" "$first" "$(answers)"
stop

from=${steps[0]} before=$first
for to in "${steps[@]:1}"; do
    say "Upgrading from PostgreSQL $from to $to"
    # Releases from November 2026 on mark columns (pg_attver), and the pg_dump of an earlier release of the next version does not
    # know the mark. PostgreSQL's own advice is to upgrade to the latest release, which is not to be had everywhere.
    if grep -qa pg_attver "${bin[$from]}/pg_dump" && ! grep -qa pg_attver "${bin[$to]}/pg_dump"; then
        note "PostgreSQL $to is a release from before $from's: its pg_dump does not know marks that $from leaves, so they are taken away first"
        start "$from" "from_$from"
        for database in postgres template1 store; do
            sql "$database" "UPDATE pg_catalog.pg_attribute SET attoptions = NULLIF(ARRAY(SELECT o FROM unnest(attoptions) AS o WHERE o NOT LIKE 'pg\_attver=%'), '{}')
                             WHERE attoptions::text LIKE '%pg\_attver=%'"
        done
        stop
    fi
    make "$to" "from_$to"
    as_server bash -c "cd '$WORK' && '${bin[$to]}/pg_upgrade' -U postgres -s '$WORK' -b '${bin[$from]}' -B '${bin[$to]}' \
        -d '$WORK/from_$from' -D '$WORK/from_$to'" >"$STATE/pg_upgrade.log" 2>&1 ||
        die "pg_upgrade failed: $(tail -n 5 "$STATE/pg_upgrade.log"; as_server bash -c "tail -n 15 '$WORK/from_$to'/pg_upgrade_output.d/*/log/pg_upgrade_dump_*.log" 2>&1)"
    start "$to" "from_$to"
    same "upgraded to PostgreSQL $to" "$before" "$(answers)"
    write
    written=$(answers)
    [[ $written != "$before" ]] || die "what was written in PostgreSQL $to is not answered"
    stop
    from=$to before=$written
done
say "A store of PostgreSQL ${steps[0]} goes to $last by a dump and by pg_upgrade"
