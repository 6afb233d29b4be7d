//! find_series, count_series, label_names and label_values against what a look at all series would find.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use timedb_tests::{Db, Role, count, refusal, run};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{create, names};

/// Names that sort differently by collation, case and bytes, with prefixes at the ends of what there is.
const NAMES: [&str; 12] = [
    "a",
    "B",
    "ab",
    "aB",
    "Ångström",
    "ångström",
    "wind",
    "Wind",
    "wind/north",
    "风速",
    "\u{d7ff}x",
    "\u{10ffff}\u{10ffff}",
];

struct Made {
    id: Uuid,
    name: String,
    labels: Value,
    description: Option<String>,
}

/// Series with each of the names, several times, with labels from few to all.
async fn fill(client: &Client) -> Vec<Made> {
    let mut made = Vec::new();
    for (i, name) in NAMES.iter().enumerate() {
        for n in 0..=(i % 4) {
            let mut labels = json!({"n": n.to_string(), "kind": "all"});
            if (i + n) % 3 == 0 {
                labels["Größe/Maß"] = json!(format!("wert {}", i % 2));
            }
            let description = (i % 2 == 0).then(|| format!("Beschreibung ÜBER {name}"));
            let id = create(client, name, &labels, "kW").await;
            if let Some(text) = &description {
                let query = "SELECT timedb.update_series($1, $2)";
                client.query_one(query, &[&id, text]).await.unwrap();
            }
            made.push(Made {
                id,
                name: (*name).to_owned(),
                labels,
                description,
            });
        }
    }
    made.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    made
}

/// What a look at all of them finds.
fn expected(
    made: &[Made],
    name: Option<&str>,
    prefix: Option<&str>,
    labels: Option<&Value>,
    search: Option<&str>,
) -> Vec<Uuid> {
    let has_labels = |series: &Made, labels: &Value| {
        let mut wanted = labels.as_object().unwrap().iter();
        wanted.all(|(label, value)| series.labels.get(label) == Some(value))
    };
    let has_words = |series: &Made, words: &str| {
        let words = words.to_lowercase();
        let description = series.description.as_deref().unwrap_or_default();
        series.name.to_lowercase().contains(&words) || description.to_lowercase().contains(&words)
    };
    made.iter()
        .filter(|series| name.is_none_or(|name| series.name == name))
        .filter(|series| prefix.is_none_or(|prefix| series.name.starts_with(prefix)))
        .filter(|series| labels.is_none_or(|labels| has_labels(series, labels)))
        .filter(|series| search.is_none_or(|words| has_words(series, words)))
        .map(|series| series.id)
        .collect()
}

#[tokio::test]
async fn every_combination_of_filters_finds_counts_and_pages_what_a_look_at_all_would() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let made = fill(&client).await;
    let find = client
        .prepare("SELECT series_id FROM timedb.find_series($1, $2, $3::text::jsonb, $4, $5, $6)")
        .await
        .unwrap();
    let counting = client
        .prepare("SELECT timedb.count_series($1, $2, $3::text::jsonb, $4)")
        .await
        .unwrap();
    let names = [None, Some("wind"), Some("Ångström"), Some("nothing")];
    let prefixes = [
        None,
        Some(""),
        Some("a"),
        Some("wi"),
        Some("wind"),
        Some("风"),
        Some("\u{d7ff}"),
        Some("\u{10ffff}"),
        Some("z"),
    ];
    let labels = [
        None,
        Some(json!({})),
        Some(json!({"kind": "all"})),
        Some(json!({"n": "0", "kind": "all"})),
        Some(json!({"Größe/Maß": "wert 1"})),
        Some(json!({"Größe/Maß": "wert 1", "n": "1", "kind": "all"})),
        Some(json!({"kind": "none", "n": "0"})),
    ];
    let searches = [None, Some(""), Some("ÅNG"), Some("über W"), Some("x")];
    let mut tried = 0;
    for name in names {
        for prefix in prefixes {
            for labels in &labels {
                for search in searches {
                    let wanted = expected(&made, name, prefix, labels.as_ref(), search);
                    let text = labels.as_ref().map(Value::to_string);
                    let n: i64 = client
                        .query_one(&counting, &[&name, &prefix, &text, &search])
                        .await
                        .unwrap()
                        .get(0);
                    let what = format!("{name:?} {prefix:?} {labels:?} {search:?}");
                    assert_eq!(n, wanted.len() as i64, "{what}");
                    for size in [3, 1000] {
                        let mut found: Vec<Uuid> = Vec::new();
                        loop {
                            let after = found.last().copied();
                            let page = client
                                .query(&find, &[&name, &prefix, &text, &search, &size, &after])
                                .await
                                .unwrap();
                            assert!(page.len() <= size as usize);
                            found.extend(page.iter().map(|row| row.get::<_, Uuid>(0)));
                            if page.len() < size as usize {
                                break;
                            }
                        }
                        assert_eq!(found, wanted, "{what}, by {size}");
                    }
                    tried += usize::from(!wanted.is_empty());
                }
            }
        }
    }
    assert!(tried > 100, "only {tried} searches found something");
}

