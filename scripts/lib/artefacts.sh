# shellcheck shell=bash disable=SC2034
# What cargo makes: the extension's package tree and the binary. Sourced after common.sh.

# shellcheck source=scripts/lib/deltas.sh
. "$ROOT/scripts/lib/deltas.sh"

# build_extension [PROFILE]: builds the extension, as it is shipped or in another profile of cargo's; sets PACKAGE, a tree with
# the files under the paths they are installed at.
build_extension() {
    local profile=${1:-release}
    PACKAGE=$TARGET_DIR/$profile/timedb-pg$PG_MAJOR
    say "Building the extension for PostgreSQL $PG_MAJOR (some minutes the first time)"
    # A file of an earlier version that is still there would be installed too.
    rm -rf "$PACKAGE"
    # In a fresh clone cargo has not made it yet, and the log goes there.
    mkdir -p "$TARGET_DIR"
    (cd "$ROOT" && cargo pgrx package --profile "$profile" --package timedb_ext --pg-config "$PG_CONFIG" --out-dir "$PACKAGE" \
        --no-default-features --features "pg$PG_MAJOR" >"$TARGET_DIR/package.log" 2>&1) || {
        tail -n 60 "$TARGET_DIR/package.log" >&2
        die "the extension does not build"
    }
    complete_deltas "$PACKAGE$("$PG_CONFIG" --sharedir)/extension"
}

# build_binary [PROFILE]: builds the binary, likewise; sets TIMEDB_BIN.
build_binary() {
    local profile=${1:-release}
    say "Building the binary timedb"
    (cd "$ROOT" && cargo build --quiet --profile "$profile" --package timedb_http --bin timedb) || die "the binary does not build"
    TIMEDB_BIN=$TARGET_DIR/$profile/timedb
}
