//! The suite against itself: tenant A sees its own canaries in every way of `reads.sql`, and what a
//! superuser breaks is found.

use std::collections::BTreeSet;

use timedb_tests::{Db, Recorder, Role};

use super::attack::{Attacker, TENANTS};
use super::scripts::{COLUMNS, OTHERS, READS, attacks};
use super::siege::Siege;
use super::store::Store;

/// The attacks that gave something away: `Attacker: attack of relation`.
fn leaks(found: &[String]) -> BTreeSet<String> {
    let leak = |line: &String| {
        let line = line.strip_prefix("LEAK ")?;
        Some(line.split(": [").next().unwrap_or(line).to_owned())
    };
    found.iter().filter_map(leak).collect()
}

#[tokio::test]
async fn every_way_to_see_rows_shows_a_tenant_its_own() {
    let store = Store::new().await;
    let mut siege = Siege::new(&store, true).await;
    let mut expected = BTreeSet::new();
    for relation in store.readable().await {
        for attack in attacks(READS, &relation, None) {
            siege.run(Attacker::TenantA, &attack).await;
            expected.insert(format!("{:?}: {}", Attacker::TenantA, attack.name));
        }
    }
    let (_, found) = siege.end().await;
    let blind: Vec<_> = expected.difference(&leaks(&found)).cloned().collect();
    assert_eq!(blind, Vec::<String>::new(), "these show nothing to anybody");
}

#[tokio::test]
async fn each_of_many_answers_belongs_to_its_statement() {
    let db = Db::new().await;
    let mut recorder = Recorder::connect(&db.dsn(Role::User)).await;
    let told = recorder
        .tell_all([
            ("BEGIN", ""),
            ("CREATE TEMP TABLE t (x text); SELECT 'one'", ""),
            ("COPY t FROM STDIN", "two\n"),
            ("", "three\n"),
            ("COPY t TO STDOUT", "four\n"),
            ("COPY nothing FROM STDIN", "five\n"),
            ("SELECT 'six'", ""),
            ("ROLLBACK", ""),
            ("SELECT 'seven'; SELECT 'eight'", "nine\n"),
        ])
        .await;
    let aborted = Some("25P02");
    let missing = Some("42P01");
    let expected: [(&[&str], Option<&str>); 9] = [
        (&[], None),
        (&["one"], None),
        (&[], None),
        (&[], None),
        (&["two"], None),
        (&[], missing),
        (&[], aborted),
        (&[], None),
        (&["seven", "eight"], None),
    ];
    assert_eq!(told.len(), expected.len());
    let words = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    for (told, (said, code)) in told.iter().zip(expected) {
        assert_eq!(told.code.as_deref(), code, "{}", told.text());
        for word in words {
            let heard = told.text().contains(word);
            assert_eq!(heard, said.contains(&word), "{word}: {}", told.text());
        }
        assert_eq!(told.rows, said.len(), "{}", told.text());
    }
}

/// A store that a superuser has weakened by this statement.
async fn weakened(statement: &str) -> Store {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    superuser.batch_execute(statement).await.unwrap();
    store
}

#[tokio::test]
async fn row_security_switched_off_is_found_as_leaks_and_as_differences() {
    let store = weakened("ALTER TABLE timedb.series DISABLE ROW LEVEL SECURITY").await;
    let mut siege = Siege::new(&store, false).await;
    let readable = store.readable().await;
    let series = readable.iter().find(|relation| relation.name == "series");
    let series = series.expect("tenants read series");
    let name = series.columns.iter().find(|(name, _)| name == "name");
    let probe = store.column_probe(series, name.unwrap()).await.unwrap();
    let mut expected = BTreeSet::new();
    for attack in attacks(READS, series, None) {
        for attacker in &TENANTS[..4] {
            siege.run(*attacker, &attack).await;
            expected.insert(format!("{attacker:?}: {}", attack.name));
        }
    }
    for mut attack in attacks(COLUMNS, series, name) {
        attack.probes = vec![probe.clone()];
        siege.run(Attacker::NoKey, &attack).await;
    }
    let (_, found) = siege.end().await;
    let blind: Vec<_> = expected.difference(&leaks(&found)).cloned().collect();
    assert_eq!(blind, Vec::<String>::new());
    // A count and an error tell of a row without showing it.
    for name in ["is in", "exists", "divided by zero"] {
        let difference = format!("DIFFERENCE NoKey: {name} of series.name");
        assert!(
            found.iter().any(|line| line.starts_with(&difference)),
            "{difference} is not found"
        );
    }
}

#[tokio::test]
async fn a_view_that_reads_as_its_owner_and_a_missing_policy_are_found() {
    for (statement, name) in [
        (
            "CREATE VIEW timedb.all_requests AS SELECT * FROM timedb.requests;
             GRANT SELECT ON timedb.all_requests TO timedb_user",
            "all_requests",
        ),
        (
            "CREATE VIEW timedb.whole_log AS SELECT * FROM timedb_internal.write_log;
             GRANT SELECT ON timedb.whole_log TO timedb_user",
            "whole_log",
        ),
        (
            "CREATE POLICY wide ON timedb.requests USING (true);
             DROP POLICY requests_tenant_isolation ON timedb.requests",
            "requests",
        ),
    ] {
        let store = weakened(statement).await;
        let mut siege = Siege::new(&store, false).await;
        let readable = store.readable().await;
        let relation = readable.iter().find(|relation| relation.name == name);
        for attack in attacks(READS, relation.expect("it is enumerated"), None) {
            siege.run(Attacker::NoKey, &attack).await;
        }
        let (cases, found) = siege.end().await;
        assert_eq!(leaks(&found).len(), cases, "{name}: {:#?}", leaks(&found));
    }
}

#[tokio::test]
async fn a_row_that_changed_and_a_right_that_was_given_are_found() {
    let store = weakened(
        "GRANT SELECT, UPDATE, DELETE ON timedb_internal.settings TO timedb_user;
         INSERT INTO timedb_internal.settings VALUES ('some', '1');
         ALTER TABLE timedb_internal.users OWNER TO timedb_session; GRANT CREATE ON SCHEMA timedb TO timedb_session",
    )
    .await;
    let relations = store.relations().await;
    for (name, attacker, successful) in [
        ("settings", Attacker::NoKey, "delete of settings"),
        ("users", Attacker::Session, "grant of users"),
    ] {
        let relation = relations.iter().find(|relation| relation.name == name);
        let mut siege = Siege::new(&store, true).await;
        for attack in attacks(OTHERS, relation.unwrap(), None) {
            if attack.name == successful {
                siege.run(attacker, &attack).await;
            }
        }
        let (_, found) = siege.end().await;
        let changes = found.iter().filter(|line| line.starts_with("CHANGE "));
        assert_eq!(changes.count(), 1, "{successful}: {found:#?}");
    }
}
