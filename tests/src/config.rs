//! Where the tests find the private cluster and the programs: variables that `scripts/test.sh` sets.

use std::path::PathBuf;
use std::sync::LazyLock;

/// What one run of the tests works with.
pub struct Config {
    /// Connection URI of the private cluster's superuser.
    pub admin_dsn: String,
    /// The binary `timedb`.
    pub binary: PathBuf,
    /// `initdb`, `postgres`, `psql`, `pg_dump` ... of the private installation.
    pub pg_bin: PathBuf,
    /// A Python interpreter that has the packages of `tests/requirements.txt`.
    pub python: PathBuf,
    /// The project's folder.
    pub root: PathBuf,
}

static CONFIG: LazyLock<Config> = LazyLock::new(|| Config {
    admin_dsn: variable("TIMEDB_TEST_ADMIN_DSN"),
    binary: variable("TIMEDB_BIN").into(),
    pg_bin: variable("TIMEDB_TEST_PG_BIN").into(),
    python: variable("TIMEDB_TEST_PYTHON").into(),
    root: variable("TIMEDB_TEST_ROOT").into(),
});

impl Config {
    /// The configuration of this run.
    pub fn get() -> &'static Self {
        &CONFIG
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: `make test` (or `make test T=<file>`) starts the private cluster and sets it")
    })
}
