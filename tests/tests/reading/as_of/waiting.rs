//! A write that took its change_time before the read and ends after it, and reads in the future.

use std::time::{Duration, Instant};

use timedb_tests::{Db, Role, Server, refusal, run, upload};

use super::{next_second, now, values_as_of, values_at_once};

/// Ends the open transaction while a read as of a later moment waits for it.
async fn read_while_a_write_ends_with(end: &str) -> Vec<f64> {
    let db = Db::new().await;
    let (writer, reader) = (db.begin(db.a()).await, db.login(db.a()).await);
    upload(&reader, "wind", &[1.0]).await.unwrap();
    let before = now(&reader).await;
    next_second().await;
    upload(&writer, "wind", &[2.0]).await.unwrap();
    let after = now(&reader).await;
    assert_eq!(values_at_once(&reader, &before).await, [1.0]);
    let started = Instant::now();
    let reading = async {
        let values = values_as_of(&reader, &after).await.unwrap();
        (values, started.elapsed())
    };
    let ending = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        run(&writer, end).await;
    };
    let ((values, took), ()) = tokio::join!(reading, ending);
    assert!(took >= Duration::from_millis(500), "it did not wait");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(values_at_once(&reader, &before).await, [1.0]);
    values
}

#[tokio::test]
async fn a_read_waits_for_the_write_that_was_there_before_and_has_it() {
    assert_eq!(read_while_a_write_ends_with("COMMIT").await, [2.0]);
}

#[tokio::test]
async fn a_write_that_rolls_back_is_not_in_the_answer() {
    assert_eq!(read_while_a_write_ends_with("ROLLBACK").await, [1.0]);
}

#[tokio::test]
async fn a_read_gives_up_after_ten_seconds_or_when_its_statement_may_take_no_longer() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let impatient = Server::start_with(&db.dsn(Role::User), &["--statement-timeout", "2"], &[]);
    let (writer, reader) = (db.begin(db.a()).await, db.login(db.a()).await);
    let other = db.login(db.a()).await;
    upload(&writer, "wind", &[1.0]).await.unwrap();
    let moment = now(&reader).await;
    let path = format!("/values?as_of_change={moment}");
    let key = Some(db.a().key.as_str());
    let started = Instant::now();
    let in_sql = async {
        let refused = refusal(values_as_of(&reader, &moment).await);
        (refused, started.elapsed())
    };
    let limited = async {
        run(&other, "SET statement_timeout = '1500ms'").await;
        let refused = refusal(values_as_of(&other, &moment).await);
        (refused, started.elapsed())
    };
    let over_http = async { (server.get(&path, key).await, started.elapsed()) };
    let in_a_hurry = async { (impatient.get(&path, key).await, started.elapsed()) };
    let (sql, limited, http, hurry) = tokio::join!(in_sql, limited, over_http, in_a_hurry);
    let about = |took: Duration, seconds: f64| {
        let off = took.as_secs_f64() - seconds;
        assert!(
            (-0.1..4.0).contains(&off),
            "{took:?} instead of {seconds} s"
        );
    };
    assert_eq!(sql.0.0, "55P03", "{:?}", sql.0);
    about(sql.1, 10.0);
    assert_eq!(limited.0.0, "57014", "{:?}", limited.0);
    about(limited.1, 1.5);
    assert_eq!(http.0.status, 503, "{:?}", http.0);
    assert_eq!(http.0.headers["retry-after"], "1");
    about(http.1, 10.0);
    assert_eq!(hurry.0.status, 504, "{:?}", hurry.0);
    about(hurry.1, 2.0);
    // The server is none the worse for it, and the answer comes when the write has ended.
    run(&writer, "COMMIT").await;
    assert_eq!(server.get(&path, key).await.json()["count"], 1);
}

#[tokio::test]
async fn a_moment_in_the_near_future_is_waited_for_and_a_later_one_refused() {
    let db = Db::new().await;
    let reader = db.login(db.a()).await;
    upload(&reader, "wind", &[1.0]).await.unwrap();
    let ahead = async |interval: &str| {
        let row = reader
            .query_one(
                "SELECT (clock_timestamp() + $1::text::interval)::text",
                &[&interval],
            )
            .await
            .unwrap();
        row.get::<_, String>(0)
    };
    let soon = ahead("2 seconds").await;
    let writer = db.login(db.a()).await;
    let (values, _) = tokio::join!(
        async { values_as_of(&reader, &soon).await.unwrap() },
        upload(&writer, "load", &[2.0])
    );
    let now = now(&reader).await;
    let past = "SELECT $1::text::timestamptz >= $2::text::timestamptz";
    let past = reader.query_one(past, &[&now, &soon]).await.unwrap();
    assert!(past.get::<_, bool>(0), "it has not waited: {now}");
    assert_eq!(values.len(), 2, "what is written meanwhile belongs to it");
    for interval in ["11 seconds", "1 hour", "1000 years"] {
        let far = ahead(interval).await;
        let started = Instant::now();
        let (code, message) = refusal(values_as_of(&reader, &far).await);
        assert_eq!(code, "22008", "{interval}: {message}");
        assert!(message.contains("future"), "{message}");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    for infinite in ["infinity", "-infinity"] {
        assert_eq!(refusal(values_as_of(&reader, infinite).await).0, "22008");
    }
}
