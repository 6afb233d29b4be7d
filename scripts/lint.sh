#!/usr/bin/env bash
# Format and lints, warnings as errors.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cd "$ROOT"
use_postgres
say "Checking the format"
{ cargo fmt --all --check && cargo fmt --manifest-path fuzz/Cargo.toml --check; } || die "the format differs: run 'make fmt'"
say "Checking which way imports point"
"${PYTHON:-python3}" scripts/imports.py --self-check
"${PYTHON:-python3}" scripts/imports.py || die "an import points the wrong way (CONTRIBUTING.md says which is which)"
say "Checking what packages are made of"
"$ROOT/scripts/packages_lint.sh"
say "Running clippy (some minutes the first time)"
cargo clippy --quiet --workspace --all-targets "${PG_FEATURES[@]}" -- -D warnings
cargo clippy --quiet --locked --manifest-path fuzz/Cargo.toml --no-default-features --all-targets --target-dir "$TARGET_DIR/fuzz" -- -D warnings
if have shellcheck; then
    say "Running shellcheck"
    shellcheck -x scripts/*.sh scripts/lib/*.sh scripts/lib/packages/*.sh packaging/install.sh packaging/image/entrypoint.sh .ci/run
fi
