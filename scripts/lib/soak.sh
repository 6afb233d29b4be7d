# shellcheck shell=bash
# A program of the tests that makes clusters of its own, and looks at them for long. Sourced after tree.sh and artefacts.sh.

# soak_program NAME: builds it, the extension and the binary, installs the extension into the private tree, and sets what
# the program reads. The caller holds the lock soak until its end.
soak_program() {
    use_postgres
    use_state
    take_lock soak
    build_extension
    build_binary
    use_tree
    install_into_tree "$PACKAGE"
    cd "$ROOT"
    say "Building $1"
    cargo build --quiet --release --package timedb_tests --bin "$1" || die "$1 does not build"
    export TIMEDB_TEST_PG_BIN=$TREE_BIN TIMEDB_TEST_ROOT=$ROOT
    # tests/crashes.py searches the cluster's log, and needs no packages.
    TIMEDB_TEST_PYTHON=$(command -v "${PYTHON:-python3}") || die "python3 is missing"
    export TIMEDB_TEST_PYTHON
}
