# shellcheck shell=bash disable=SC2034
# What cargo makes: the extension's package tree and the binary. Sourced after common.sh.

# shellcheck source=scripts/lib/deltas.sh
. "$ROOT/scripts/lib/deltas.sh"

# Builds the extension; sets PACKAGE, a tree with the files under the paths they are installed at.
build_extension() {
    PACKAGE=$TARGET_DIR/release/timedb-pg$PG_MAJOR
    say "Building the extension for PostgreSQL $PG_MAJOR (some minutes the first time)"
    # A file of an earlier version that is still there would be installed too.
    rm -rf "$PACKAGE"
    # In a fresh clone cargo has not made it yet, and the log goes there.
    mkdir -p "$TARGET_DIR"
    (cd "$ROOT" && cargo pgrx package --package timedb_ext --pg-config "$PG_CONFIG" --out-dir "$PACKAGE" \
        --no-default-features --features "pg$PG_MAJOR" >"$TARGET_DIR/package.log" 2>&1) || {
        tail -n 60 "$TARGET_DIR/package.log" >&2
        die "the extension does not build"
    }
    complete_deltas "$PACKAGE$("$PG_CONFIG" --sharedir)/extension"
}

# Builds the binary; sets TIMEDB_BIN.
build_binary() {
    say "Building the binary timedb"
    (cd "$ROOT" && cargo build --quiet --release --package timedb_http --bin timedb) || die "the binary does not build"
    TIMEDB_BIN=$TARGET_DIR/release/timedb
}
