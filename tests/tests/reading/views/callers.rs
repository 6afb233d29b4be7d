//! Functions of the caller in conditions: how often they are called, and what they are shown.

use timedb_tests::{Db, Role, count, refusal, run, upload};

const CALLS: &str = "CREATE TEMP SEQUENCE calls;
    CREATE FUNCTION pg_temp.told(anyelement) RETURNS anyelement LANGUAGE plpgsql VOLATILE AS $$
        BEGIN PERFORM nextval('calls'); RETURN $1; END $$;
    CREATE FUNCTION pg_temp.steady(anyelement) RETURNS anyelement LANGUAGE plpgsql STABLE AS $$
        BEGIN PERFORM nextval('calls'); RETURN $1; END $$";

#[tokio::test]
async fn functions_in_conditions_are_called_no_more_often_than_for_each_row() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for name in ["one", "two", "three"] {
        upload(&client, name, &[1.0; 10]).await.unwrap();
    }
    run(&client, CALLS).await;
    for (condition, calls) in [
        // Of each row, as it comes.
        (
            "valid_time >= pg_temp.told('2000-01-01'::timestamptz)",
            30..=30,
        ),
        ("pg_temp.told(name) <> 'four'", 30..=30),
        ("pg_temp.told(value) = 1", 30..=30),
        // Once before, and with each row; the planner asks too.
        (
            "valid_time >= pg_temp.steady('2000-01-01'::timestamptz)",
            1..=33,
        ),
        ("pg_temp.steady(name) = 'two'", 3..=15),
        // Nothing is left to call it for.
        (
            "valid_time < '2000-01-01' AND pg_temp.told(value) = 1",
            0..=0,
        ),
        ("name = 'four' AND pg_temp.steady(name) = 'two'", 0..=0),
        ("valid_time < NULL AND pg_temp.steady(name) = 'two'", 0..=0),
    ] {
        run(&client, "SELECT setval('calls', 1, false)").await;
        run(
            &client,
            &format!("SELECT count(*) FROM timedb.values WHERE {condition}"),
        )
        .await;
        let called = count(&client, "SELECT nextval('calls') - 1", &[]).await;
        assert!(calls.contains(&called), "{condition}: {called}");
    }
}

#[tokio::test]
async fn a_barrier_above_a_view_keeps_what_it_hides_from_the_callers_functions() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for name in ["open", "hidden", "secret"] {
        upload(&client, name, &[1.0; 10]).await.unwrap();
    }
    run(
        &client,
        "SELECT FROM timedb.upload('{2030-01-01}', '{7}', '{late}')",
    )
    .await;
    run(
        &client,
        "CREATE TEMP TABLE seen (what text);
         CREATE FUNCTION pg_temp.peek(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
             BEGIN INSERT INTO seen VALUES (what); RETURN true; END $$;
         CREATE FUNCTION pg_temp.look(what text) RETURNS boolean LANGUAGE sql STABLE COST 0.0000001 AS 'SELECT pg_temp.peek(what)';
         CREATE TEMP VIEW shown WITH (security_barrier = true) AS
             SELECT * FROM timedb.values WHERE name NOT LIKE 'h%' AND value < 5 AND name || unit <> 'secretdimensionless'",
    )
    .await;
    for condition in [
        "pg_temp.look(name)",
        "pg_temp.peek(name)",
        "pg_temp.look(name) AND valid_time > '2000-01-01'",
    ] {
        for what in [
            "SELECT * FROM shown",
            "SELECT count(*) FROM shown",
            "SELECT max(valid_time) FROM shown",
        ] {
            run(&client, &format!("{what} WHERE {condition}")).await;
        }
    }
    assert!(
        count(
            &client,
            "SELECT count(*) FROM seen WHERE what = 'open'",
            &[]
        )
        .await
            > 0
    );
    assert_eq!(
        count(
            &client,
            "SELECT count(*) FROM seen WHERE what <> 'open'",
            &[]
        )
        .await,
        0
    );
}

#[tokio::test]
async fn who_may_not_read_may_not_read_the_views() {
    let db = Db::new().await;
    for role in [Role::Owner, Role::Admin, Role::Nobody] {
        let client = db.connect(role).await;
        for view in ["values", "forecasts", "versions"] {
            let query = format!("SELECT * FROM timedb.\"{view}\" WHERE valid_time > now()");
            assert_eq!(
                refusal(client.simple_query(&query).await).0,
                "42501",
                "{role:?}: {view}"
            );
        }
    }
}

#[tokio::test]
async fn an_error_in_a_condition_is_the_callers() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "one", &[1.0; 10]).await.unwrap();
    for (condition, code) in [
        ("(name || 'x')::int = 1", "22P02"),
        (
            "valid_time > now() + (1 / (value - value)) * interval '1 day'",
            "22012",
        ),
        ("series_id = ANY (ARRAY['x']::text[]::uuid[])", "22P02"),
    ] {
        let refused = refusal(
            client
                .simple_query(&format!("SELECT * FROM timedb.values WHERE {condition}"))
                .await,
        );
        assert_eq!(refused.0, code, "{condition}: {}", refused.1);
        // The session goes on.
        assert_eq!(
            count(
                &client,
                "SELECT count(*) FROM timedb.values WHERE name = 'one'",
                &[]
            )
            .await,
            10
        );
    }
}
