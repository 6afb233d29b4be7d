# shellcheck shell=bash disable=SC2034
# The linters of databases that the tests run (tests/judges/package.json). Sourced after python.sh and use_python.

# Sets TIMEDB_TEST_LINTER; installs what tests/judges/package-lock.json names when it changed since the last time.
use_judges() {
    local folder=$STATE/judges lock=$ROOT/tests/judges/package-lock.json
    if ! cmp -s "$lock" "$folder/installed"; then
        say "Installing the linters of databases"
        rm -rf "$folder"
        mkdir -p "$folder"
        cp "$ROOT"/tests/judges/package*.json "$folder/"
        # npm is a package of the tests' Python environment: a distribution's own is hundreds of packages.
        # Not `npm ci`: it wants the lock to name the programs of every system, here and there they are missing.
        (cd "$folder" && PATH=${TIMEDB_TEST_PYTHON%/*}:$PATH npm install --silent --ignore-scripts --no-audit --no-fund) ||
            die "npm could not install tests/judges/package-lock.json"
        cp "$lock" "$folder/installed"
    fi
    # The program itself: the package's own starter needs a newer node than many have.
    TIMEDB_TEST_LINTER=$(find "$folder/node_modules/@postgres-language-server" -path '*-linux-gnu/*' -name postgres-language-server -type f -print -quit)
    [[ -x $TIMEDB_TEST_LINTER ]] || die "the linter of databases has no program for this machine ($(uname -m))"
}
