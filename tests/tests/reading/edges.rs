//! What lies at the edge goes through both doors, SQL and HTTP, and either comes back through both as it was,
//! or is refused at each of them by name.

mod series;
mod spans;
mod values;

use jiff::civil::{DateTime, Time, date};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use timedb_tests::times::Micros;
use timedb_tests::{Db, Reply, Server, refusal};
use tokio_postgres::Client;

/// Both doors of tenant A's store.
struct Doors {
    client: Client,
    server: Server,
    db: Db,
}

impl Doors {
    async fn open() -> Self {
        let db = Db::new().await;
        Self {
            client: db.login(db.a()).await,
            server: Server::start(&db),
            db,
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.server.get(path, Some(&self.db.a().key)).await
    }

    async fn post(&self, path: &str, body: &str) -> Reply {
        let request = self
            .server
            .request(reqwest::Method::POST, path, Some(&self.db.a().key))
            .header("Content-Type", "application/json")
            .body(body.to_owned());
        self.server.send(request).await
    }

    /// The versions of a series over HTTP.
    async fn versions(&self, name: &str) -> Vec<Value> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let reply = self
            .get(&format!("/values?all_versions=true&name={name}"))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["data"].as_array().expect("a list").clone()
    }
}

/// A refusal over HTTP is a 400 or a 422 that says the word; in SQL it is of class 22 and says it too.
#[track_caller]
fn refused_with(reply: &Reply, word: &str, what: &str) {
    assert!(
        [400, 422].contains(&reply.status.as_u16()),
        "{what}: {reply:?}"
    );
    assert!(
        reply.text.contains(word),
        "{what}: {word:?} is not in {reply:?}"
    );
}

#[track_caller]
fn refused_in_sql<T>(result: Result<T, tokio_postgres::Error>, word: &str, what: &str) {
    let (code, message) = refusal(result);
    assert!(
        code.starts_with("22") || code == "21000",
        "{what}: {code} {message}"
    );
    assert!(
        message.contains(word),
        "{what}: {word:?} is not in {message}"
    );
}

