//! Series by name: without a keyword, several at a time, and together with what else chooses series.

use tokio_postgres::Client;

use super::*;
use timedb_tests::Server;

const FUNCTIONS: [(&str, &str); 5] = [
    ("read_flat", ""),
    ("read_overlapping", ""),
    ("read_versions", ""),
    ("read_last", ""),
    ("read_relative", ", days_ahead => 0, time_of_day => '23:59'"),
];

/// The names of the series that a query reads, with their labels.
async fn read_from(client: &Client, from: &str) -> Vec<String> {
    let query =
        format!("SELECT DISTINCT name || (labels ->> 'site') FROM timedb.{from} ORDER BY 1");
    let rows = client.query(&query, &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// Series a, b, c of a site and a, {d of another, with a point each.
async fn fill(client: &Client) {
    run(
        client,
        r#"SELECT FROM timedb.upload(array_fill(timestamptz '2025-01-01 12:00Z', '{5}'), '{1,2,3,4,5}', '{a,b,c,a,"{d"}',
               ARRAY['{"site": "1"}', '{"site": "1"}', '{"site": "1"}', '{"site": "2"}', '{"site": "2"}']::jsonb[],
               known_time => '2025-01-01 00:00Z')"#,
    )
    .await;
}

#[tokio::test]
async fn a_name_needs_no_keyword_and_calls_by_position_mean_what_they_did() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    let id = "SELECT series_id::text FROM timedb.series WHERE name = 'b'";
    let id: String = client.query_one(id, &[]).await.unwrap().get(0);
    for (function, more) in FUNCTIONS {
        for (arguments, expected) in [
            ("'a'", &["a1", "a2"][..]),
            ("'a'::text", &["a1", "a2"]),
            ("'a'::varchar", &["a1", "a2"]),
            ("'a', labels => '{\"site\": \"2\"}'", &["a2"]),
            ("'a', 'a'", &["a1", "a2"]),
            ("'a', 'b'", &[]),
            ("'a', names => '{a,b}'", &["a1", "a2"]),
            ("'a', names => '{b}'", &[]),
            ("'unknown'", &[]),
            ("NULL", &["a1", "a2", "b1", "c1", "{d2"]),
            ("NULL, 'a'", &["a1", "a2"]),
            ("NULL, 'a', '{\"site\": \"1\"}'", &["a1"]),
            ("NULL::uuid[], 'a'", &["a1", "a2"]),
            ("'{ID}'", &["b1"]),
            ("'{ID}', 'b'", &["b1"]),
            ("'{ID}', 'a'", &[]),
            ("'{}'", &[]),
            ("ARRAY['ID']::uuid[]", &["b1"]),
            ("ARRAY['ID'::uuid], 'b'", &["b1"]),
            ("series_id => '{ID}'", &["b1"]),
            ("series_id => ARRAY['ID']::uuid[], name => 'b'", &["b1"]),
            ("name => 'a'", &["a1", "a2"]),
            ("name => '{d'", &["{d2"]),
            ("series => 'a'", &["a1", "a2"]),
            ("names => '{a,c}'", &["a1", "a2", "c1"]),
            ("names => ARRAY['c', 'c', NULL, 'nothing']", &["c1"]),
            (
                "names => ARRAY['a', 'c'], labels => '{\"site\": \"1\"}'",
                &["a1", "c1"],
            ),
            ("series_id => '{ID}', names => '{a,b}'", &["b1"]),
            ("series_id => '{ID}', names => '{a,c}'", &[]),
            ("names => '{}'", &[]),
            ("names => NULL", &["a1", "a2", "b1", "c1", "{d2"]),
            ("name => 'a', names => '{a,b}'", &["a1", "a2"]),
            ("name => 'a', names => '{b}'", &[]),
        ] {
            let call = format!("{function}({}{more})", arguments.replace("ID", &id));
            assert_eq!(read_from(&client, &call).await, expected, "{call}");
        }
        // Conditions of the query are followed as in other reads, and the function itself says the same.
        let of = format!("{function}('a'{more}) WHERE labels ->> 'site' = '2'");
        let several =
            format!("{function}(names => '{{a,b,c}}'{more}) WHERE name <> 'b' AND name >= 'a'");
        for streaming in ["on", "off"] {
            run(
                &client,
                &format!("SET timedb.streaming_reads = {streaming}"),
            )
            .await;
            assert_eq!(read_from(&client, &of).await, ["a2"], "{function}");
            assert_eq!(
                read_from(&client, &several).await,
                ["a1", "a2", "c1"],
                "{function}"
            );
        }
        run(&client, "RESET timedb.streaming_reads").await;
    }
    for (from, expected) in [
        (
            "read_buckets('1 day', names => '{a,b}')",
            ["a1", "a2", "b1"].as_slice(),
        ),
        ("read_buckets('1 day', name => 'c', names => '{a,b}')", &[]),
        ("read_changes(names => '{a,b}')", &["a1", "a2", "b1"]),
        ("read_changes(name => 'c')", &["c1"]),
    ] {
        assert_eq!(read_from(&client, from).await, expected, "{from}");
    }
    let named: String = client
        .query_one("SELECT min(name) FROM timedb.read_flat($1)", &[&"c"])
        .await
        .unwrap()
        .get(0);
    assert_eq!(named, "c");
    let malformed = client
        .query("SELECT FROM timedb.read_flat('{a}')", &[])
        .await;
    assert_eq!(refusal(malformed).0, "22P02");
    let many = "SELECT FROM timedb.read_flat(names => array_fill('x'::text, '{100001}'))";
    assert_eq!(refusal(client.query(many, &[]).await).0, "54000");
    let other = db.login(db.b()).await;
    for call in ["read_flat('a')", "read_flat(names => '{a,b}')"] {
        assert_eq!(read_from(&other, call).await, [""; 0], "{call}");
    }
}

