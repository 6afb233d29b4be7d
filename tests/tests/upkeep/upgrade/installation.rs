//! An installation of PostgreSQL of its own, with a cluster: here a test puts scripts of other versions
//! beside the extension's own, and nobody else sees them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use timedb_tests::{Config, Run, as_server, connect, crashes_in, fail_for};
use tokio_postgres::Client;

/// The installation and its running cluster; gone with the value.
pub struct Installation {
    folder: PathBuf,
    bin: PathBuf,
    extension: PathBuf,
}

impl Installation {
    /// Copies the installation of the tests and starts a cluster of it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let made = as_server("mktemp")
            .args(["-d", "/tmp/timedb-test.XXXXXX"])
            .ok();
        let folder = PathBuf::from(made.trim());
        let (tree, bin) = tree();
        // Links stay links; PostgreSQL looks for its other folders beside the real copy of its binary.
        Run::new("cp")
            .args(["-a"])
            .args([tree.as_path(), &folder.join("tree")])
            .ok();
        let bin = folder.join("tree").join(&bin);
        let installation = Self {
            extension: extension_folder(&folder.join("tree")),
            folder,
            bin,
        };
        installation.start_cluster();
        installation
    }

    fn start_cluster(&self) {
        let data = self.data();
        as_server(self.bin.join("initdb"))
            .args(["-U", "postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "-D"])
            .args([&data])
            .ok();
        let socket = format!("-c unix_socket_directories={}", self.folder.display());
        let options = format!("-c listen_addresses= -c fsync=off {socket}");
        as_server(self.bin.join("pg_ctl"))
            .args(["start", "-w", "-o", &options, "-D"])
            .args([&data])
            .args(["-l"])
            .args([self.folder.join("log")])
            .ok();
    }

    /// Puts a script into the extension's folder, such as `timedb--0.0.1.sql`.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.extension.join(name);
        std::fs::write(&path, text).expect("the script is written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))
            .expect("everybody may read the script");
    }

    /// The installation script of the version that was built.
    pub fn current_script(&self) -> String {
        self.read(&format!("timedb--{CURRENT}.sql"))
    }

    /// A file of the extension's folder.
    pub fn read(&self, name: &str) -> String {
        let path = self.extension.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Creates a database and connects to it as the superuser; options of CREATE DATABASE may follow
    /// the name.
    pub async fn database(&self, name: &str) -> Client {
        let superuser = connect(&self.dsn("postgres", "postgres")).await;
        superuser
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap_or_else(|error| panic!("cannot create database {name}: {error:?}"));
        let name = name.split(' ').next().unwrap_or_default();
        connect(&self.dsn(name, "postgres")).await
    }

    /// The connection URI of a role; no password is asked for.
    pub fn dsn(&self, database: &str, role: &str) -> String {
        let host = self.folder.to_str().expect("the path is UTF-8");
        let host = utf8_percent_encode(host, NON_ALPHANUMERIC);
        format!("postgresql:///{database}?host={host}&user={role}")
    }

    /// Everything that the server logged so far.
    pub fn log(&self) -> String {
        as_server("cat").args([self.folder.join("log")]).ok()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// The version that was built: all packages of the workspace share it.
pub const CURRENT: &str = env!("CARGO_PKG_VERSION");

impl Drop for Installation {
    fn drop(&mut self) {
        as_server(self.bin.join("pg_ctl"))
            .args(["stop", "-w", "-m", "immediate", "-D"])
            .args([self.data()])
            .run();
        let crashes = crashes_in(&self.folder.join("log"));
        // The copy belongs to whoever runs the tests, the cluster to the server's user.
        drop(std::fs::remove_dir_all(self.folder.join("tree")));
        as_server("rm").args(["-rf"]).args([&self.folder]).run();
        fail_for(&crashes);
    }
}

/// The private installation that the tests run with, and where its programs are below it.
pub fn tree() -> (PathBuf, PathBuf) {
    let bin = &Config::get().pg_bin;
    // All programs but three are links to those of the system.
    let original = std::fs::read_link(bin.join("psql")).expect("psql is a link");
    let below = original.parent().expect("psql is in a folder");
    let below = below.strip_prefix("/").expect("the link is absolute");
    let tree = bin
        .to_str()
        .and_then(|bin| bin.strip_suffix(below.to_str()?))
        .expect("the installation repeats the system's folders");
    (PathBuf::from(tree), below.to_owned())
}

/// The folder of `timedb.control`.
fn extension_folder(tree: &Path) -> PathBuf {
    let found = Run::new("find")
        .args([tree])
        .args(["-name", "timedb.control"])
        .ok();
    let control = Path::new(found.trim());
    control.parent().expect("it is in a folder").to_owned()
}
