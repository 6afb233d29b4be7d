# shellcheck shell=bash disable=SC2034
# The Python environment of the tests. Sourced after common.sh and use_state.

# Sets TIMEDB_TEST_PYTHON; installs tests/requirements.txt when it changed since the last time.
use_python() {
    local venv=$STATE/venv requirements=$ROOT/tests/requirements.txt
    TIMEDB_TEST_PYTHON=$venv/bin/python
    if cmp -s "$requirements" "$venv/requirements.txt" && "$TIMEDB_TEST_PYTHON" -c '' 2>/dev/null; then return; fi
    say "Installing the tests' Python packages"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv" || die "python3 could not create an environment: is python3-venv installed?"
    "$TIMEDB_TEST_PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$requirements" ||
        die "pip could not install tests/requirements.txt"
    cp "$requirements" "$venv/requirements.txt"
}
