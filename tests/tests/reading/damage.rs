//! Damaged storage: whatever stands in a row of timedb_internal.segments, reading it is an error that names the
//! segment, or the right answer; never a wrong value, a crash, or an end of other series.

use serde_json::json;
use timedb_tests::{Db, Role, Server, compact, count, refusal, upload};
use tokio_postgres::Client;
use uuid::Uuid;

const HEALTHY: &str = "SELECT count(*) FROM timedb.read_flat(name => 'healthy')";

/// A database in which A has the series `healthy` and `sick`, the latter with these values.
struct Patient {
    db: Db,
    reader: Client,
    surgeon: Client,
    sick: Uuid,
}

impl Patient {
    async fn new(values: &[f64]) -> Self {
        let db = Db::new().await;
        let reader = db.login(db.a()).await;
        upload(&reader, "healthy", &[1.0, 2.0, 3.0]).await.unwrap();
        let sick = upload(&reader, "sick", values).await.unwrap();
        compact(&reader).await;
        let surgeon = db.connect(Role::Superuser).await;
        surgeon
            .batch_execute("CREATE TABLE safe AS SELECT * FROM timedb_internal.segments")
            .await
            .unwrap();
        Self {
            db,
            reader,
            surgeon,
            sick,
        }
    }

    /// Changes the one segment of the sick series: `SET <change>`.
    async fn operate(&self, change: &str) -> u64 {
        self.surgeon
            .execute(
                &format!("UPDATE timedb_internal.segments SET {change} WHERE series_id = $1"),
                &[&self.sick],
            )
            .await
            .unwrap_or_else(|error| panic!("{change}: {error:?}"))
    }

    /// Puts everything back as it was.
    async fn heal(&self) {
        self.surgeon
            .batch_execute(
                "DELETE FROM timedb_internal.segments; INSERT INTO timedb_internal.segments SELECT * FROM safe",
            )
            .await
            .unwrap();
    }

    async fn values(&self) -> Result<Vec<u64>, tokio_postgres::Error> {
        let query = "SELECT value FROM timedb.read_flat(name => 'sick') ORDER BY valid_time";
        let rows = self.reader.query(query, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| row.get::<_, f64>(0).to_bits())
            .collect())
    }

    /// Every read of the sick series is the error; the session and the other series are well.
    async fn assert_detected(&self, change: &str) {
        let segment = self
            .surgeon
            .query_one(
                "SELECT segment_id::text FROM timedb_internal.segments WHERE series_id = $1",
                &[&self.sick],
            )
            .await
            .unwrap();
        for query in [
            "SELECT * FROM timedb.read_flat(name => 'sick')",
            "SELECT * FROM timedb.read_overlapping()",
            "SELECT * FROM timedb.read_versions()",
            "SELECT * FROM timedb.values",
            "SELECT timedb_internal._read_packed('flat')",
        ] {
            let (code, message) = refusal(self.reader.query(query, &[]).await);
            assert_eq!(code, "XX001", "{change}: {query}: {message}");
            let id: &str = segment.get(0);
            assert!(
                message.contains(id),
                "{change}: {query}: {id} is not in {message}"
            );
        }
        assert_eq!(count(&self.reader, HEALTHY, &[]).await, 3, "{change}");
    }
}

#[tokio::test]
async fn a_changed_byte_anywhere_in_a_blob_is_detected() {
    for values in [
        &[1.5, 2.5, -3.25][..],
        &[7.0],
        &[0.1 + 0.2, 1e-300, 5e300, -0.0],
    ] {
        let patient = Patient::new(values).await;
        let query = "SELECT length(blob)::int8 FROM timedb_internal.segments WHERE series_id = $1";
        let length = count(&patient.surgeon, query, &[&patient.sick]).await;
        for at in 0..length {
            for bit in [1, 0x80] {
                let change = format!("blob = set_byte(blob, {at}, get_byte(blob, {at}) # {bit})");
                assert_eq!(patient.operate(&change).await, 1);
                let (code, message) = refusal(patient.values().await);
                assert_eq!(code, "XX001", "{change}: {message}");
                patient.heal().await;
            }
        }
        assert_eq!(patient.values().await.unwrap().len(), values.len());
        assert_eq!(count(&patient.reader, HEALTHY, &[]).await, 3);
    }
}

#[tokio::test]
async fn a_changed_byte_in_a_large_blob_is_detected() {
    let values: Vec<f64> = (0..4_000)
        .map(|i| f64::from(i * 37 % 1009) / 100.0)
        .collect();
    let patient = Patient::new(&values).await;
    let query = "SELECT length(blob)::int8 FROM timedb_internal.segments WHERE series_id = $1";
    let length = count(&patient.surgeon, query, &[&patient.sick]).await;
    for part in 0..60 {
        let at = length * part / 60;
        patient
            .operate(&format!(
                "blob = set_byte(blob, {at}, get_byte(blob, {at}) # 16)"
            ))
            .await;
        assert_eq!(
            refusal(patient.values().await).0,
            "XX001",
            "byte {at} of {length}"
        );
        patient.heal().await;
    }
}

