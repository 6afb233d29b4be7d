#!/usr/bin/env bash
# Builds the extension and the binary, optimised, and puts the extension into the private
# PostgreSQL of the state folder.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/tree.sh
. "$ROOT/scripts/lib/tree.sh"
# shellcheck source=scripts/lib/artefacts.sh
. "$ROOT/scripts/lib/artefacts.sh"

use_postgres
build_extension
build_binary
use_state
use_tree
install_into_tree "$PACKAGE"
