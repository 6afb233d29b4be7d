//! Statements of Grafana, Metabase and Superset over the views, with their macros expanded as they send them: they answer
//! as over a plain table of the same points, and read no more than the read function that is meant.

use timedb_tests::{Db, Role, run};
use tokio_postgres::Client;

use super::{copy, fill_days, rows, segments};

/// A range of time, as Grafana writes one into a statement.
const RANGE: &str = "valid_time BETWEEN '2025-01-08T00:00:00Z' AND '2025-01-08T23:59:59.999Z'";
/// The call that is meant by it, for some series.
const OF_RANGE: &str = "start_valid => '2025-01-08Z', end_valid => '2025-01-09Z'";

/// Statements with `V` for the view of values and `W` for that of versions, `RANGE` and `OF_RANGE`; and the functions that
/// read what they mean, in a list of FROM.
const STATEMENTS: &[(&str, &str)] = &[
    // Grafana: a time series, with $__timeFilter, and variables as lists and as patterns.
    (
        "SELECT valid_time AS \"time\", name AS metric, value FROM V WHERE RANGE AND name IN ('s1','s2') ORDER BY 1, 2",
        "timedb.read_flat(name => 's1', OF_RANGE) AS a, timedb.read_flat(name => 's2', OF_RANGE) AS b",
    ),
    (
        "SELECT valid_time AS \"time\", value AS \"site 3\" FROM V WHERE RANGE AND name ~ '^(s1|s3)$' AND labels ->> 'site' = '3' ORDER BY valid_time",
        "timedb.read_flat(name => 's3', OF_RANGE)",
    ),
    // $__timeGroupAlias; with NULL, 0 or previous the gaps are filled by Grafana itself.
    (
        "SELECT floor(extract(epoch from valid_time)/3600)*3600 AS \"time\", name AS metric, avg(value) AS \"value\" FROM V WHERE RANGE GROUP BY 1,2 ORDER BY 1,2",
        "timedb.read_flat(OF_RANGE)",
    ),
    (
        "SELECT floor(extract(epoch from valid_time)/0.5)*0.5 AS \"time\", min(value), max(value) FROM V WHERE valid_time >= '2025-01-08T00:00:00Z' AND valid_time <= '2025-01-08T00:10:00Z' GROUP BY 1 ORDER BY 1",
        "timedb.read_flat(OF_RANGE)",
    ),
    // $__unixEpochGroupAlias.
    (
        "SELECT floor((extract(epoch from valid_time))/86400)*86400 AS \"time\", count(*) FROM V WHERE RANGE AND name = 's4' GROUP BY 1 ORDER BY 1",
        "timedb.read_flat(name => 's4', OF_RANGE)",
    ),
    (
        "SELECT floor((extract(epoch from valid_time))/3600)*3600 AS \"time\", sum(value) FROM V WHERE extract(epoch from valid_time) >= 1736294400 AND extract(epoch from valid_time) <= 1736380799 GROUP BY 1 ORDER BY 1",
        "timedb.read_flat(OF_RANGE)",
    ),
    // What its query builder makes.
    (
        "SELECT AVG(value) AS \"avg_value\", name FROM V WHERE (name = 's1' AND valid_time >= '2025-01-08T00:00:00Z' AND valid_time < '2025-01-09T00:00:00Z') GROUP BY name LIMIT 50 ",
        "timedb.read_flat(name => 's1', OF_RANGE)",
    ),
    // A single stat, a table of last values, and an alert on the last five minutes.
    (
        "SELECT valid_time AS \"time\", value FROM V WHERE name = 's5' ORDER BY valid_time DESC LIMIT 1",
        "timedb.read_last(name => 's5')",
    ),
    (
        "SELECT DISTINCT ON (name, series_id) name, value, valid_time FROM V ORDER BY name, series_id, valid_time DESC",
        "timedb.read_last()",
    ),
    (
        "SELECT floor(extract(epoch from valid_time)/60)*60 AS \"time\", name AS metric, max(value) AS \"value\" FROM V WHERE valid_time BETWEEN '2025-01-08T11:55:00.123456789Z' AND '2025-01-08T12:00:00.123456789Z' GROUP BY time, metric ORDER BY time, metric",
        "timedb.read_flat(start_valid => '2025-01-08 11:55Z', end_valid => '2025-01-08 12:01Z')",
    ),
    // Annotations, and the values of a variable.
    (
        "SELECT valid_time AS time, annotation AS text, array_to_string(tags, ',') AS tags FROM W WHERE RANGE AND annotation IS NOT NULL ORDER BY 1",
        "timedb.read_versions(OF_RANGE)",
    ),
    (
        "SELECT DISTINCT name FROM V ORDER BY 1",
        "timedb.read_last()",
    ),
    (
        "SELECT DISTINCT labels ->> 'site' AS __text, labels ->> 'site' AS __value FROM V WHERE name ~* 'S[1-5]' ORDER BY 1",
        "timedb.read_last()",
    ),
    // Metabase: questions by month, day, hour of day and week from Sunday on, with filters by instants and by days.
    (
        "SELECT DATE_TRUNC('month', V.\"valid_time\") AS \"valid_time\", AVG(V.\"value\") AS \"avg\" FROM V WHERE (V.\"valid_time\" >= timestamp with time zone '2025-01-08 00:00:00.000Z') AND (V.\"valid_time\" < timestamp with time zone '2025-01-09 00:00:00.000Z') GROUP BY DATE_TRUNC('month', V.\"valid_time\") ORDER BY DATE_TRUNC('month', V.\"valid_time\") ASC",
        "timedb.read_flat(OF_RANGE)",
    ),
    (
        "SELECT CAST(V.\"valid_time\" AS date) AS \"valid_time\", V.\"name\" AS \"name\", MAX(V.\"value\") AS \"max\" FROM V WHERE V.\"name\" = 's2' GROUP BY CAST(V.\"valid_time\" AS date), V.\"name\" ORDER BY CAST(V.\"valid_time\" AS date) ASC, V.\"name\" ASC",
        "timedb.read_flat(name => 's2')",
    ),
    (
        "SELECT COUNT(*) AS \"count\" FROM V WHERE CAST(V.\"valid_time\" AS date) BETWEEN date '2025-01-04' AND date '2025-01-12'",
        "timedb.read_flat(start_valid => '2025-01-04Z', end_valid => '2025-01-13Z')",
    ),
    (
        "SELECT CAST(extract(hour from V.\"valid_time\") AS integer) AS \"valid_time\", SUM(V.\"value\") AS \"sum\" FROM V WHERE RANGE GROUP BY CAST(extract(hour from V.\"valid_time\") AS integer) ORDER BY CAST(extract(hour from V.\"valid_time\") AS integer) ASC",
        "timedb.read_flat(OF_RANGE)",
    ),
    (
        "SELECT (DATE_TRUNC('week', (V.\"valid_time\" + INTERVAL '1 day')) + INTERVAL '-1 day') AS \"valid_time\", COUNT(*) AS \"count\" FROM V GROUP BY (DATE_TRUNC('week', (V.\"valid_time\" + INTERVAL '1 day')) + INTERVAL '-1 day') ORDER BY 1 ASC",
        "timedb.read_flat()",
    ),
    (
        "SELECT DATE_TRUNC('day', timezone('Europe/Berlin', V.\"valid_time\")) AS \"day\", STDDEV_POP(V.\"value\") > 100 AS \"stddev\" FROM V WHERE V.\"valid_time\" >= DATE_TRUNC('day', (NOW() + INTERVAL '-300 month')) AND V.\"valid_time\" < DATE_TRUNC('day', (NOW() + INTERVAL '1 day')) GROUP BY DATE_TRUNC('day', timezone('Europe/Berlin', V.\"valid_time\")) ORDER BY 1 ASC",
        "timedb.read_flat()",
    ),
    // Its look at the data: a sample of each column, the range, how many there are, and values for filters.
    (
        "SELECT COUNT(*), COUNT(\"substring3\"), COUNT(\"valid_time\") FROM (SELECT V.\"series_id\" AS \"series_id\", SUBSTRING(V.\"name\", 1, 1234) AS \"substring3\", V.\"valid_time\" AS \"valid_time\", V.\"value\" AS \"value\" FROM V LIMIT 10000) AS \"sample\"",
        "timedb.read_flat(name => 's1'), timedb.read_flat(name => 's2')",
    ),
    (
        "SELECT MIN(V.\"valid_time\") AS \"min\", MAX(V.\"valid_time\") AS \"max\" FROM V",
        "timedb.read_last(), timedb.read_last()",
    ),
    ("SELECT COUNT(*) AS \"count\" FROM V", "timedb.read_flat()"),
    (
        "SELECT V.\"name\" AS \"name\" FROM V GROUP BY V.\"name\" ORDER BY V.\"name\" ASC LIMIT 1000",
        "timedb.read_last()",
    ),
    // Superset: time grains, instants by TO_TIMESTAMP and as timestamps, its limit of rows, and a limit of series.
    (
        "SELECT DATE_TRUNC('hour', valid_time) AS __timestamp, AVG(value) AS \"AVG(value)\" FROM V WHERE valid_time >= TO_TIMESTAMP('2025-01-08 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND valid_time < TO_TIMESTAMP('2025-01-09 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') GROUP BY DATE_TRUNC('hour', valid_time) ORDER BY \"AVG(value)\" DESC LIMIT 50000",
        "timedb.read_flat(OF_RANGE)",
    ),
    (
        "SELECT DATE_TRUNC('day', valid_time) AS valid_time, name AS name, sum(value) AS sum_1, count(DISTINCT name) AS names FROM V WHERE valid_time >= '2025-01-08 00:00:00.000000'::timestamp AND valid_time < '2025-01-09 00:00:00.000000'::timestamp AND name IN ('s1', 's6') GROUP BY DATE_TRUNC('day', valid_time), name ORDER BY sum_1 DESC LIMIT 10000",
        "timedb.read_flat(name => 's1', OF_RANGE), timedb.read_flat(name => 's6', OF_RANGE)",
    ),
    (
        "SELECT DATE_TRUNC('minute', valid_time) AS __timestamp, name AS name, max(value) AS m FROM V JOIN (SELECT name AS name__, max(value) AS mme_inner__ FROM V WHERE valid_time >= TO_TIMESTAMP('2025-01-08 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND valid_time < TO_TIMESTAMP('2025-01-09 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') GROUP BY name ORDER BY mme_inner__ DESC LIMIT 2) AS anon_1 ON name = name__ WHERE valid_time >= TO_TIMESTAMP('2025-01-08 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND valid_time < TO_TIMESTAMP('2025-01-09 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') GROUP BY DATE_TRUNC('minute', valid_time), name ORDER BY m DESC LIMIT 50000",
        "timedb.read_flat(OF_RANGE), timedb.read_flat(OF_RANGE)",
    ),
    (
        "SELECT valid_time AS valid_time, name AS name, value AS value FROM V WHERE valid_time >= '2025-01-08 12:00:00.000000' ORDER BY valid_time DESC, name, value LIMIT 1000",
        "timedb.read_flat(start_valid => '2025-01-08Z')",
    ),
    (
        "SELECT DISTINCT name AS name FROM V LIMIT 1000",
        "timedb.read_last()",
    ),
    (
        "SELECT COUNT(*) AS rowcount FROM (SELECT name AS name, DATE_TRUNC('day', valid_time) AS d, COUNT(*) AS count FROM V GROUP BY name, DATE_TRUNC('day', valid_time)) AS rowcount_qry",
        "timedb.read_flat()",
    ),
];

