//! Random histories and random questions against a list of all versions.

use serde_json::json;
use timedb_tests::Db;
use timedb_tests::random::{Random, new_seed};
use timedb_tests::times::{HOUR, Length, Micros, START};
use tokio_postgres::Client;
use uuid::Uuid;

const NAMES: [&str; 3] = ["wind", "load", "rain"];

/// A version as `read_versions` shows it.
#[derive(Clone, Debug)]
struct Version {
    series: Uuid,
    valid: i64,
    end: Option<i64>,
    known: i64,
    change: i64,
    value: Option<f64>,
}

struct Question {
    series: Uuid,
    valid: i64,
    as_of: i64,
    end: Option<i64>,
}

/// What a row gets: valid_time, known_time and value.
type Found = Option<(i64, i64, Option<f64>)>;

async fn upload(client: &Client, random: &mut Random) {
    let name = random.pick(&NAMES);
    let (points, step) = random.pick(&[
        (1, HOUR),
        (12, HOUR),
        (48, HOUR),
        (5000, HOUR / 60),
        (10, 500 * HOUR),
    ]);
    let mut time = START + random.below(400) * HOUR;
    let (mut valid, mut known, mut values, mut ends) = (vec![], vec![], vec![], vec![]);
    for _ in 0..points {
        time += step * (1 + random.below(2));
        valid.push(Micros(time));
        known.push(
            random
                .chance(80)
                .then(|| Micros(START + random.below(8) * HOUR)),
        );
        values.push(random.chance(90).then(|| f64::from(random.below(1000))));
        ends.push((name == "rain" && random.chance(10)).then(|| Micros(time + HOUR)));
    }
    let known_time = Micros(START + random.below(8) * HOUR);
    client
        .execute(
            "SELECT timedb.upload($1, $2, ARRAY[$3], valid_time_end => $4, known_times => $5, known_time => $6)",
            &[&valid, &values, &name, &ends, &known, &known_time],
        )
        .await
        .unwrap();
}

async fn correct(client: &Client, random: &mut Random, versions: &[Version]) {
    let chosen = random.pick(versions);
    let time = |micros: i64| {
        jiff::Timestamp::from_microsecond(micros)
            .unwrap()
            .to_string()
    };
    let update = json!([{
        "series_id": chosen.series,
        "valid_time": time(chosen.valid),
        "valid_time_end": chosen.end.map(time),
        "known_time": time(chosen.known),
        "value": random.below(1000),
    }]);
    let update = update.to_string();
    client
        .execute("SELECT timedb.update_values($1::text::jsonb)", &[&update])
        .await
        .unwrap();
}

async fn versions(client: &Client) -> Vec<Version> {
    let all = "SELECT series_id, valid_time, valid_time_end, known_time, change_time, value FROM timedb.read_versions()";
    let instant = |row: &tokio_postgres::Row, column| row.get::<_, Micros>(column).0;
    let rows = client.query(all, &[]).await.unwrap();
    rows.iter()
        .map(|row| Version {
            series: row.get(0),
            valid: instant(row, 1),
            end: row.get::<_, Option<Micros>>(2).map(|end| end.0),
            known: instant(row, 3),
            change: instant(row, 4),
            value: row.get(5),
        })
        .collect()
}

/// What the list says; an error where several points share the time.
fn model(
    versions: &[Version],
    asked: &Question,
    (max_age, with_end): (i64, bool),
    as_of_change: Option<i64>,
) -> Result<Found, ()> {
    let known: Vec<&Version> = versions
        .iter()
        .filter(|v| {
            v.series == asked.series
                && v.known <= asked.as_of
                && as_of_change.is_none_or(|change| v.change <= change)
                && v.valid <= asked.valid
                && v.valid >= asked.valid - max_age
                && (!with_end || v.end == asked.end)
        })
        .collect();
    let Some(last) = known.iter().map(|v| v.valid).max() else {
        return Ok(None);
    };
    let here: Vec<_> = known.into_iter().filter(|v| v.valid == last).collect();
    if here.iter().any(|v| v.end != here[0].end) {
        return Err(());
    }
    let newest = here
        .iter()
        .max_by_key(|v| (v.known, v.change))
        .expect("there is one");
    Ok(Some((newest.valid, newest.known, newest.value)))
}

#[tokio::test]
async fn random_questions_are_answered_as_the_list_of_versions_says() {
    let seed = new_seed();
    let mut random = Random::new(seed);
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (mut found, mut refused) = (0, 0);
    for round in 0..6 {
        for _ in 0..8 {
            upload(&client, &mut random).await;
        }
        let mut all = versions(&client).await;
        for _ in 0..10 {
            correct(&client, &mut random, &all).await;
        }
        all = versions(&client).await;
        for _ in 0..12 {
            let max_age = random.pick(&[0, 0, HOUR / 2, 30 * HOUR, 9000 * HOUR]);
            let with_end = max_age == 0 && random.chance(70);
            let as_of_change = random.chance(30).then(|| random.pick(&all).change);
            let questions: Vec<Question> = (0..1 + random.below(150))
                .map(|_| {
                    let near = random.pick(&all);
                    let off = if max_age > 0 || random.chance(10) {
                        random.below(90) * HOUR / 60
                    } else {
                        0
                    };
                    Question {
                        series: near.series,
                        valid: near.valid + off,
                        as_of: START + random.below(9) * HOUR
                            - HOUR / 2 * i64::from(random.below(3)),
                        end: near.end,
                    }
                })
                .collect();
            let series: Vec<Uuid> = questions.iter().map(|asked| asked.series).collect();
            let valid: Vec<Micros> = questions.iter().map(|asked| Micros(asked.valid)).collect();
            let as_of: Vec<Micros> = questions.iter().map(|asked| Micros(asked.as_of)).collect();
            let ends: Vec<_> = questions
                .iter()
                .map(|asked| asked.end.map(Micros))
                .collect();
            let ends = with_end.then_some(ends);
            let answer = client
                .query(
                    "SELECT ordinality, found, valid_time, known_time, value FROM timedb.read_points($1, $2, $3,
                         valid_time_end => $4, max_age => $5, as_of_change => $6)",
                    &[&series, &valid, &as_of, &ends, &Length(max_age), &as_of_change.map(Micros)],
                )
                .await;
            let expected: Vec<_> = questions
                .iter()
                .map(|asked| model(&all, asked, (max_age, with_end), as_of_change))
                .collect();
            let what = format!(
                "seed {seed}, round {round}, max_age {max_age}, {with_end}, {as_of_change:?}"
            );
            let rows = match answer {
                Ok(rows) => rows,
                Err(error) => {
                    let code = error
                        .code()
                        .expect("an error of the database")
                        .code()
                        .to_owned();
                    assert_eq!(code, "P0003", "{what}: {error:?}");
                    assert!(expected.iter().any(Result::is_err), "{what}: {error:?}");
                    refused += 1;
                    continue;
                }
            };
            assert_eq!(rows.len(), questions.len(), "{what}");
            for (i, (row, expected)) in rows.iter().zip(expected).enumerate() {
                assert_eq!(row.get::<_, i64>(0), i as i64 + 1, "{what}");
                let answer: Found = row.get::<_, bool>(1).then(|| {
                    (
                        row.get::<_, Micros>(2).0,
                        row.get::<_, Micros>(3).0,
                        row.get(4),
                    )
                });
                assert_eq!(Ok(answer), expected, "{what}, row {i}");
                found += usize::from(answer.is_some());
            }
        }
    }
    assert!(
        found > 500 && refused < 72,
        "seed {seed}: {found} found, {refused} refused"
    );
}