#[tokio::test]
async fn blobs_of_another_length_are_detected() {
    let patient = Patient::new(&[1.5, 2.5, -3.25]).await;
    for change in [
        "blob = ''",
        "blob = '\\x01'",
        "blob = substr(blob, 1, length(blob) - 1)",
        "blob = substr(blob, 2)",
        "blob = blob || '\\x00'",
        "blob = blob || blob",
        "blob = decode(repeat('ff', 100000), 'hex')",
        "blob = decode(repeat('00', 100000), 'hex')",
    ] {
        patient.operate(change).await;
        patient.assert_detected(change).await;
        patient.heal().await;
    }
}

#[tokio::test]
async fn a_changed_count_or_bound_is_detected() {
    let patient = Patient::new(&[1.5, 2.5, -3.25]).await;
    for change in [
        "count = count + 1",
        "count = 1",
        "count = 2147483647",
        "min_valid = min_valid - interval '1 microsecond'",
        "max_valid = max_valid + interval '1 year'",
        "min_known = min_known - interval '1 day'",
        "max_known = max_known + interval '1 microsecond'",
        "min_change = min_change - interval '1 day'",
        "max_change = max_change + interval '1 day'",
    ] {
        patient.operate(change).await;
        patient.assert_detected(change).await;
        patient.heal().await;
    }
}

#[tokio::test]
async fn blobs_of_two_series_swapped_are_detected() {
    let patient = Patient::new(&[4.0, 5.0, 6.0]).await;
    patient
        .surgeon
        .batch_execute(
            "UPDATE timedb_internal.segments AS s
             SET blob = o.blob, count = o.count, min_valid = o.min_valid, max_valid = o.max_valid,
                 min_known = o.min_known, max_known = o.max_known, min_change = o.min_change, max_change = o.max_change
             FROM safe AS o WHERE o.segment_id <> s.segment_id",
        )
        .await
        .unwrap();
    for query in [
        HEALTHY,
        "SELECT count(*) FROM timedb.read_flat(name => 'sick')",
    ] {
        assert_eq!(
            refusal(patient.reader.query(query, &[]).await).0,
            "XX001",
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_segment_moved_to_another_tenant_is_detected() {
    let patient = Patient::new(&[4.0, 5.0, 6.0]).await;
    let db = &patient.db;
    let thief = db.login(db.b()).await;
    let mine = upload(&thief, "mine", &[0.0]).await.unwrap();
    patient
        .surgeon
        .execute(
            "INSERT INTO timedb_internal.segments
             SELECT $1, $2, min_valid, max_valid, min_known, max_known, min_change, max_change,
                    segment_id, count, span_class, blob
             FROM safe WHERE series_id = $3",
            &[&db.b().tenant_id, &mine, &patient.sick],
        )
        .await
        .unwrap();
    let (code, _) = refusal(thief.query("SELECT * FROM timedb.values", &[]).await);
    assert_eq!(code, "XX001");
    assert_eq!(patient.values().await.unwrap().len(), 3);
}

#[tokio::test]
async fn random_damage_is_detected_or_harmless() {
    let values: Vec<f64> = (0..300).map(|i| f64::from(i % 17) / 4.0).collect();
    let patient = Patient::new(&values).await;
    let whole = patient.values().await.unwrap();
    let pid = count(&patient.reader, "SELECT pg_backend_pid()::int8", &[]).await;
    for round in 0..300 {
        // Random bytes over a random stretch, other lengths too.
        patient
            .operate(
                "blob = (SELECT overlay(blob placing substr(decode(md5(random()::text) || md5(random()::text), 'hex'),
                                 1, (random() * 31)::int) FROM 1 + (random() * length(blob))::int))",
            )
            .await;
        match patient.values().await {
            Ok(values) => assert_eq!(values, whole, "round {round}"),
            Err(error) => assert_eq!(refusal::<()>(Err(error)).0, "XX001", "round {round}"),
        }
        patient.heal().await;
    }
    assert_eq!(
        count(&patient.reader, "SELECT pg_backend_pid()::int8", &[]).await,
        pid
    );
    assert_eq!(patient.values().await.unwrap(), whole);
}

