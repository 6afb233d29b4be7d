//! Where a statement ends: within functions, savepoints, other statements, and for every way to send one.

use timedb_tests::{Db, count, refusal, run};

use super::{batches, copy, rows};

#[tokio::test]
async fn an_error_is_the_statements_own_and_a_savepoint_takes_back_what_it_had() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "BEGIN; INSERT INTO timedb.values (name, valid_time, value) VALUES ('one', '2025-01-01Z', 1); SAVEPOINT s").await;
    let twice = "INSERT INTO timedb.values (name, valid_time, value) VALUES ('two', '2025-01-01Z', 1), ('two', '2025-01-01Z', 1)";
    assert_eq!(refusal(client.batch_execute(twice).await).0, "21000");
    run(&client, "ROLLBACK TO s").await;
    run(
        &client,
        "INSERT INTO timedb.values (name, valid_time, value) VALUES ('three', '2025-01-01Z', 1)",
    )
    .await;
    // It is there at once, not at the end of the transaction.
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        2
    );
    run(&client, "ROLLBACK TO s").await;
    run(&client, "INSERT INTO timedb.values (name, valid_time, value) VALUES ('four', '2025-01-01Z', 1); COMMIT").await;
    assert_eq!(
        rows(
            &client,
            "SELECT name FROM timedb.values ORDER BY valid_time, name"
        )
        .await,
        ["four", "one"]
    );
    assert_eq!(batches(&client).await, ["1", "1"]);
}

#[tokio::test]
async fn statements_within_statements_each_store_their_own_rows() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // Every second one fails and is caught, after it has taken a row; a function in SQL keeps its executor for longer.
    run(
        &client,
        "CREATE FUNCTION pg_temp.in_sql(i integer) RETURNS void LANGUAGE sql AS $$
             INSERT INTO timedb.values (name, valid_time, value)
             VALUES ('inner', timestamptz '2025-01-01Z' + i * interval '1 hour', i),
                    ('inner', timestamptz '2025-02-01Z' + i * interval '1 hour', CASE WHEN i % 2 = 0 THEN float8 'Infinity' ELSE i END) $$;
         CREATE FUNCTION pg_temp.inner(i integer) RETURNS integer LANGUAGE plpgsql AS $$
         DECLARE nothing text;
         BEGIN
             nothing := pg_temp.in_sql(i);
             RETURN i;
         EXCEPTION WHEN numeric_value_out_of_range THEN
             RETURN -i;
         END $$",
    )
    .await;
    let insert = "INSERT INTO timedb.values (name, valid_time, value)
                  SELECT 'outer', timestamptz '2025-01-01Z' + i * interval '1 hour', pg_temp.inner(i)
                  FROM generate_series(1, 5) AS i RETURNING value";
    assert_eq!(rows(&client, insert).await, ["1", "-2", "3", "-4", "5"]);
    // The inner ones end first.
    assert_eq!(batches(&client).await, ["2", "2", "2", "5"]);
    let by_name =
        "SELECT name, count(*), sum(value) FROM timedb.values GROUP BY name ORDER BY name";
    assert_eq!(rows(&client, by_name).await, ["inner 6 18", "outer 5 3"]);
    // COPY runs them, too: the default of a column.
    run(
        &client,
        "CREATE TEMP TABLE t (i integer, j integer DEFAULT pg_temp.inner(7))",
    )
    .await;
    copy(&client, "COPY t (i) FROM STDIN", "1\n").await.unwrap();
    assert_eq!(batches(&client).await, ["2", "2", "2", "5", "2"]);
    // A trigger of one's own, a loop and a procedure that commits.
    run(
        &client,
        "CREATE FUNCTION pg_temp.pass_on() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO timedb.values (name, valid_time, value) SELECT 'passed', timestamptz '2025-01-01Z' + i * interval '1 hour', i FROM new_rows;
             RETURN NULL;
         END $$;
         CREATE TRIGGER pass_on AFTER INSERT ON t REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.pass_on();
         INSERT INTO t (i, j) SELECT i, 0 FROM generate_series(1, 9) AS i",
    )
    .await;
    run(
        &client,
        "DO $$
         BEGIN
             FOR i IN 1..2 LOOP
                 INSERT INTO timedb.values (name, valid_time, value) VALUES ('looped', timestamptz '2025-01-01Z' + i * interval '1 hour', i);
                 COMMIT;
             END LOOP;
         END $$",
    )
    .await;
    assert_eq!(batches(&client).await[5..], ["9", "1", "1"]);
}

#[tokio::test]
async fn a_statement_is_one_batch_however_it_is_sent() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let several = "WITH one AS (INSERT INTO timedb.values (name, valid_time, value) VALUES ('a', '2025-01-01Z', 1) RETURNING name),
                        two AS (INSERT INTO timedb.values (name, valid_time, value) SELECT 'b', '2025-01-01Z', 2)
                   SELECT * FROM one";
    assert_eq!(rows(&client, several).await, ["a"]);
    assert_eq!(batches(&client).await, ["2"]);
    run(
        &client,
        "PREPARE p AS INSERT INTO timedb.values (name, valid_time, value) SELECT 'p', now(), $1;
         EXECUTE p (1); EXECUTE p (2);
         EXPLAIN ANALYZE EXECUTE p (3);
         EXPLAIN EXECUTE p (4);
         INSERT INTO timedb.values (name, valid_time, value) SELECT 'nothing', now(), 1 WHERE false",
    )
    .await;
    assert_eq!(batches(&client).await, ["2", "1", "1", "1"]);
    // Of RETURNING the first row comes when all are stored.
    let mut client = client;
    let transaction = client.transaction().await.unwrap();
    let returning = "INSERT INTO timedb.values (name, valid_time, value)
                     SELECT 'r', timestamptz '2025-01-01Z' + i * interval '1 hour', i FROM generate_series(1, 1000) AS i RETURNING valid_time";
    let portal = transaction.bind(returning, &[]).await.unwrap();
    assert_eq!(transaction.query_portal(&portal, 1).await.unwrap().len(), 1);
    transaction.commit().await.unwrap();
    let stored = "SELECT count(*) FROM timedb.values WHERE name = 'r'";
    assert_eq!(count(&client, stored, &[]).await, 1_000);
    // What there is already gets a new version: nothing is in conflict.
    run(&client, "INSERT INTO timedb.values (name, valid_time, value) VALUES ('a', '2025-01-01Z', 7) ON CONFLICT DO NOTHING").await;
    let versions = "SELECT count(*) FROM timedb.versions WHERE name = 'a'";
    assert_eq!(count(&client, versions, &[]).await, 2);
}

#[tokio::test]
async fn a_million_rows_are_one_batch_and_can_be_cancelled() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let rows_of = |rows: u32| {
        format!(
            "INSERT INTO timedb.values (name, valid_time, value)
             SELECT 's' || i % 10, timestamptz '2025-01-01Z' + i * interval '1 second', i FROM generate_series(1, {rows}) AS i"
        )
    };
    run(&client, &rows_of(1_000_000)).await;
    assert_eq!(batches(&client).await, ["1000000"]);
    run(&client, "SET statement_timeout = '300ms'").await;
    assert_eq!(
        refusal(client.batch_execute(&rows_of(10_000_000)).await).0,
        "57014"
    );
    run(&client, "RESET statement_timeout").await;
    run(&client, &rows_of(10)).await;
    assert_eq!(batches(&client).await, ["1000000", "10"]);
}