#[tokio::test]
async fn a_label_that_many_have_is_found_page_by_page_too() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // More than are fetched and sorted; the rare label is one in a hundred.
    run(
        &client,
        "SELECT timedb.upload('{}', '{}', series_index => '{}',
             name => ARRAY(SELECT 's' || lpad(i::text, 5, '0') FROM generate_series(0, 8999) AS i),
             labels => ARRAY(SELECT jsonb_build_object('of', 'all', 'third', (i % 3)::text, 'rare', (i % 100)::text)
                             FROM generate_series(0, 8999) AS i))",
    )
    .await;
    let page = |rest: &str| format!("max_series => 5, {rest}");
    let third = r#"labels => '{"of": "all", "third": "1"}'"#;
    assert_eq!(
        names(&client, &page(third)).await,
        ["s00001", "s00004", "s00007", "s00010", "s00013"]
    );
    let both = r#"labels => '{"of": "all", "rare": "7"}', prefix => 's05'"#;
    assert_eq!(
        names(&client, &page(both)).await,
        ["s05007", "s05107", "s05207", "s05307", "s05407"]
    );
    for (labels, n) in [
        (r#"{"of": "all"}"#, 9000),
        (r#"{"of": "all", "third": "2"}"#, 3000),
        (r#"{"of": "all", "third": "2", "rare": "2"}"#, 30),
        (r#"{"of": "all", "third": "3"}"#, 0),
    ] {
        let counted = "SELECT timedb.count_series(labels => $1::text::jsonb)";
        assert_eq!(count(&client, counted, &[&labels]).await, n, "{labels}");
        let read = "SELECT count(*) FROM timedb.find_series(labels => $1::text::jsonb, max_series => 100000)";
        assert_eq!(count(&client, read, &[&labels]).await, n, "{labels}");
        let searched = "SELECT timedb.count_series(labels => $1::text::jsonb, search => 'S0')";
        assert_eq!(count(&client, searched, &[&labels]).await, n, "{labels}");
    }
}

#[tokio::test]
async fn pages_go_on_to_the_end_while_others_create_series() {
    let db = Db::new().await;
    let (client, other) = (db.login(db.a()).await, db.login(db.a()).await);
    for i in 0..40 {
        create(&client, &format!("old {i:02}"), &json!({}), "kW").await;
    }
    let (mut found, mut after): (Vec<String>, Option<Uuid>) = (Vec::new(), None);
    let query = "SELECT name, series_id FROM timedb.find_series(prefix => 'old', max_series => 7, after => $1)";
    loop {
        let page = client.query(query, &[&after]).await.unwrap();
        found.extend(page.iter().map(|row| row.get::<_, String>(0)));
        let Some(last) = page.last() else { break };
        after = Some(last.get(1));
        for place in ["old 00x", "old 20x", "old 39x", "older"] {
            let name = format!("{place} {}", found.len());
            create(&other, &name, &json!({}), "kW").await;
        }
        if found.iter().any(|name| name.starts_with("older")) {
            break;
        }
    }
    let old: Vec<_> = found.iter().filter(|name| name.len() == 6).collect();
    let expected: Vec<_> = (0..40).map(|i| format!("old {i:02}")).collect();
    assert_eq!(old, expected.iter().collect::<Vec<_>>());
    let mut once = found.clone();
    once.sort();
    once.dedup();
    assert_eq!(once, found, "in order, and none twice");
}

#[tokio::test]
async fn labels_are_listed_with_how_many_series_have_them() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let made = fill(&client).await;
    let mut expected: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for series in &made {
        for (label, value) in series.labels.as_object().unwrap() {
            let values = expected.entry(label.clone()).or_default();
            *values
                .entry(value.as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    let rows = client
        .query("SELECT label, series FROM timedb.label_names()", &[])
        .await
        .unwrap();
    let found: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let names: Vec<(String, i64)> = expected
        .iter()
        .map(|(label, values)| (label.clone(), values.values().sum()))
        .collect();
    assert_eq!(found, names);
    for (label, values) in &expected {
        let query = "SELECT value, series FROM timedb.label_values($1)";
        let rows = client.query(query, &[label]).await.unwrap();
        let found: BTreeMap<String, i64> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(&found, values, "{label}");
    }
    let unknown = "SELECT count(*) FROM timedb.label_values('unknown')";
    assert_eq!(count(&client, unknown, &[]).await, 0);
}

#[tokio::test]
async fn values_of_a_label_come_in_order_page_by_page_however_alike_they_begin() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (long, wide) = ("x".repeat(63), "é".repeat(70));
    let mut expected: Vec<String> = vec![String::new(), "a".into(), "A".into(), "ä".into()];
    for end in ["", "a", "b", "é", "yy", "yz", "z".repeat(400).as_str()] {
        expected.push(format!("{long}{end}"));
        expected.push(format!("{wide}{end}"));
    }
    for value in &expected {
        create(&client, "s", &json!({"l": value}), "kW").await;
        create(&client, "t", &json!({"l": value, "m": "1"}), "kW").await;
    }
    expected.sort();
    let query = "SELECT value, series FROM timedb.label_values('l', $1, $2, $3)";
    let prefixes = [
        "",
        "x",
        &long,
        &format!("{long}y"),
        &wide,
        &format!("{wide}y"),
        "q",
    ];
    for prefix in prefixes {
        let wanted: Vec<_> = expected.iter().filter(|v| v.starts_with(prefix)).collect();
        for size in [1, 2, 5, 1000] {
            let mut found: Vec<String> = Vec::new();
            loop {
                let after = found.last().cloned();
                let page = client
                    .query(query, &[&prefix, &size, &after])
                    .await
                    .unwrap();
                assert!(page.iter().all(|row| row.get::<_, i64>(1) == 2));
                found.extend(page.iter().map(|row| row.get::<_, String>(0)));
                if page.len() < size as usize {
                    break;
                }
            }
            assert_eq!(
                found.iter().collect::<Vec<_>>(),
                wanted,
                "{prefix} by {size}"
            );
        }
    }
}

#[tokio::test]
async fn labels_of_64_kilobytes_come_back_and_find_their_series() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let value = "Aé风\"\\ ".repeat(7_500);
    assert!(value.len() > 64 << 10);
    let labels = json!({"long": value, "short": "s"});
    let id = create(&client, "big", &labels, "kW").await;
    let nearly = json!({"long": format!("{value}!"), "short": "s"});
    assert_ne!(create(&client, "big", &nearly, "kW").await, id);
    let query = "SELECT series_id, labels::text FROM timedb.find_series(labels => $1::text::jsonb)";
    let filter = json!({"long": value}).to_string();
    let rows = client.query(query, &[&filter]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, Uuid>(0), id);
    let read: Value = serde_json::from_str(rows[0].get(1)).unwrap();
    assert_eq!(read, labels);
    let told = "SELECT value FROM timedb.label_values('long', max_values => 1)";
    let row = client.query_one(told, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), value);
}

#[tokio::test]
async fn what_no_search_could_use_is_refused() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let of_b = create(&db.login(db.b()).await, "wind", &json!({}), "kW").await;
    for (call, code) in [
        ("find_series(max_series => 0)".to_owned(), "22023"),
        ("find_series(max_series => 100001)".to_owned(), "22023"),
        ("find_series(labels => '[]')".to_owned(), "22023"),
        (r#"find_series(labels => '{"a": 1}')"#.to_owned(), "22023"),
        (
            r#"count_series(labels => '{"a": null}')"#.to_owned(),
            "22023",
        ),
        (
            format!("find_series(after => '{}')", Uuid::new_v4()),
            "42704",
        ),
        (format!("find_series(after => '{of_b}')"), "42704"),
        ("label_values('a', max_values => -1)".to_owned(), "2201W"),
    ] {
        let query = format!("SELECT * FROM timedb.{call}");
        assert_eq!(refusal(client.query(&query, &[]).await).0, code, "{call}");
    }
    // Nobody is somebody without series.
    let nobody = db.connect(Role::User).await;
    assert_eq!(names(&nobody, "").await.len(), 0);
    assert_eq!(count(&nobody, "SELECT timedb.count_series()", &[]).await, 0);
    let labels = "SELECT count(*) FROM timedb.label_names()";
    assert_eq!(count(&nobody, labels, &[]).await, 0);
}