#[tokio::test]
async fn a_read_of_names_is_planned_as_one_of_a_name() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    for call in [
        "read_flat('a')",
        "read_last('a')",
        "read_flat(names => '{a,b}')",
    ] {
        let explain = format!(
            "EXPLAIN (COSTS OFF) SELECT * FROM timedb.{call} WHERE valid_time > '2025-01-01Z'"
        );
        let plan = client.query(&explain, &[]).await.unwrap();
        let line: String = plan[0].get(0);
        assert!(line.contains("Custom Scan (timedb read)"), "{call}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_names_over_http() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    let server = Server::start(&db);
    for (path, expected) in [
        ("/values?name=b", &["b"][..]),
        ("/values?name=b&name=c", &["b", "c"]),
        (
            "/values?name=b&name=c&name=%7Bd&name=nothing",
            &["b", "c", "{d"],
        ),
        ("/values?name=b&name=b", &["b"]),
        (
            "/values?name=a&name=b&labels=%7B%22site%22%3A%221%22%7D",
            &["a", "b"],
        ),
        ("/values/last?name=b&name=c", &["b", "c"]),
        ("/values?bucket=1d&name=b&name=c", &["b", "c"]),
        ("/changes?name=b&name=c", &["b", "c"]),
    ] {
        let reply = server.get(path, Some(&db.a().key)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let json = reply.json();
        let rows = json["data"].as_array().unwrap();
        let mut names: Vec<&str> = rows
            .iter()
            .map(|row| row["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, expected, "{path}");
        let other = server.get(path, Some(&db.b().key)).await.json();
        assert_eq!(other["data"].as_array().map(Vec::len), Some(0), "{path}");
    }
    // Where a name is looked for, there is one.
    let reply = server.get("/series?name=b&name=c", Some(&db.a().key)).await;
    assert_eq!(reply.status, 422, "{}", reply.text);
}
