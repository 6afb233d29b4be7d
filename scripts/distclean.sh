#!/usr/bin/env bash
# Deletes the state folder: the private clusters with their data, the copies of PostgreSQL, the
# Python environment.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in tree cluster; do
    # shellcheck disable=SC1090
    . "$ROOT/scripts/lib/$part.sh"
done

use_state
for name in run test bench soak; do take_lock "$name"; done
if find_pg_config >/dev/null; then
    use_postgres
    use_tree
    for name in run test bench soak; do cluster_remove "$name"; done
fi
# Only what the scripts made: TIMEDB_STATE_DIR may hold more.
rm -rf "$STATE"/{run,test,bench,soak,assert,venv,judges,servers,update_trial,update_trial.target,pg_upgrade.log} "$STATE"/pg[0-9]* "$STATE"/{run,test,bench,soak,majors,update-trial}.lock
rmdir "$STATE" 2>/dev/null || true