#[tokio::test]
async fn over_http_damage_is_a_500_without_words_and_other_requests_go_on() {
    let patient = Patient::new(&[4.0, 5.0, 6.0]).await;
    let server = Server::start(&patient.db);
    let key = Some(patient.db.a().key.as_str());
    patient
        .operate("blob = set_byte(blob, 9, get_byte(blob, 9) # 255)")
        .await;
    let reply = server.get("/values", key).await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.text, r#"{"detail":"Internal Server Error"}"#);
    let query = "SELECT segment_id FROM timedb_internal.segments WHERE series_id = $1";
    let named = count(&patient.surgeon, query, &[&patient.sick])
        .await
        .to_string();
    // The log comes through a pipe, a little after the answer.
    let start = std::time::Instant::now();
    while !server.log().contains(&named) {
        assert!(
            start.elapsed() < std::time::Duration::from_secs(10),
            "{named} is not in the log: {}",
            server.log()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let healthy = server.get("/values?name=healthy", key).await;
    assert_eq!(healthy.json()["count"], json!(3));
    patient.heal().await;
    assert_eq!(server.get("/values", key).await.json()["count"], json!(6));
}

#[tokio::test]
async fn a_changed_byte_of_the_log_or_of_packed_batches_is_detected() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let other = db.login(db.b()).await;
    upload(&other, "theirs", &[5.0]).await.unwrap();
    upload(&client, "mine", &[1.0, 2.0, 3.0]).await.unwrap();
    let surgeon = db.connect(Role::Superuser).await;
    let values = "SELECT count(*) FROM timedb.read_flat()";
    let batches = "SELECT count(*) FROM timedb.batches";
    let changes = "SELECT count(*) FROM timedb.read_changes()";
    // What has to be refused, and what goes on.
    let of_log: (&str, &[&str], &[&str]) = ("write_log", &[values, batches, changes], &[]);
    let of_chunk: (&str, &[&str], &[&str]) = ("batch_chunks", &[batches, changes], &[values]);
    for (table, refused, answered) in [of_log, of_chunk] {
        if table == "batch_chunks" {
            compact(&client).await;
        }
        let mine = format!("tenant_id = '{}'", db.a().tenant_id);
        let length = format!(
            "SELECT length(blob)::int8 FROM {full_name} WHERE {mine}",
            full_name = timedb_tests::qualified(table)
        );
        let length = count(&surgeon, &length, &[]).await;
        assert!(length > 30, "{table}: {length}");
        for at in 0..length {
            let flip = |bit: i64| {
                format!(
                    "UPDATE {full_name} SET blob = set_byte(blob, {at}, get_byte(blob, {at}) # {bit}) WHERE {mine}",
                    full_name = timedb_tests::qualified(table)
                )
            };
            let bit = 1 << (at % 8);
            surgeon.batch_execute(&flip(bit)).await.unwrap();
            for query in refused {
                let (code, message) = refusal(client.query(*query, &[]).await);
                assert_eq!(code, "XX001", "{table}, byte {at}: {message}");
                assert!(message.contains("cannot read the"), "{message}");
            }
            for query in answered {
                assert_eq!(count(&client, query, &[]).await, 3, "{table}, byte {at}");
            }
            assert_eq!(count(&other, values, &[]).await, 1);
            surgeon.batch_execute(&flip(bit)).await.unwrap();
        }
        assert_eq!(count(&client, values, &[]).await, 3);
    }
}

#[tokio::test]
async fn damage_keeps_nobody_from_writing_and_from_compacting_the_rest() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let surgeon = db.connect(Role::Superuser).await;
    let flip = async |table: &str, condition: &str| {
        let flip = format!(
            "UPDATE {full_name} SET blob = set_byte(blob, 7, get_byte(blob, 7) # 1) {condition}",
            full_name = timedb_tests::qualified(table)
        );
        surgeon.execute(&flip, &[]).await.unwrap()
    };
    upload(&client, "first", &[1.0]).await.unwrap();
    assert_eq!(flip("write_log", "").await, 1);
    // The log is at its bound, and beyond.
    for i in 0..140 {
        upload(&client, "wind", &[f64::from(i)]).await.unwrap();
    }
    let in_log = "SELECT count(*) FROM timedb_internal.write_log";
    assert_eq!(count(&surgeon, in_log, &[]).await, 141);
    let compacting = client.query("SELECT timedb.compact()", &[]).await;
    assert_eq!(refusal(compacting).0, "XX001");
    let first = "WHERE change_time = (SELECT min(change_time) FROM timedb_internal.write_log)";
    assert_eq!(flip("write_log", first).await, 1);
    upload(&client, "wind", &[140.0]).await.unwrap();
    assert!(count(&surgeon, in_log, &[]).await < 5);
    // Damaged chunks and segments stay as they are.
    compact(&client).await;
    let sick = upload(&client, "sick", &[1.0]).await.unwrap();
    compact(&client).await;
    let of_sick = format!("WHERE series_id = '{sick}'");
    assert_eq!(flip("segments", &of_sick).await, 1);
    for i in 0..10 {
        upload(&client, "sick", &[f64::from(i)]).await.unwrap();
        upload(&client, "wind", &[f64::from(i)]).await.unwrap();
        compact(&client).await;
    }
    let of_wind = "SELECT value FROM timedb.read_flat(name => 'wind')";
    let value: f64 = client.query_one(of_wind, &[]).await.unwrap().get(0);
    assert_eq!(value, 9.0);
    let segments = "SELECT count(*) FROM timedb_internal.segments WHERE series_id = $1";
    assert_eq!(count(&surgeon, segments, &[&sick]).await, 11);
    flip(
        "segments",
        &format!(
            "{of_sick} AND max_change = (SELECT min(max_change) FROM timedb_internal.segments {of_sick})"
        ),
    )
    .await;
    compact(&client).await;
    assert_eq!(count(&surgeon, segments, &[&sick]).await, 1);
}