/// What a door makes of a text.
enum Makes {
    /// This instant.
    Is(&'static str),
    /// It refuses the text, naming the column or the text.
    Refuses,
}

use Makes::{Is, Refuses};

/// A text for an instant, what SQL makes of it in the time zone of Tokyo, and what HTTP makes of it.
const INSTANTS: [(&str, Makes, Makes); 24] = [
    (
        "0001-01-01T00:00:00Z",
        Is("0001-01-01T00:00:00Z"),
        Is("0001-01-01T00:00:00Z"),
    ),
    (
        "0001-01-01T00:00:00.000001Z",
        Is("0001-01-01T00:00:00.000001Z"),
        Is("0001-01-01T00:00:00.000001Z"),
    ),
    (
        "9999-12-31T23:59:59.999998Z",
        Is("9999-12-31T23:59:59.999998Z"),
        Is("9999-12-31T23:59:59.999998Z"),
    ),
    ("0001-01-01T00:00:00+00:01", Refuses, Refuses),
    ("9999-12-31T23:59:59-00:01", Refuses, Refuses),
    ("10000-01-01T00:00:00Z", Refuses, Refuses),
    ("0000-12-31T23:59:59Z", Refuses, Refuses),
    ("infinity", Refuses, Refuses),
    ("-infinity", Refuses, Refuses),
    ("NaN", Refuses, Refuses),
    ("2025-02-29T00:00:00Z", Refuses, Refuses),
    (
        "2024-02-29T23:59:59.999999Z",
        Is("2024-02-29T23:59:59.999999Z"),
        Is("2024-02-29T23:59:59.999999Z"),
    ),
    (
        "1969-12-31T23:59:59.999999Z",
        Is("1969-12-31T23:59:59.999999Z"),
        Is("1969-12-31T23:59:59.999999Z"),
    ),
    (
        "1582-10-10T00:00:00Z",
        Is("1582-10-10T00:00:00Z"),
        Is("1582-10-10T00:00:00Z"),
    ),
    (
        "2025-01-01T00:00:00+15:59",
        Is("2024-12-31T08:01:00Z"),
        Is("2024-12-31T08:01:00Z"),
    ),
    // PostgreSQL lets a leap second roll over, and 24:00 be the next day; HTTP takes neither.
    ("2016-12-31T23:59:60Z", Is("2017-01-01T00:00:00Z"), Refuses),
    ("2025-01-01T24:00:00Z", Is("2025-01-02T00:00:00Z"), Refuses),
    ("2025-01-01T23:59:61Z", Refuses, Refuses),
    ("2025-01-01T24:00:01Z", Refuses, Refuses),
    // PostgreSQL rounds to microseconds, HTTP cuts.
    (
        "2025-01-01T00:00:00.0000019Z",
        Is("2025-01-01T00:00:00.000002Z"),
        Is("2025-01-01T00:00:00.000001Z"),
    ),
    (
        "2025-01-01T00:00:00.0000014Z",
        Is("2025-01-01T00:00:00.000001Z"),
        Is("2025-01-01T00:00:00.000001Z"),
    ),
    // Without a zone it is the session's in SQL, and UTC over HTTP.
    (
        "2025-01-01T12:00:00",
        Is("2025-01-01T03:00:00Z"),
        Is("2025-01-01T12:00:00Z"),
    ),
    (
        "2025-01-01",
        Is("2024-12-31T15:00:00Z"),
        Is("2025-01-01T00:00:00Z"),
    ),
    ("", Refuses, Refuses),
];

/// Reckoned without a zone, because jiff's instants end a day before the year 9999 does.
fn micros(text: &str) -> i64 {
    let local = text.trim_end_matches("+00:00").trim_end_matches('Z');
    let local: DateTime = local.parse().expect("an instant in UTC");
    let since = local.duration_since(date(1970, 1, 1).to_datetime(Time::midnight()));
    i64::try_from(since.as_micros()).expect("within the years")
}

#[tokio::test]
async fn instants_at_the_edge_come_back_or_are_refused_in_every_column() {
    let doors = Doors::open().await;
    doors
        .client
        .batch_execute("SET TIME ZONE 'Asia/Tokyo'")
        .await
        .unwrap();
    for column in ["valid_time", "valid_time_end", "known_time"] {
        for (number, (text, in_sql, over_http)) in INSTANTS.iter().enumerate() {
            // An interval that ended when time begins would be empty.
            if column == "valid_time_end" && *text == "0001-01-01T00:00:00Z" {
                continue;
            }
            let what = format!("{column} {text:?}");
            let name = format!("{column} {number}");
            let names = [in_sql, over_http].map(|door| matches!(door, Is(_)));
            let mut expected = Vec::new();
            let call = match column {
                "valid_time" => "ARRAY[$1::text::timestamptz], '{1}', ARRAY[$2]",
                "valid_time_end" => {
                    "'{0001-01-01 00:00Z}', '{1}', ARRAY[$2], valid_time_end => ARRAY[$1::text::timestamptz]"
                }
                _ => "'{2025-01-01}', '{1}', ARRAY[$2], known_time => $1::text::timestamptz",
            };
            let call = format!("SELECT points FROM timedb.upload({call})");
            let uploaded = doors.client.query(&call, &[text, &name]).await;
            match in_sql {
                Is(instant) => {
                    uploaded.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    expected.push(micros(instant));
                }
                Refuses => {
                    let (code, message) = refusal(uploaded);
                    assert!(
                        ["22007", "22008"].contains(&code.as_str()),
                        "{what}: {code} {message}"
                    );
                    assert!(
                        message.contains(column) || message.contains(&format!("{text:?}")),
                        "{what}: {message}"
                    );
                }
            }
            let mut row =
                json!({"valid_time": "0001-01-01T00:00:00Z", "value_key": name, "value": 2});
            let mut body = json!({"batch_start_time": "2025-01-01T00:00:00Z"});
            match column {
                "known_time" => body[column] = json!(text),
                _ => row[column] = json!(text),
            }
            body["value_rows"] = json!([row]);
            let reply = doors.post("/upload", &body.to_string()).await;
            match over_http {
                Is(instant) => {
                    assert_eq!(reply.status, 200, "{what}: {reply:?}");
                    expected.push(micros(instant));
                }
                Refuses => refused_with(&reply, column, &what),
            }
            expected.sort_unstable();
            assert_eq!(
                expected.len(),
                names.iter().filter(|stored| **stored).count()
            );
            let query = format!("SELECT {column} FROM timedb.read_versions(name => $1) ORDER BY 1");
            let rows = doors.client.query(&query, &[&name]).await.unwrap();
            let found: Vec<i64> = rows.iter().map(|row| row.get::<_, Micros>(0).0).collect();
            assert_eq!(found, expected, "{what} in SQL");
            let rows = doors.versions(&name).await;
            let instants = rows
                .iter()
                .map(|row| micros(row[column].as_str().expect("an instant")));
            let mut found: Vec<i64> = instants.collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{what} over HTTP");
        }
    }
}
