//! Random conditions on the views, against the same conditions on copies.

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, run};
use tokio_postgres::Client;

use super::{HOURS, SERIES, VIEWS, copy, fill, rows};

/// A condition: SQL with `$1`, `$2` for its operands, their types and their values.
#[derive(Default)]
struct Condition {
    sql: String,
    operands: Vec<(&'static str, String)>,
}

impl Condition {
    fn operand(&mut self, of_type: &'static str, value: impl Into<String>) -> String {
        self.operands.push((of_type, value.into()));
        format!("${}", self.operands.len())
    }

    /// An instant, of any of the types that are compared with a `timestamptz`.
    fn instant(&mut self, random: &mut Random) -> String {
        let of_type = random.pick(&[
            "timestamptz",
            "timestamptz",
            "timestamptz",
            "timestamp",
            "date",
        ]);
        let value = match random.below(20) {
            0 => "NULL".to_owned(),
            1 => "infinity".to_owned(),
            2 => "-infinity".to_owned(),
            3 => "294270-01-01".to_owned(),
            4 => "4713-01-01 BC".to_owned(),
            _ => {
                let hours = random.steps(-20, HOURS + 80);
                let micros = random.pick(&["", "", "", ".000001"]);
                match of_type {
                    "date" => format!("2025-03-{:02}", 18 + hours.rem_euclid(13)),
                    _ => {
                        let (day, hour) = (hours.div_euclid(24), hours.rem_euclid(24));
                        // Into April, and over the night in which Stockholm's clocks change.
                        let (month, day) = match 20 + day {
                            day @ ..=31 => (3, day),
                            day => (4, day - 31),
                        };
                        format!("2025-{month:02}-{day:02} {hour:02}:00:00{micros}")
                    }
                }
            }
        };
        self.operand(of_type, value)
    }

    fn on_time(&mut self, random: &mut Random, column: &str) -> String {
        let operator = random.pick(&["<", "<=", ">", ">=", "="]);
        let one = self.instant(random);
        match random.below(8) {
            0 => format!("{one} {operator} {column}"),
            1 => {
                let other = self.instant(random);
                format!("{column} BETWEEN {one}::timestamptz AND {other}::timestamptz")
            }
            2 => {
                let other = self.instant(random);
                format!("{column} IN ({one}::timestamptz, {other}::timestamptz)")
            }
            3 => {
                let dates = random.pick(&[
                    "{2025-03-21,NULL,2025-03-29}",
                    "{}",
                    "{NULL}",
                    "{infinity,2025-03-25}",
                ]);
                let dates = self.operand("date[]", dates);
                format!("{column} = ANY ({dates})")
            }
            4 => {
                let other = self.instant(random);
                format!("({column} {operator} {one} OR {column} = {other})")
            }
            5 => format!("NOT {column} {operator} {one}"),
            6 => format!("{column} {operator} {one}::timestamptz + interval '36 hours'"),
            _ => format!("{column} {operator} {one}"),
        }
    }

    fn on_series(&mut self, random: &mut Random, ids: &[String]) -> String {
        let (name, labels, _) = random.pick(&SERIES);
        let pattern = random.pick(&[
            "w%", "win_", "%d", "WIND", "lo\\\\%", "ä%", "%", "", "wind\\%",
        ]);
        let label = random.pick(&["site", "kind", "Ort", "", "none"]);
        let value = random.pick(&["north", "North", "forecast", "7", ""]);
        let some_ids = [random.pick(ids), random.pick(ids)].join(",");
        match random.below(20) {
            0 => format!("name = {}", self.operand("text", name)),
            1 => format!("{} = name", self.operand("varchar", name)),
            2 => format!("name = {}", self.operand("name", name)),
            3 => format!("name = {}", self.operand("text", "NULL")),
            4 | 5 => format!("name LIKE {}", self.operand("text", pattern)),
            6 => format!("name ILIKE {}", self.operand("text", pattern)),
            7 => format!("name IN ({}, 'load')", self.operand("text", name)),
            8 => format!("labels @> {}", self.operand("jsonb", labels)),
            9 => {
                let odd = random.pick(&[
                    "{}",
                    "[]",
                    "{\"site\": 7}",
                    "\"north\"",
                    "NULL",
                    "{\"\": \"\"}",
                ]);
                format!("labels @> {}", self.operand("jsonb", odd))
            }
            10 | 11 => {
                let (label, value) = (self.operand("text", label), self.operand("text", value));
                format!("labels ->> {label} = {value}")
            }
            12 => format!("{} = labels ->> 'site'", self.operand("text", value)),
            13 => format!("labels ? {}", self.operand("text", label)),
            14 => format!("series_id = {}", self.operand("uuid", random.pick(ids))),
            15 => format!(
                "series_id = ANY ({})",
                self.operand("uuid[]", format!("{{{some_ids},NULL}}"))
            ),
            16 => format!("series_id <> {}", self.operand("uuid", random.pick(ids))),
            17 => format!("unit = {} AND length(name) > 4", self.operand("text", "MW")),
            18 => format!(
                "upper(name) = {} COLLATE \"C\"",
                self.operand("text", "WIND")
            ),
            _ => format!(
                "(name, labels ->> 'site') = ({}, 'north')",
                self.operand("text", name)
            ),
        }
    }

