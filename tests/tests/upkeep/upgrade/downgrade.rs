//! There is no way back to an older version, and whoever tries is told.

use serde_json::Value;
use timedb_tests::{cli, connect, refusal};

use super::installation::{CURRENT, Installation};
use super::{fill, install, versions_read};

#[tokio::test]
async fn a_later_version_is_not_updated_to_an_older_one() {
    let installation = Installation::start();
    // A later version's database, where the files of this one have been installed again.
    installation.put("timedb--99.0.0.sql", &installation.current_script());
    let superuser = install(&installation, "store", "99.0.0").await;
    let keys = fill(&installation, "store", &superuser).await;
    let app = connect(&installation.dsn("store", "app")).await;
    let read = versions_read(&app, &keys[0]).await;
    for back in [
        "ALTER EXTENSION timedb UPDATE".to_owned(),
        format!("ALTER EXTENSION timedb UPDATE TO '{CURRENT}'"),
    ] {
        let refused = refusal(superuser.batch_execute(&back).await);
        assert_eq!(refused.0, "22023", "{refused:?}");
        let why = format!("no update path from version \"99.0.0\" to version \"{CURRENT}\"");
        assert!(refused.1.contains(&why), "{refused:?}");
    }
    assert_eq!(versions_read(&app, &keys[0]).await, read);

    // The doctor does not send anybody there.
    let dsn = installation.dsn("store", "postgres");
    let report = cli(&["doctor", "--json", "--dsn", &dsn]).run();
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    for id in ["extension-update", "library"] {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["id"] == id).unwrap();
        assert_eq!(check["status"], "warning", "{check}");
        let remedy = check["remedy"].as_str().unwrap();
        assert!(
            remedy.starts_with("Install the files of 99.0.0 again"),
            "{check}"
        );
    }
}
