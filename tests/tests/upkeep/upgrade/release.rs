//! `scripts/release.sh` and the completion of deltas, on a copy of what they work on.

use std::path::PathBuf;

use tempfile::TempDir;
use timedb_tests::{Config, Output, Run};

use super::installation::{CURRENT, tree};

/// The first line of a released delta.
const MARK: &str = "-- Released: complete, and never changed again.";

/// A copy of the scripts and of the SQL, without releases.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().expect("a folder for the copy"));
        let root = &Config::get().root;
        for part in ["scripts", "sql", "Cargo.toml"] {
            Run::new("cp")
                .args(["-R"])
                .args([root.join(part), copy.path("")])
                .ok();
        }
        let folder = copy.path("timedb_ext/sql");
        std::fs::create_dir_all(&folder).expect("the folder of the deltas");
        for part in ["update_begin.sql", "update_end.sql"] {
            let from = root.join("timedb_ext/sql").join(part);
            std::fs::copy(from, folder.join(part)).expect("a part of every delta");
        }
        copy.set_version(CURRENT, "0.1.0");
        let sections =
            ["0.3.0", "0.2.0", "0.1.0"].map(|version| format!("## [{version}] - 2026-12-01\n"));
        copy.write("CHANGELOG.md", &sections.concat());
        copy
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        std::fs::write(self.path(below), text).expect("a file is written");
    }

    fn read(&self, below: &str) -> String {
        std::fs::read_to_string(self.path(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
    }

    /// What Cargo.toml says.
    fn set_version(&self, from: &str, to: &str) {
        let line = |version| format!("[workspace.package]\nversion = \"{version}\"");
        let text = self.read("Cargo.toml");
        assert!(text.contains(&line(from)), "{text}");
        self.write("Cargo.toml", &text.replace(&line(from), &line(to)));
    }

    /// Cuts a release with this installation script.
    fn release(&self, version: &str, script: &str) -> Output {
        self.write("built.sql", script);
        Run::new("bash")
            .args([self.path("scripts/release.sh")])
            .args([version])
            .args([self.path("built.sql")])
            .run()
    }

    /// The names in the folder of the releases.
    fn releases(&self) -> Vec<String> {
        let folder = self.path("timedb_ext/releases");
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains(why), "{output:?}");
}

#[test]
fn a_release_is_kept_and_never_changed() {
    let copy = Copy::new();
    refused(
        &copy.release("0.2.0", "x"),
        "Cargo.toml says version 0.1.0, not 0.2.0",
    );
    refused(&copy.release("0.1", "x"), "0.1 is not a version");
    refused(&copy.release("0.1.0", ""), "does not exist, or is empty");
    assert_eq!(copy.releases(), Vec::<String>::new());

    let changes = copy.read("CHANGELOG.md");
    copy.write(
        "CHANGELOG.md",
        "## [Unreleased] 0.1.0\n## [0.1.01] - 2026-12-01\n",
    );
    refused(
        &copy.release("0.1.0", "first"),
        "CHANGELOG.md has no section '## [0.1.0] - ",
    );
    assert_eq!(copy.releases(), Vec::<String>::new());
    copy.write("CHANGELOG.md", &changes);

    assert_eq!(copy.release("0.1.0", "first").code, 0);
    assert_eq!(copy.releases(), ["timedb--0.1.0.sql"]);
    assert_eq!(copy.read("timedb_ext/releases/timedb--0.1.0.sql"), "first");
    refused(
        &copy.release("0.1.0", "second"),
        "0.1.0 is released already",
    );
    assert_eq!(copy.read("timedb_ext/releases/timedb--0.1.0.sql"), "first");
}

#[test]
fn a_release_without_a_way_from_every_kept_one_is_refused_and_changes_nothing() {
    let copy = Copy::new();
    copy.release("0.1.0", "first");
    copy.set_version("0.1.0", "0.2.0");
    refused(
        &copy.release("0.2.0", "second"),
        "no delta leads to 0.2.0 from 0.1.0: write timedb_ext/sql/timedb--0.1.0--0.2.0.sql",
    );
    // One that leads elsewhere does not count.
    copy.write("timedb_ext/sql/timedb--0.1.0--0.1.1.sql", "SELECT 1;\n");
    refused(
        &copy.release("0.2.0", "second"),
        "no delta leads to 0.2.0 from 0.1.0",
    );
    std::fs::remove_file(copy.path("timedb_ext/sql/timedb--0.1.0--0.1.1.sql")).unwrap();
    assert_eq!(copy.releases(), ["timedb--0.1.0.sql"]);

    let delta = "timedb_ext/sql/timedb--0.1.0--0.2.0.sql";
    copy.write(delta, "SELECT 'what changes';\n");
    // A forgotten delta to another version is refused, too, before anything is written.
    copy.write("timedb_ext/sql/timedb--0.1.0--0.3.0.sql", "SELECT 1;\n");
    refused(
        &copy.release("0.2.0", "second"),
        "leads to a version that is neither 0.2.0 nor released",
    );
    std::fs::remove_file(copy.path("timedb_ext/sql/timedb--0.1.0--0.3.0.sql")).unwrap();
    assert_eq!(copy.read(delta), "SELECT 'what changes';\n");
    assert_eq!(copy.release("0.2.0", "second").code, 0);
    assert_eq!(copy.releases(), ["timedb--0.1.0.sql", "timedb--0.2.0.sql"]);

    // The delta stands as it is shipped from now on, whatever finalize.sql becomes.
    let shipped = copy.read(delta);
    assert!(shipped.starts_with(MARK), "{shipped}");
    let parts = [
        copy.read("timedb_ext/sql/update_begin.sql"),
        "SELECT 'what changes';\n".to_owned(),
        copy.read("sql/finalize.sql"),
        copy.read("timedb_ext/sql/update_end.sql"),
    ];
    assert!(shipped.ends_with(&parts.concat()), "{shipped}");
    copy.write("sql/finalize.sql", "-- Another one.\n");
    copy.set_version("0.2.0", "0.3.0");
    refused(
        &copy.release("0.3.0", "third"),
        "no delta leads to 0.3.0 from 0.1.0 0.2.0",
    );
    // One delta is enough: the older one leads to its start.
    copy.write("timedb_ext/sql/timedb--0.2.0--0.3.0.sql", "SELECT 3;\n");
    assert_eq!(copy.release("0.3.0", "third").code, 0);
    assert_eq!(copy.read(delta), shipped);
    let newest = copy.read("timedb_ext/sql/timedb--0.2.0--0.3.0.sql");
    assert!(newest.contains("-- Another one.\n"));
}

#[test]
fn the_build_completes_deltas_to_the_current_version_and_refuses_stray_ones() {
    let copy = Copy::new();
    let built = copy.path("built");
    std::fs::create_dir(&built).unwrap();
    let complete = || {
        Run::new("bash")
            .args([
                "-euc",
                ". scripts/lib/common.sh; . scripts/lib/deltas.sh; complete_deltas built",
            ])
            .dir(copy.0.path())
            .run()
    };
    // Without deltas there is nothing to do.
    assert_eq!(complete().code, 0);
    copy.write("built/timedb--0.1.0.sql", "the installation script");
    copy.write("built/timedb--0.0.1--0.1.0.sql", "SELECT 1;\n");
    let released = format!("{MARK}\nSELECT 2;\n");
    copy.write("built/timedb--0.0.1--0.0.2.sql", &released);
    assert_eq!(complete().code, 0);
    let completed = copy.read("built/timedb--0.0.1--0.1.0.sql");
    assert!(completed.starts_with("\\echo Use"), "{completed}");
    assert!(completed.contains("SELECT 1;\n"));
    assert!(completed.contains(&copy.read("sql/finalize.sql")));
    assert_eq!(copy.read("built/timedb--0.0.1--0.0.2.sql"), released);
    assert_eq!(
        copy.read("built/timedb--0.1.0.sql"),
        "the installation script"
    );
    copy.write("built/timedb--0.1.0--0.9.0.sql", "SELECT 9;\n");
    refused(
        &complete(),
        "leads to a version that is neither the current one (0.1.0) nor released",
    );
}

#[test]
fn every_delta_of_the_source_is_installed() {
    let root = &Config::get().root;
    let installed = Run::new("find")
        .args([tree().0])
        .args(["-name", "timedb--*.sql", "-printf", "%f\n"])
        .ok();
    assert!(
        installed.contains(&format!("timedb--{CURRENT}.sql")),
        "{installed}"
    );
    for entry in std::fs::read_dir(root.join("timedb_ext/sql")).expect("the deltas are listed") {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let shipped = name.starts_with("timedb--");
        assert_eq!(
            installed.lines().any(|line| line == name),
            shipped,
            "{name}"
        );
    }
}