/// As these programs connect: by a role that is bound to the user of tenant A.
async fn bound(db: &Db) -> Client {
    let admin = db.connect(Role::Admin).await;
    let bind = "SELECT timedb.bind_role($1, $2)";
    let role = db.role_name(Role::Bound);
    admin.query(bind, &[&role, &db.a().email]).await.unwrap();
    let client = db.connect(Role::Bound).await;
    run(&client, "SET TIME ZONE 'UTC'").await;
    client
}

#[tokio::test]
async fn statements_of_dashboards_answer_as_over_a_table_and_read_no_more_than_functions() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "SET TIME ZONE 'UTC'").await;
    fill_days(&client, 6, 16).await;
    run(
        &client,
        "SELECT timedb.update_values((
             SELECT jsonb_agg(jsonb_build_object('series_id', series_id, 'valid_time', timestamptz '2025-01-08 07:00Z', 'value', 3,
                                                 'annotation', 'checked', 'tags', jsonb_build_array('a', 'b')))
             FROM timedb.series WHERE name IN ('s1', 's2')))",
    )
    .await;
    copy(&client).await;
    let bound = bound(&db).await;
    for (statement, functions) in STATEMENTS {
        let of = |values: &str, versions: &str| {
            let statement = statement.replace("RANGE", RANGE);
            let statement = statement.replace("FROM V", &format!("FROM {values} AS v"));
            let statement = statement.replace("FROM W", &format!("FROM {versions}"));
            statement.replace("V.\"", "v.\"")
        };
        let expected = rows(&client, &of("all_values", "all_versions")).await;
        let statement = of("\"timedb\".\"values\"", "timedb.versions");
        assert!(!expected.is_empty(), "{statement}");
        let found = rows(&client, &statement).await;
        assert!(found == expected, "{statement}");
        let found = rows(&bound, &statement).await;
        assert!(found == expected, "as a bound role: {statement}");
        let read = segments(&client, &statement).await;
        let mut meant = 0;
        for function in functions.replace("OF_RANGE", OF_RANGE).split(", timedb.") {
            let function = function.trim_start_matches("timedb.");
            meant += segments(&client, &format!("SELECT * FROM timedb.{function}")).await;
        }
        // The edges of days, and looks beyond the end of a series, which are a segment each.
        assert!(
            read * 2 <= meant * 3 + 12,
            "{read} segments for {meant}: {statement}"
        );
    }
}