    fn random(random: &mut Random, view: &str, ids: &[String]) -> Self {
        let mut condition = Self::default();
        let mut parts = Vec::new();
        for _ in 0..random.pick(&[1, 2, 2, 3, 4]) {
            parts.push(match random.below(12) {
                0..=4 => condition.on_time(random, "valid_time"),
                5..=8 => condition.on_series(random, ids),
                9 if view != "values" => condition.on_time(random, "known_time"),
                10 => format!("value > {}", condition.operand("float8", "12")),
                11 => "valid_time_end IS NULL AND name IS NOT NULL".to_owned(),
                _ => condition.on_time(random, "valid_time"),
            });
        }
        condition.sql = parts.join(" AND ");
        condition
    }

    fn literals(&self) -> Vec<String> {
        let literal = |(of_type, value): &(&str, String)| match value.as_str() {
            "NULL" => format!("NULL::{of_type}"),
            value => format!("'{}'::{of_type}", value.replace('\'', "''")),
        };
        self.operands.iter().map(literal).collect()
    }
}

/// How many rows are in one of the two and not in the other, and how many there are.
async fn difference(
    client: &Client,
    view: &str,
    condition: &Condition,
    prepared: bool,
) -> (i64, i64) {
    let mut sql = condition.sql.clone();
    if !prepared {
        // The last first: $1 is the beginning of $10.
        for (i, literal) in condition.literals().iter().enumerate().rev() {
            sql = sql.replace(&format!("${}", i + 1), literal);
        }
    }
    let compare = format!(
        "SELECT (SELECT count(*) FROM (
                     (SELECT * FROM timedb.{view} WHERE {sql} EXCEPT ALL SELECT * FROM all_{view} WHERE {sql})
                     UNION ALL
                     (SELECT * FROM all_{view} WHERE {sql} EXCEPT ALL SELECT * FROM timedb.{view} WHERE {sql})) AS d),
                (SELECT count(*) FROM all_{view} WHERE {sql})"
    );
    let answer = if prepared {
        let types: Vec<&str> = condition
            .operands
            .iter()
            .map(|(of_type, _)| *of_type)
            .collect();
        let (types, values) = match types.is_empty() {
            true => (String::new(), String::new()),
            false => (
                format!("({})", types.join(", ")),
                format!("({})", condition.literals().join(", ")),
            ),
        };
        run(client, &format!("PREPARE compared{types} AS {compare}")).await;
        let answer = rows(client, &format!("EXECUTE compared{values}")).await;
        run(client, "DEALLOCATE compared").await;
        answer
    } else {
        rows(client, &compare).await
    };
    let number = |i: usize| answer[0][i].as_deref().unwrap().parse().unwrap();
    (number(0), number(1))
}

#[tokio::test]
async fn a_condition_returns_what_a_filter_over_all_rows_returns() {
    let seed = new_seed();
    let mut random = Random::new(seed);
    let db = Db::new().await;
    // The other tenant has series of the same names.
    for tenant in [db.b(), db.a()] {
        fill(&db.login(tenant).await, &mut random).await;
    }
    let client = db.login(db.a()).await;
    copy(&client).await;
    let ids = rows(&client, "SELECT series_id FROM timedb.series").await;
    let mut ids: Vec<String> = ids.into_iter().flatten().flatten().collect();
    let of_b = rows(
        &db.login(db.b()).await,
        "SELECT series_id FROM timedb.series LIMIT 1",
    )
    .await;
    ids.extend(of_b.into_iter().flatten().flatten());
    let (mut with_rows, rounds) = (0, 500);
    for round in 0..rounds {
        let zone = random.pick(&["UTC", "Europe/Stockholm", "America/New_York"]);
        let mode = random.pick(&["force_generic_plan", "force_custom_plan"]);
        let streaming = random.pick(&["on", "on", "off"]);
        run(
            &client,
            &format!(
                "SET TIME ZONE '{zone}'; SET plan_cache_mode = {mode}; SET timedb.streaming_reads = {streaming}"
            ),
        )
        .await;
        let (view, _) = random.pick(&VIEWS);
        let condition = Condition::random(&mut random, view, &ids);
        for prepared in [false, true] {
            let (different, all) = difference(&client, view, &condition, prepared).await;
            with_rows += i32::from(all > 0);
            assert_eq!(
                different,
                0,
                "seed {seed}, round {round}, {zone}, {mode}, streaming {streaming}, prepared {prepared}, of {all}: {view} WHERE {} with {:?}",
                condition.sql,
                condition.literals()
            );
        }
    }
    assert!(
        with_rows > rounds / 4,
        "{with_rows} of {rounds} found anything"
    );
}
