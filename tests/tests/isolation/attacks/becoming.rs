//! A session that was tenant A becomes tenant B. What PostgreSQL asks anew for each row is B's from then on;
//! what A put somewhere stays there until DISCARD ALL, as in every session of PostgreSQL.

use timedb_tests::{Recorded, Recorder, Role};

use super::store::Store;

/// What A prepares, and B then does: nothing of A comes back.
const FORGOTTEN: &[(&[&str], &[&str])] = &[
    (
        &["PREPARE p AS SELECT * FROM {R}", "EXECUTE p"],
        &["EXECUTE p"],
    ),
    (
        &[
            "SET plan_cache_mode = force_generic_plan",
            "PREPARE p AS SELECT * FROM {R} AS r ORDER BY r::text",
            "EXECUTE p",
        ],
        &["EXECUTE p"],
    ),
    (
        &[
            "PREPARE p (text) AS SELECT * FROM {R} AS r WHERE r::text <> $1",
            "EXECUTE p('')",
            "EXECUTE p('')",
            "EXECUTE p('')",
            "EXECUTE p('')",
            "EXECUTE p('')",
            "EXECUTE p('')",
        ],
        &["EXECUTE p('')", "EXPLAIN ANALYZE EXECUTE p('')"],
    ),
    (
        &[
            "CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY SELECT r::text FROM {R} AS r; END$$",
            "SELECT pg_temp.f()",
        ],
        &["SELECT pg_temp.f()"],
    ),
    (
        &[
            "CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT r::text FROM {R} AS r'",
            "SELECT pg_temp.f()",
        ],
        &["SELECT pg_temp.f()"],
    ),
    (
        &["CREATE TEMP VIEW v AS SELECT * FROM {R}", "SELECT * FROM v"],
        &["SELECT * FROM v"],
    ),
    (
        &["SELECT * FROM {R}"],
        &[
            "SELECT * FROM {R}",
            "SELECT * FROM pg_cursors",
            "SELECT * FROM pg_prepared_statements",
        ],
    ),
    (
        &["SELECT r::text::int FROM {R} AS r"],
        &["SELECT * FROM {R}"],
    ),
    (
        &["DECLARE c CURSOR FOR SELECT * FROM {R}"],
        &["FETCH ALL FROM c"],
    ),
    (
        &["DECLARE c CURSOR FOR SELECT * FROM {R} AS r ORDER BY r::text"],
        &["FETCH ALL FROM c"],
    ),
    (
        &["SAVEPOINT s", "SELECT * FROM {R}", "ROLLBACK TO s"],
        &["SELECT * FROM {R}"],
    ),
    (
        &[
            "PREPARE p AS SELECT timedb.current_tenant(), timedb.whoami()",
            "EXECUTE p",
            "EXECUTE p",
        ],
        &["EXECUTE p"],
    ),
];

/// What A puts where the session keeps it: B finds it there.
const KEPT: &[(&[&str], &[&str])] = &[
    (&["CREATE TEMP TABLE t AS SELECT * FROM {R}"], &["TABLE t"]),
    (
        &[
            "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {R}",
            "COMMIT",
            "BEGIN",
        ],
        &["FETCH ALL FROM c"],
    ),
    (
        &[
            "DECLARE c SCROLL CURSOR FOR SELECT * FROM {R} AS r ORDER BY r::text",
            "FETCH 1 FROM c",
        ],
        &["FETCH FIRST FROM c", "FETCH ALL FROM c"],
    ),
    (
        &["SELECT set_config('my.notes', (SELECT string_agg(r::text, '') FROM {R} AS r), false)"],
        &["SHOW my.notes"],
    ),
    (
        &[
            "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT string_agg(r::text, '''') FROM {R} AS r'",
            "SET plan_cache_mode = force_generic_plan",
            "PREPARE p AS SELECT pg_temp.f()",
            "EXECUTE p",
        ],
        &["EXECUTE p"],
    ),
    (
        &["PREPARE p AS SELECT * FROM {R} WHERE 'kestrel' <> ''"],
        &["SELECT statement FROM pg_prepared_statements"],
    ),
];

const RELATIONS: [&str; 7] = [
    "timedb.series",
    "timedb.series_labels",
    "timedb.requests",
    "timedb.batches",
    "timedb.values",
    "timedb.forecasts",
    "timedb.versions",
];

async fn tell(session: &mut Recorder, lines: &[&str], relation: &str) -> Recorded {
    let mut recorded = Recorded::default();
    for line in lines {
        recorded.extend(session.tell(&line.replace("{R}", relation), "").await);
    }
    recorded
}

/// Both ways of becoming somebody: the line that begins as A, and the one that goes on as B.
fn ways(store: &Store) -> [(Role, [String; 2]); 2] {
    let keys = [&store.a.key, &store.db.b().key];
    [
        (
            Role::User,
            keys.map(|key| format!("SELECT timedb.authenticate('{key}')")),
        ),
        (
            Role::Session,
            keys.map(|key| format!("SELECT timedb.login('{key}')")),
        ),
    ]
}

/// What B hears, for each script, relation and way; in one transaction, so that cursors live.
async fn heard_by_b(store: &Store, scripts: &[(&[&str], &[&str])]) -> Vec<(String, Vec<String>)> {
    let mut heard = Vec::new();
    for (role, [as_a, as_b]) in ways(store) {
        let mut session = Recorder::connect(&store.db.dsn(role)).await;
        for (before, after) in scripts {
            for relation in RELATIONS {
                for line in ["ROLLBACK", "DISCARD ALL", "BEGIN", &as_a] {
                    session.tell(line, "").await;
                }
                let own = tell(&mut session, before, relation).await;
                if own.code.is_some() {
                    // The error that was meant; the transaction is over.
                    tell(&mut session, &["ROLLBACK", "BEGIN"], relation).await;
                }
                let became = session.tell(&as_b, "").await;
                assert_eq!(became.code, None, "{}", became.text());
                let answer = tell(&mut session, after, relation).await;
                let case = format!("{role:?}: {before:?} on {relation}");
                heard.push((case, store.canaries_in(&answer.bytes)));
                // Nothing outlives this.
                tell(&mut session, &["COMMIT", "DISCARD ALL", "BEGIN"], relation).await;
                session.tell(&as_b, "").await;
                let answer = tell(&mut session, after, relation).await;
                let found = store.canaries_in(&answer.bytes);
                assert_eq!(found, Vec::<String>::new(), "after DISCARD ALL: {before:?}");
                tell(&mut session, &["ROLLBACK"], relation).await;
            }
        }
    }
    heard
}

#[tokio::test]
async fn a_session_that_becomes_another_tenant_asks_anew() {
    let store = Store::new().await;
    let heard = heard_by_b(&store, FORGOTTEN).await;
    assert!(heard.len() >= 120);
    for (case, canaries) in heard {
        assert_eq!(canaries, Vec::<String>::new(), "{case}");
    }
}

#[tokio::test]
async fn what_a_tenant_left_in_its_session_stays_there_until_discard_all() {
    let store = Store::new().await;
    for (case, canaries) in heard_by_b(&store, KEPT).await {
        // A cursor of timedb.values may refuse to go on instead.
        let may_refuse = case.contains("timedb.values") && case.contains("FETCH 1");
        assert!(!canaries.is_empty() || may_refuse, "{case}");
    }
}