/// What they ask of the catalog; each has an answer that names a view.
const LOOKS: &[&str] = &[
    // Grafana's query builder.
    "SELECT CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '\"$user\"' THEN user ELSE trim(s[i]) END
         FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1), array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i,
              string_to_array(current_setting('search_path'), ',') s)
       THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS \"table\"
     FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog') ORDER BY 1",
    "SELECT quote_ident(table_name) AS \"table\" FROM information_schema.tables WHERE quote_ident(table_schema) = 'timedb' ORDER BY 1",
    // Metabase's sync.
    "SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' END AS type, d.description AS description, stat.n_live_tup AS estimated_row_count
     FROM pg_catalog.pg_class AS c INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
     LEFT JOIN pg_catalog.pg_description AS d ON c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
     LEFT JOIN pg_stat_user_tables AS stat ON n.nspname = stat.schemaname AND c.relname = stat.relname
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'f', 'm') AND n.nspname IN ('timedb', 'public')
     ORDER BY type ASC, schema ASC, name ASC",
    // Superset's, by SQLAlchemy.
    "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
     WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['v']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_namespace.nspname = 'timedb'",
];

#[tokio::test]
async fn dashboards_find_the_views_and_their_columns() {
    let db = Db::new().await;
    let client = bound(&db).await;
    for look in LOOKS {
        for view in ["values", "forecasts", "versions"] {
            let names = [
                view.to_owned(),
                format!("\"{view}\""),
                format!("timedb.{view}"),
                format!("timedb.\"{view}\""),
            ];
            let found = rows(&client, look).await;
            let names_it = |cell: &String| names.contains(cell);
            assert!(
                found.iter().flatten().flatten().any(names_it),
                "{view}: {look}"
            );
        }
    }
    let columns = columns(&client, "quote_ident(table_schema) = (parse_ident('timedb.\"values\"'))[1] AND quote_ident(table_name) = quote_ident((parse_ident('timedb.\"values\"'))[2])").await;
    for column in [
        "valid_time timestamp with time zone",
        "value double precision",
        "name text",
        "labels jsonb",
    ] {
        assert!(
            columns.iter().any(|found| found == column),
            "{column}: {columns:?}"
        );
    }
}

async fn columns(client: &Client, which: &str) -> Vec<String> {
    let look = format!(
        "SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE {which}"
    );
    let found = rows(client, &look).await;
    found.into_iter().flatten().flatten().collect()
}
