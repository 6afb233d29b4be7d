//! The releases that are kept: each of them updates to the current version, and the current library
//! still has what each of them calls.

use timedb_tests::Config;
use timedb_tests::catalog::{differences, snapshot};
use tokio_postgres::Client;

use super::installation::{CURRENT, Installation};
use super::trial::put_older;
use super::{assert_updates, fresh, install};

/// Version and installation script of every release.
fn releases() -> Vec<(String, String)> {
    let folder = Config::get().root.join("timedb_ext/releases");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of the releases can be listed") {
        let path = entry.expect("an entry of the folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let version = name
            .strip_prefix("timedb--")
            .and_then(|rest| rest.strip_suffix(".sql"));
        if let Some(version) = version {
            let script = std::fs::read_to_string(&path).expect("a release can be read");
            found.push((version.to_owned(), script));
        } else {
            assert_eq!(name, "README.md", "what is this file for?");
        }
    }
    found
}

/// The functions in Rust: symbol, and what the library is handed and gives back.
async fn symbols(client: &Client) -> Vec<(String, String)> {
    let rows = client
        .query(
            "SELECT prosrc, format('(%s) %s %s, strict %s', oidvectortypes(proargtypes), proretset, prorettype::regtype, proisstrict)
             FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND probin IS NOT NULL ORDER BY 1",
            &[],
        )
        .await
        .expect("the functions are listed");
    assert!(rows.len() > 10);
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Of an older version's symbols those that the current one hands other arguments.
fn changed(older: &[(String, String)], current: &[(String, String)]) -> Vec<String> {
    let of = |(symbol, signature): &(String, String)| {
        let now = current.iter().find(|(name, _)| name == symbol)?;
        (now.1 != *signature).then(|| format!("{symbol}{signature} is now {}", now.1))
    };
    older.iter().filter_map(of).collect()
}

#[tokio::test]
async fn every_release_updates_to_the_current_version() {
    let releases = releases();
    for (version, script) in releases.iter().filter(|(version, _)| version != CURRENT) {
        // A cluster for each: the roles are those that this release has made.
        let installation = Installation::start();
        // CREATE FUNCTION asks the library for each symbol of the release: a missing one fails here.
        installation.put(&format!("timedb--{version}.sql"), script);
        assert_updates(&installation, version).await;
        let older = install(&installation, "older", version).await;
        let current = install(&installation, "current", CURRENT).await;
        assert_eq!(
            changed(&symbols(&older).await, &symbols(&current).await),
            Vec::<String>::new(),
            "between the new library and ALTER EXTENSION UPDATE, {version} would crash: give the function a new symbol"
        );
    }
}

#[tokio::test]
async fn a_released_version_is_what_was_released() {
    let Some((_, script)) = releases()
        .into_iter()
        .find(|(version, _)| version == CURRENT)
    else {
        return;
    };
    let installation = Installation::start();
    let fresh = fresh(&installation, "fresh").await;
    installation.put("timedb--0.0.0.sql", &script);
    let kept = install(&installation, "kept", "0.0.0").await;
    let kept = snapshot(&kept).await;
    let version = |line: &String| line.starts_with("extension: ");
    let different: Vec<String> = differences(&kept, &fresh)
        .into_iter()
        .filter(|line| !version(&line[2..].to_owned()))
        .collect();
    assert_eq!(
        different,
        Vec::<String>::new(),
        "sql/ has changed since {CURRENT} was released: raise the version in Cargo.toml and write a delta"
    );
}

#[tokio::test]
async fn a_symbol_with_other_arguments_shows() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    let older = install(&installation, "older", "0.0.1").await;
    let current = symbols(&install(&installation, "current", CURRENT).await).await;
    assert_eq!(
        changed(&symbols(&older).await, &current),
        Vec::<String>::new()
    );
    let mut script = installation.current_script();
    script.push_str("DROP FUNCTION timedb.login(text); CREATE FUNCTION timedb.login(key text, more text) RETURNS uuid LANGUAGE c AS 'MODULE_PATHNAME', 'login_wrapper';");
    installation.put("timedb--0.0.2.sql", &script);
    let older = install(&installation, "older_still", "0.0.2").await;
    let changed = changed(&symbols(&older).await, &current);
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(
        changed[0].starts_with("login_wrapper(text, text)"),
        "{changed:?}"
    );
}
