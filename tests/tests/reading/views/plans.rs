//! Plans that EXPLAIN shows: where there is a scan, and what reaches a read where there is none.

use timedb_tests::{Db, Role, refusal, run};

use super::rows;

#[tokio::test]
async fn where_the_scan_cannot_be_used_constants_and_parameters_still_bound_the_read() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "SET TIME ZONE 'UTC'; SET plan_cache_mode = force_generic_plan; CREATE TEMP TABLE notes (valid_time timestamptz, value float8)").await;
    for (query, call) in [
        (
            "UPDATE notes SET value = v.value FROM timedb.values AS v WHERE v.valid_time = notes.valid_time AND v.name = $1",
            "timedb_internal._read_rows('flat'::text, NULL::uuid[], $1, NULL::jsonb, NULL::timestamp with time zone",
        ),
        (
            "SELECT notes.value FROM notes JOIN timedb.versions AS v USING (valid_time) WHERE v.valid_time > $2 AND v.valid_time <= '2025-01-02' FOR UPDATE OF notes",
            "GREATEST(NULL::timestamp with time zone, $2), LEAST(NULL::timestamp with time zone, '2025-01-02 00:00:00.000001+00'::timestamp with time zone)",
        ),
        (
            "SELECT r FROM timedb_internal._read_rows('flat') AS r WHERE valid_time < '2025-01-02' AND series_id = $3",
            "timedb_internal._read_rows('flat'::text, ARRAY[$3]",
        ),
    ] {
        run(
            &client,
            &format!("PREPARE p (text, timestamptz, uuid) AS {query}"),
        )
        .await;
        let plan = rows(
            &client,
            "EXPLAIN (VERBOSE, COSTS OFF) EXECUTE p ('x', '2025-01-01', NULL)",
        )
        .await;
        let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
        assert!(
            plan.iter().any(|line| line.contains(call)),
            "{query}: {plan:#?}"
        );
        assert!(
            !plan.iter().any(|line| line.contains("timedb read")),
            "{query}: {plan:#?}"
        );
        run(&client, "DEALLOCATE p").await;
    }
}

#[tokio::test]
async fn the_first_statement_of_a_session_has_the_scan() {
    let db = Db::new().await;
    for query in [
        "SELECT * FROM timedb.values WHERE valid_time > '2025-01-01'",
        "SELECT * FROM timedb.read_versions(name => 'x')",
    ] {
        let client = db.connect(Role::User).await;
        let plan = rows(&client, &format!("EXPLAIN {query}")).await;
        let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
        assert!(
            plan.iter()
                .any(|line| line.contains("Custom Scan (timedb read)")),
            "{plan:#?}"
        );
    }
}

#[tokio::test]
async fn a_setting_made_before_the_library_is_loaded_counts() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    run(
        &client,
        "SET timedb.streaming_reads = off; SET timedb.streamed_reads = off",
    )
    .await;
    let plan = rows(&client, "EXPLAIN SELECT * FROM timedb.values").await;
    let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
    assert!(
        !plan.iter().any(|line| line.contains("timedb read")),
        "{plan:#?}"
    );
    assert_eq!(
        rows(&client, "SHOW timedb.streaming_reads").await,
        [[Some("off".to_owned())]]
    );
    // A misspelt one does not.
    let misspelt = client.simple_query("SHOW timedb.streamed_reads").await;
    assert_eq!(refusal(misspelt).0, "42704");
}

/// A series has many points, so what is joined with one is not read anew for each of them, unless the query says that
/// there are few.
#[tokio::test]
async fn a_join_reads_as_often_as_the_query_says_that_there_are_rows() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "SET TIME ZONE 'UTC'; CREATE TEMP TABLE events AS SELECT timestamptz '2025-01-01Z' AS at, 'wind' AS name; ANALYZE events").await;
    let year = "valid_time >= '2025-01-01' AND valid_time < '2026-01-01'";
    let day = "valid_time >= '2025-01-01' AND valid_time < '2025-01-02'";
    let two = "timedb.values AS a JOIN timedb.forecasts AS b";
    for (query, reads_anew) in [
        (
            format!("{two} USING (valid_time) WHERE a.name = 'load' AND b.name = 'wind'"),
            false,
        ),
        (
            format!(
                "{two} USING (valid_time) WHERE a.name = 'load' AND b.name = 'wind' AND {year}"
            ),
            false,
        ),
        (
            format!(
                "{two} USING (series_id, valid_time) WHERE a.labels @> '{{\"site\": \"north\"}}'"
            ),
            false,
        ),
        (
            format!("{two} USING (series_id, valid_time) WHERE a.name = 'load'"),
            false,
        ),
        (
            format!("{two} USING (series_id, valid_time) WHERE a.name = 'load' AND {year}"),
            false,
        ),
        (
            format!("{two} USING (series_id, valid_time) WHERE a.name = 'load' AND {day}"),
            true,
        ),
        (
            "timedb.series AS s JOIN timedb.values AS v USING (series_id) WHERE s.name LIKE 'w%'"
                .to_owned(),
            true,
        ),
        (
            "events JOIN timedb.values AS v ON v.name = events.name AND v.valid_time = at"
                .to_owned(),
            true,
        ),
    ] {
        let plan = rows(&client, &format!("EXPLAIN SELECT * FROM {query}")).await;
        let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
        assert_eq!(
            plan.iter().any(|line| line.contains("Nested Loop")),
            reads_anew,
            "{query}: {plan:#?}"
        );
    }
}
