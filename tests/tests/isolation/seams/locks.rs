//! The locks that tell who is writing are seen in pg_locks, and cannot be taken, released or waited for by SQL.

use timedb_tests::{Db, refusal, upload};

use super::store::{fill, rows};

const OURS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid > 2 AND pid = pg_backend_pid()";

#[tokio::test]
async fn a_writer_cannot_give_up_its_locks() {
    let db = Db::new().await;
    let writer = db.login(db.a()).await;
    fill(&writer).await;
    writer.batch_execute("BEGIN").await.unwrap();
    upload(&writer, "late", &[1.0]).await.unwrap();
    let held = rows(&writer, OURS).await;
    assert_ne!(held, [[Some("0".to_owned())]]);
    // Everything that SQL has for advisory locks, with the numbers that pg_locks shows.
    writer
        .batch_execute(
            "SELECT pg_advisory_unlock_all();
             SELECT pg_advisory_unlock(classid::int, objid::int), pg_advisory_unlock_shared(classid::int, objid::int),
                    pg_advisory_unlock((classid::bigint << 32) | objid::bigint)
             FROM (SELECT (classid::bigint - 2147483648)::int AS classid, (objid::bigint % 2147483647)::int AS objid
                   FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS mine;
             DISCARD PLANS; DEALLOCATE ALL; CLOSE ALL",
        )
        .await
        .unwrap();
    assert_eq!(rows(&writer, OURS).await, held);
    // So the feed does not go past the write that is under way.
    let reader = db.login(db.a()).await;
    let cursor: String = reader
        .query_one("SELECT timedb.changes_cursor()", &[])
        .await
        .unwrap()
        .get(0);
    writer.batch_execute("COMMIT").await.unwrap();
    let told = reader
        .query(
            "SELECT name FROM timedb.read_changes(cursor => $1, max_points => 100000)",
            &[&cursor],
        )
        .await
        .unwrap();
    assert!(told.iter().any(|row| row.get::<_, String>(0) == "late"));
}

#[tokio::test]
async fn no_sql_takes_or_waits_for_a_lock_of_the_librarys_kind() {
    let db = Db::new().await;
    let writer = db.login(db.a()).await;
    writer.batch_execute("BEGIN").await.unwrap();
    upload(&writer, "late", &[1.0]).await.unwrap();
    let stranger = db.login(db.b()).await;
    // With the very numbers: what SQL can take is of another kind, so that nobody waits.
    stranger
        .batch_execute(
            "BEGIN; SET LOCAL lock_timeout = '2s';
             SELECT pg_advisory_xact_lock(((classid::bigint << 32) # (-1::bigint << 63)) | objid::bigint)
             FROM pg_locks WHERE locktype = 'advisory' AND objsubid > 2 AND pid <> pg_backend_pid();
             COMMIT",
        )
        .await
        .unwrap();
    let waiting = stranger
        .batch_execute("SET lock_timeout = '200ms'; LOCK TABLE timedb_internal.segments")
        .await;
    assert_eq!(refusal(waiting).0, "42501");
    writer.batch_execute("COMMIT").await.unwrap();
}
