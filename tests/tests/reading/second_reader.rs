//! docs/segment_format.md is right: a reader in Python that was written from it, `examples/read_segments.py`, finds in the
//! tables what timedb shows, and reads the corpus.

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Config, Db, Output, Role, compact, compact_sometimes, python, run};
use tokio_postgres::Client;

/// Series that are uploaded in bulk: each is a segment at least.
const BULK: usize = 110;

/// How values look: SQL with `i` for the position.
const VALUES: [&str; 11] = [
    "round((random() * 100)::numeric, 2)",
    "random()",
    "sin(i / 50.0)",
    "CASE i % 50 WHEN 7 THEN '-0'::float8 ELSE round((random() * 10)::numeric, 1) END",
    "CASE i % 4 WHEN 0 THEN NULL ELSE i END",
    "exp(random() * 1400 - 700)",
    "7.5",
    "(i % 300) / 3.0",
    "CASE WHEN i < 200 THEN NULL ELSE random()::float4::float8 END",
    "floor(random() * 9e15)",
    "CASE i % 100 WHEN 0 THEN '1.7976931348623157e308' WHEN 1 THEN '5e-324' ELSE i / 8.0 END::float8",
];

/// How far points lie apart, from the first on.
const TIMES: [&str; 5] = [
    "i * interval '1 minute'",
    "i * interval '1 minute' + floor(random() * 50) * interval '1 second'",
    "i * interval '1 hour' + random() * interval '1 hour'",
    "(i / 4) * interval '1 day'",
    "i * i * interval '1 millisecond'",
];

/// Uploads points: `ends` and `arguments` are SQL.
async fn upload(
    client: &Client,
    name: &str,
    points: usize,
    time: &str,
    value: &str,
    arguments: &str,
) {
    let query = format!(
        "WITH p AS MATERIALIZED (
             SELECT i, timestamptz '2025-01-01Z' + {time} AS t, ({value})::float8 AS v FROM generate_series(1, {points}) AS i
         )
         SELECT timedb.upload(array_agg(p.t ORDER BY i), array_agg(p.v ORDER BY i), ARRAY['{name}']{arguments}) FROM p"
    );
    run(client, &query).await;
}

/// What an upload says besides times and values.
fn arguments(random: &mut Random, time: &str) -> String {
    let mut said = String::new();
    // Points of the same valid_time differ in known_time.
    if time.contains("i / 4") || random.chance(20) {
        said += ", known_times => array_agg(timestamptz '2025-01-01Z' + i * interval '7 seconds' ORDER BY i)";
    } else if random.chance(50) {
        let hours = random.below(1000);
        said += &format!(", known_time => timestamptz '2025-01-01Z' + {hours} * interval '1 hour'");
    }
    if random.chance(30) {
        let length = random.pick(&["i", "1"]);
        said += &format!(
            ", valid_time_end => array_agg(CASE WHEN i % 5 > 0 THEN p.t + {length} * interval '1 second' END ORDER BY i)"
        );
    }
    if random.chance(25) {
        said += ", workflow_id => 'Näherung', batch_params => '{\"model\": \"v2\", \"runs\": [1, 2.5]}',
                 batch_start_time => now() - interval '1 hour', batch_finish_time => now()";
    }
    if random.chance(25) {
        said += ", batch_id => gen_random_uuid()";
    }
    said
}

/// Corrects some points.
async fn correct(client: &Client, random: &mut Random) {
    let said = random.pick(&[
        "'annotation', 'remark ☂ ' || i % 3",
        "'tags', jsonb_build_array('checked', 'mètre')",
        "'metadata', jsonb_build_object('quality', i, 'by', 'hand')",
        "'annotation', 'all', 'tags', jsonb_build_array('a'), 'metadata', jsonb_build_object()",
        "'value', i",
    ]);
    let query = format!(
        "SELECT timedb.update_values(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
             'series_id', series_id, 'valid_time', valid_time, 'valid_time_end', valid_time_end,
             'known_time', known_time, 'value', -1.5 * i)) || jsonb_build_object({said})))
         FROM (SELECT row_number() OVER () AS i, v.* FROM (
                   SELECT DISTINCT series_id, valid_time, valid_time_end, known_time
                   FROM timedb.versions WHERE name = 'bulk_{}' OR name = 'live_3' OR name = 'forecast_1') AS v
               ORDER BY random() LIMIT 25) AS c",
        random.below(BULK)
    );
    run(client, &query).await;
}

