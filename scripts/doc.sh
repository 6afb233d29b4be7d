#!/usr/bin/env bash
# The crates' own documentation, warnings as errors.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cd "$ROOT"
use_postgres
say "Building the crates' documentation"
RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc --quiet --workspace --no-deps "${PG_FEATURES[@]}"
