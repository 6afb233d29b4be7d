//! Any SQL user can call the functions that take packed bytes: whatever the bytes, the answer is a
//! result or an error of the caller's, never a crash, an internal error or endless memory.

use timedb_tests::random::Random;
use timedb_tests::times::START;
use timedb_tests::{Db, count};
use tokio_postgres::Client;

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A packed upload, version 1: three points of two series, with an end and a null.
fn three_points() -> Vec<u8> {
    let mut out = vec![1, 3, 0, 0];
    out.extend(3_u32.to_le_bytes());
    out.extend(2_u32.to_le_bytes());
    for (name, labels) in [("wind", r#"{"site":"north"}"#), ("load", "")] {
        out.push(0);
        for field in [name, labels, "MW", "a description"] {
            text(field, &mut out);
        }
    }
    out.extend([0_u32, 1, 0].iter().flat_map(|index| index.to_le_bytes()));
    let start = START;
    out.extend(
        [start, start, start + 1]
            .iter()
            .flat_map(|time| time.to_le_bytes()),
    );
    out.extend(
        [i64::MIN, start + 5, i64::MIN]
            .iter()
            .flat_map(|end| end.to_le_bytes()),
    );
    out.extend(
        [1.5_f64, 0.0, -0.0]
            .iter()
            .flat_map(|value| value.to_le_bytes()),
    );
    out.push(0b010);
    out
}

/// A packed upload of one point of one series.
pub fn one_point() -> Vec<u8> {
    let mut out = vec![1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
    for field in ["packed", "", "", ""] {
        text(field, &mut out);
    }
    out.extend(0_u32.to_le_bytes());
    out.extend(START.to_le_bytes());
    out.extend(2.5_f64.to_le_bytes());
    out
}

/// Sends the bytes; a refusal must be the caller's fault.
async fn send(client: &Client, call: &str, bytes: &[u8]) -> bool {
    client
        .batch_execute("BEGIN")
        .await
        .expect("the backend is alive");
    let result = client.query(call, &[&bytes]).await;
    client
        .batch_execute("ROLLBACK")
        .await
        .expect("the backend is alive");
    match result {
        Ok(_) => true,
        Err(error) => {
            let refused = error
                .as_db_error()
                .unwrap_or_else(|| panic!("{error:?} after {bytes:?}"));
            let code = refused.code().code();
            let fault = ["21000", "22", "42704", "23505", "54000"]
                .iter()
                .any(|class| code.starts_with(class));
            assert!(fault, "{code} {} after {bytes:?}", refused.message());
            false
        }
    }
}

const UPLOAD: &str = "SELECT * FROM timedb_internal._upload_packed($1)";

#[tokio::test]
async fn packed_uploads_are_stored_as_described() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let row = client.query_one(UPLOAD, &[&three_points()]).await.unwrap();
    assert_eq!(row.get::<_, i64>("points"), 3);
    let rows = client
        .query(
            "SELECT name || labels::text || unit || ' ' || coalesce(value::text, 'null') || ' '
                    || coalesce(extract(microseconds FROM valid_time_end - valid_time)::int4::text, '-')
             FROM timedb.values ORDER BY name, valid_time",
            &[],
        )
        .await
        .unwrap();
    let rows: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        rows,
        [
            "load{}MW null 5",
            r#"wind{"site": "north"}MW 1.5 -"#,
            r#"wind{"site": "north"}MW -0 -"#
        ]
    );
    assert_eq!(
        count(
            &client,
            "SELECT points FROM timedb_internal._upload_packed($1)",
            &[&one_point()]
        )
        .await,
        1
    );
}

#[tokio::test]
async fn cut_off_and_lengthened_uploads_are_refused() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let whole = three_points();
    assert!(send(&client, UPLOAD, &whole).await);
    for length in 0..whole.len() {
        assert!(
            !send(&client, UPLOAD, &whole[..length]).await,
            "{length} bytes were taken"
        );
    }
    assert!(!send(&client, UPLOAD, &[&whole[..], &[0]].concat()).await);
    for version in [0, 2, 255] {
        let mut other = whole.clone();
        other[0] = version;
        assert!(
            !send(&client, UPLOAD, &other).await,
            "version {version} was taken"
        );
    }
}

#[tokio::test]
async fn uploads_with_wild_counts_are_refused_before_they_cost_memory() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for at in [4, 8, 13] {
        for wild in [u32::MAX, i32::MAX.cast_unsigned(), 1 << 28, 50_000_001] {
            let mut bytes = three_points();
            bytes[at..at + 4].copy_from_slice(&wild.to_le_bytes());
            assert!(
                !send(&client, UPLOAD, &bytes).await,
                "{wild} at {at} was taken"
            );
        }
    }
}

#[tokio::test]
async fn damaged_bytes_never_hurt_the_backend() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let upload = three_points();
    client.query_one(UPLOAD, &[&upload]).await.unwrap();
    let mut random = Random::new(7);
    for (call, whole) in [(UPLOAD, &upload)] {
        for _ in 0..1_500 {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = match random.below(4) {
                    0 => 0xff,
                    1 => bytes[at] ^ (1 << random.below(8)),
                    2 => 0,
                    _ => random.number() as u8,
                };
            }
            send(&client, call, &bytes).await;
        }
        for length in 0..200 {
            let bytes: Vec<u8> = (0..length).map(|_| random.number() as u8).collect();
            send(&client, call, &bytes).await;
        }
    }
}
