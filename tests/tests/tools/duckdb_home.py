"""Lays DuckDB's extension for PostgreSQL, which comes as a package here, where its INSTALL would have downloaded it to.

The argument is the home folder that DuckDB will run with.
"""

import pathlib
import sys

import duckdb
import duckdb_extension_postgres_scanner as package

(platform,) = duckdb.sql("PRAGMA platform").fetchone()
folder = pathlib.Path(sys.argv[1], ".duckdb", "extensions", f"v{duckdb.__version__}", platform)
folder.mkdir(parents=True)
(extension,) = pathlib.Path(package.__path__[0]).rglob("postgres_scanner.duckdb_extension")
(folder / extension.name).symlink_to(extension)
