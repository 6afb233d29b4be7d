#!/usr/bin/env bash
# Dependencies: licences, sources, duplicates and known vulnerabilities, by the rules of deny.toml.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cd "$ROOT"
if have cargo-deny; then
    cargo deny --all-features check
elif have cargo-audit; then
    note "cargo-deny is missing, so only known vulnerabilities are checked"
    cargo audit
else
    die "neither cargo-deny nor cargo-audit is installed: cargo install cargo-deny --locked"
fi