async fn fill(client: &Client, random: &mut Random) {
    run(
        client,
        &format!("SELECT setseed({})", random.below(1000) as f64 / 1000.0),
    )
    .await;
    for series in 0..BULK {
        let (time, value) = (TIMES[series % TIMES.len()], VALUES[series % VALUES.len()]);
        let points = random.pick(&[512, 530, 700]);
        let said = arguments(random, time);
        upload(
            client,
            &format!("bulk_{series}"),
            points,
            time,
            value,
            &said,
        )
        .await;
        compact_sometimes(client, random).await;
    }
    for tick in 0..150 {
        match random.below(10) {
            0 => correct(client, random).await,
            1..4 => {
                let time = format!("{tick} * interval '1 hour' + i * interval '1 hour'");
                let value = random.pick(&VALUES);
                let said = arguments(random, &time);
                let name = format!("forecast_{}", random.below(3));
                upload(client, &name, 48, &time, value, &said).await;
            }
            _ => {
                let series = random.pick(&[1, 3, 20, 40]);
                let query = format!(
                    "SELECT timedb.upload(array_agg(timestamptz '2025-03-01Z' + {tick} * interval '1 minute' ORDER BY i),
                                          array_agg(CASE WHEN i % 7 > 0 THEN round(random()::numeric, 2) END::float8 ORDER BY i),
                                          array_agg('live_' || i ORDER BY i))
                     FROM generate_series(1, {series}) AS i"
                );
                run(client, &query).await;
            }
        }
        if tick < 100 {
            compact_sometimes(client, random).await;
        }
    }
}

/// Compares a tenant's tables with what timedb shows, and returns what the reader says.
fn read(db: &Db, key: &str, most: &[&str]) -> Output {
    let script = Config::get().root.join("examples/read_segments.py");
    let dsn = db.dsn(Role::Superuser);
    python(&[&[&script.display().to_string(), "store", &dsn], most].concat())
        .env("TIMEDB_DSN", db.dsn(Role::Session))
        .env("TIMEDB_KEY", key)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()
}

/// The number before a word.
fn number(said: &str, word: &str) -> usize {
    let words: Vec<&str> = said.split([' ', ',']).collect();
    let at = words.iter().position(|one| *one == word);
    let number = at.and_then(|at| words[at - 1].parse().ok());
    number.unwrap_or_else(|| panic!("no number of {word} in {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_finds_in_the_tables_what_timedb_shows() {
    let seed = new_seed();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let other = db.login(db.b()).await;
    timedb_tests::upload(&other, "bulk_1", &[1.0, 2.0])
        .await
        .unwrap();
    fill(&client, &mut random).await;
    let output = read(&db, &db.a().key, &[]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    println!("{}", output.stdout);
    for (word, least) in [
        ("segments", 100),
        ("rows", 1),
        ("versions", 50_000),
        ("batches", 200),
    ] {
        assert!(number(&output.stdout, word) >= least, "{}", output.stdout);
    }
    assert!(number(&output.stdout, "chunks") > 0, "{}", output.stdout);
    // The same once everything is in segments, of which it takes some.
    compact(&client).await;
    let output = read(&db, &db.a().key, &["100"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    assert!(output.stdout.starts_with("100 of "), "{}", output.stdout);
    assert_eq!(number(&output.stdout, "rows"), 0);
    // Another tenant's are other ones.
    let output = read(&db, &db.b().key, &[]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    assert_eq!(number(&output.stdout, "versions"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_notices_what_is_wrong() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    timedb_tests::upload(&client, "wind", &[1.0, 2.0, 4.0])
        .await
        .unwrap();
    compact(&client).await;
    assert_eq!(read(&db, &db.a().key, &[]).code, 0);
    let surgeon = db.connect(Role::Superuser).await;
    for damage in [
        "UPDATE timedb_internal.segments SET span_class = span_class + 1",
        "UPDATE timedb_internal.segments SET blob = set_byte(blob, 20, get_byte(blob, 20) # 1)",
        "UPDATE timedb_internal.segments SET count = count + 1",
        // The last one: it stays.
        "UPDATE timedb_internal.batch_chunks SET blob = set_byte(blob, 9, get_byte(blob, 9) # 1)",
    ] {
        run(
            &surgeon,
            "CREATE TABLE safe AS SELECT * FROM timedb_internal.segments",
        )
        .await;
        run(&surgeon, damage).await;
        let output = read(&db, &db.a().key, &[]);
        assert_eq!(output.code, 1, "{damage}: {}", output.stdout);
        run(
            &surgeon,
            "DELETE FROM timedb_internal.segments; INSERT INTO timedb_internal.segments SELECT * FROM safe; DROP TABLE safe",
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_reads_the_corpus() {
    let root = &Config::get().root;
    let script = root.join("examples/read_segments.py");
    let corpus = root.join("timedb_ext/crates/segment/tests/corpus/v1");
    let output = python(&[
        &script.display().to_string(),
        "corpus",
        &corpus.display().to_string(),
    ])
    .env("PYTHONDONTWRITEBYTECODE", "1")
    .run();
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let files = std::fs::read_dir(corpus).unwrap().count() / 2;
    assert_eq!(
        output.stdout,
        format!("{files} files of the corpus are what they were\n")
    );
}
