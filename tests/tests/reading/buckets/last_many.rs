//! Last points of so many series that the end of the index is looked at first.

use timedb_tests::{Db, run};
use tokio_postgres::Client;

use super::texts;

/// Uploads so many points of each series from one number up to another, from an hour on, so many minutes apart.
async fn upload(
    client: &Client,
    [first, last]: [i32; 2],
    [points, hour, step]: [i32; 3],
    known: &str,
) {
    let sql = format!(
        "WITH p AS MATERIALIZED (SELECT s, i FROM generate_series({first}, {last}) AS s, generate_series(1, {points}) AS i)
         SELECT count(*) FROM timedb.upload(
             valid_time => ARRAY(SELECT timestamptz '2025-01-01Z' + {hour} * interval '1 hour' + i * interval '{step} min'
                                 FROM p ORDER BY s, i),
             value => ARRAY(SELECT (s * 7 + i) % 1000 / 10.0::float8 + length('{known}') FROM p ORDER BY s, i),
             name => ARRAY(SELECT 'm' || s FROM generate_series({first}, {last}) AS s),
             series_index => ARRAY(SELECT s - {first} + 1 FROM p ORDER BY s, i),
             known_time => '{known}')"
    );
    run(client, &sql).await;
}

/// Compares with the flat read, of so many series at least.
async fn compare(client: &Client, least: usize) {
    let row = "r.series_id::text || ' ' || r.valid_time || ' ' || r.value || ' ' ||";
    let last = format!("SELECT {row} r.known_time FROM timedb.read_last() AS r");
    let last = texts(client, &last).await;
    assert!(last.len() >= least, "{}", last.len());
    let flat = format!(
        "SELECT {row} (SELECT max(v.known_time) FROM timedb.versions AS v
                       WHERE v.series_id = r.series_id AND v.valid_time = r.valid_time)
         FROM (SELECT DISTINCT ON (series_id) series_id, valid_time, value FROM timedb.read_flat()
               ORDER BY series_id, valid_time DESC) AS r ORDER BY r.series_id"
    );
    assert_eq!(last, texts(client, &flat).await);
}

#[tokio::test]
async fn last_points_of_many_series_are_those_of_a_flat_read() {
    let known = "2024-12-01Z";
    for simple_ones_first in [true, false] {
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        let (simple, shapes) = match simple_ones_first {
            true => ([0, 599], 600),
            false => ([1000, 1599], 0),
        };
        let of_shape = |shape: i32| [shapes + 20 * shape, shapes + 20 * shape + 19];
        if simple_ones_first {
            upload(&client, simple, [3, 0, 60], known).await;
        }
        // Two of one class; the one that begins later ends earlier.
        upload(&client, of_shape(0), [2050, 0, 60], known).await;
        upload(&client, of_shape(0), [2050, 100, 55], known).await;
        // Three of one class, one after the other.
        for part in 0..3 {
            upload(&client, of_shape(1), [2050, part * 2050, 60], known).await;
        }
        // Two of one class, and one of a lower class that ends last.
        for part in 0..2 {
            upload(&client, of_shape(2), [2050, part * 2050, 60], known).await;
        }
        upload(&client, of_shape(2), [5, 4090, 300], known).await;
        // Of each class one.
        upload(&client, of_shape(3), [2050, 0, 60], known).await;
        upload(&client, of_shape(3), [300, 2000, 60], known).await;
        upload(&client, of_shape(3), [5, 2310, 60], known).await;
        // One, of which the last point has newer versions.
        upload(&client, of_shape(4), [30, 0, 60], known).await;
        upload(&client, of_shape(4), [30, 0, 60], "2024-12-10 12:00Z").await;
        if !simple_ones_first {
            upload(&client, simple, [3, 0, 60], known).await;
        }
        compare(&client, 700).await;
        while texts(&client, "SELECT more FROM timedb.compact()").await != ["false"] {}
        compare(&client, 700).await;
        // And what only the log has: other series, later points, newer versions.
        upload(&client, [2000, 2009], [2, 0, 60], known).await;
        upload(&client, [simple[0] + 5, simple[0] + 15], [2, 3, 60], known).await;
        upload(
            &client,
            [simple[0] + 20, simple[0] + 25],
            [1, 2, 60],
            "2024-12-09 10:00Z",
        )
        .await;
        upload(&client, of_shape(1), [1, 6149, 60], "2024-12-09 10:00Z").await;
        run(&client, "SELECT timedb.create_series('empty')").await;
        compare(&client, 710).await;
    }
}
