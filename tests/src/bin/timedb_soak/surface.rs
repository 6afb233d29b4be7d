//! What sqlsmith gets to see besides the tables: functions and views through which it reaches what returns
//! sets, and values to call them with.

/// The role that soaks.
pub const ROLE: &str = "tenant_b";

/// sqlsmith calls no function that returns rows: these call them for it. Each exists many times, because
/// it picks by chance among PostgreSQL's thousands. They run as their caller.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "flat(name text, labels jsonb, a timestamptz, b timestamptz)",
        "double precision",
        "SELECT sum(value) FROM timedb.read_flat(NULL, flat.name, flat.labels, flat.a, flat.b)",
    ),
    (
        "flat_names(ids uuid[])",
        "text",
        "SELECT string_agg(name, ',') FROM timedb.read_flat(flat_names.ids)",
    ),
    (
        "overlapping(name text, a timestamptz, b timestamptz)",
        "bigint",
        "SELECT count(*) FROM timedb.read_overlapping(NULL, overlapping.name, NULL, NULL, NULL, overlapping.a, overlapping.b)",
    ),
    (
        "versions(ids uuid[], labels jsonb)",
        "timestamptz",
        "SELECT max(change_time) FROM timedb.read_versions(versions.ids, NULL, versions.labels)",
    ),
    (
        "packed(mode text, name text)",
        "bytea",
        "SELECT string_agg(c, '') FROM (SELECT timedb_internal._read_packed(packed.mode, NULL, packed.name) AS c) AS t",
    ),
    (
        "packed_flat(ids uuid[])",
        "bytea",
        "SELECT string_agg(c, '') FROM (SELECT timedb_internal._read_packed('flat', packed_flat.ids) AS c) AS t",
    ),
    (
        "chunks(ids uuid[])",
        "text",
        "SELECT string_agg(c.name, ',') FROM timedb_internal._read_chunks('versions', chunks.ids) AS c",
    ),
    (
        "rows(mode text, a timestamptz)",
        "bigint",
        "SELECT count(*) FROM timedb_internal._read_rows(rows.mode, start_valid => rows.a)",
    ),
    (
        "points(t timestamptz[], known timestamptz[], name text[], labels jsonb[], i integer[], age interval)",
        "double precision",
        "SELECT sum(value) FROM timedb.read_points(NULL, points.t, points.known, points.name, points.labels, points.i, max_age => points.age)",
    ),
    (
        "points_of(ids uuid[], t timestamptz[], ends timestamptz[], change timestamptz)",
        "bytea",
        "SELECT packed FROM timedb_internal._read_points_packed(points_of.ids, points_of.t, points_of.t, valid_time_end => points_of.ends, as_of_change => points_of.change)",
    ),
    (
        "changes(since timestamptz, name text, most integer)",
        "double precision",
        "SELECT sum(value) FROM timedb.read_changes(changes.since, NULL, NULL, changes.name, NULL, changes.most)",
    ),
    (
        "changes_behind(since timestamptz, ids uuid[])",
        "bytea",
        "SELECT packed FROM timedb_internal._read_changes_packed(NULL, timedb.changes_cursor(changes_behind.since), changes_behind.ids)",
    ),
    (
        "put(t timestamptz, v double precision, name text)",
        "uuid",
        "SELECT batch_id FROM timedb.upload(ARRAY[put.t], ARRAY[put.v], ARRAY['b ' || put.name])",
    ),
    (
        "put_many(t timestamptz[], v double precision[], name text[], labels jsonb[], i integer[])",
        "bigint",
        "SELECT points FROM timedb.upload(put_many.t, put_many.v, put_many.name, put_many.labels, series_index => put_many.i)",
    ),
    (
        "put_to(t timestamptz[], v double precision[], ids uuid[], ends timestamptz[], known timestamptz)",
        "uuid",
        "SELECT batch_id FROM timedb.upload(put_to.t, put_to.v, series_id => put_to.ids, valid_time_end => put_to.ends, known_time => put_to.known)",
    ),
    (
        "put_again(t timestamptz[], v double precision[], request text, batch uuid, skip boolean)",
        "boolean",
        "SELECT replayed FROM timedb.upload(put_again.t, put_again.v, '{again}', batch_id => put_again.batch, idempotency_key => put_again.request, skip_unchanged => put_again.skip)",
    ),
    (
        "put_packed(data bytea)",
        "bigint",
        "SELECT points FROM timedb_internal._upload_packed(put_packed.data)",
    ),
    (
        "correct(id uuid, t timestamptz, v double precision, remark text, note jsonb)",
        "jsonb",
        "SELECT timedb.update_values(pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('series_id', correct.id, 'valid_time', correct.t, 'value', correct.v, 'annotation', correct.remark, 'metadata', correct.note)))",
    ),
    (
        "make(name text, unit text, labels jsonb)",
        "uuid",
        "SELECT series_id FROM timedb.create_series(make.name, make.unit, make.labels)",
    ),
    (
        "find(name text, labels jsonb, n integer)",
        "text",
        "SELECT string_agg(s.name, ',') FROM timedb.find_series(NULL, find.name, find.labels, NULL, find.n) AS s",
    ),
    (
        "counted(words text, labels jsonb)",
        "bigint",
        "SELECT timedb.count_series(labels => counted.labels, search => counted.words)",
    ),
    (
        "label_list(label text, prefix text, n integer)",
        "text",
        "SELECT string_agg(v.value, ',') FROM timedb.label_values(label_list.label, label_list.prefix, label_list.n) AS v",
    ),
    (
        "described(ids uuid[])",
        "bigint",
        "SELECT sum(d.versions)::bigint FROM unnest(described.ids) AS i, timedb.describe_series(i) AS d",
    ),
    (
        "renamed(ids uuid[], name text, labels jsonb)",
        "boolean",
        "SELECT timedb.rename_series(renamed.ids[1], 'b ' || renamed.name, renamed.labels)",
    ),
    (
        "updated(ids uuid[], words text, unit text)",
        "boolean",
        "SELECT timedb.update_series(updated.ids[1], updated.words, updated.unit)",
    ),
    (
        "compacted(n bigint)",
        "boolean",
        "SELECT more FROM timedb.compact(compacted.n)",
    ),
];
const COPIES: usize = 6;

const VIEWS: [(&str, &str); 14] = [
    ("me", "SELECT * FROM timedb.whoami()"),
    (
        "packed",
        "SELECT timedb_internal._read_packed('versions') AS chunk",
    ),
    (
        "chunks",
        "SELECT * FROM timedb_internal._read_chunks('overlapping')",
    ),
    ("rows", "SELECT * FROM timedb_internal._read_rows('flat')"),
    ("flat", "SELECT * FROM timedb.read_flat()"),
    ("found", "SELECT * FROM timedb.find_series()"),
    ("labels", "SELECT * FROM timedb.label_names()"),
    ("written", "SELECT * FROM timedb.batches"),
    ("overlapping", "SELECT * FROM timedb.read_overlapping()"),
    ("versions", "SELECT * FROM timedb.read_versions()"),
    (
        "forecast",
        "SELECT * FROM timedb.forecasts WHERE valid_time > '2000-01-01' AND labels IS NOT NULL",
    ),
    ("versioned", "SELECT * FROM timedb.versions"),
    (
        "joined",
        "SELECT v.*, b.batch_params FROM timedb.values AS v CROSS JOIN timedb.batches AS b",
    ),
    (
        "per_series",
        "SELECT s.name AS series, r.* FROM timedb.series AS s, LATERAL timedb.read_flat(ARRAY[s.series_id]) AS r",
    ),
];

/// Something to call them with: sqlsmith has no constants of these types.
const SAMPLES: &str = "
    CREATE TABLE soak.samples AS
    SELECT ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 hour' FROM generate_series(1, n) AS i) AS times,
           ARRAY(SELECT (i * 1.5)::float8 FROM generate_series(1, n) AS i) AS numbers,
           ARRAY(SELECT 'b ' || i FROM generate_series(1, n) AS i) AS names,
           ARRAY(SELECT jsonb_build_object('i', i::text) FROM generate_series(1, n) AS i) AS label_list,
           ARRAY(SELECT i::integer FROM generate_series(1, n) AS i) AS places,
           ARRAY(SELECT s.series_id FROM timedb.series AS s LIMIT n) AS ids,
           timestamptz '2025-01-01Z' + n * interval '1 day' AS time, n::float8 AS number, 'b ' || n AS name,
           (ARRAY['flat', 'overlapping', 'versions', 'no mode'])[n % 4 + 1] AS mode, NULL::text AS nothing,
           jsonb_build_object('mark', n::text) AS labels, decode(repeat('01', n), 'hex') AS data
    FROM generate_series(0, 12) AS n;
    GRANT SELECT ON soak.samples TO tenant_b;";

/// Of PostgreSQL's own functions sqlsmith gets to know one in ten, and none whose arguments it cannot make
/// up: it looks for pg_proc on the search path. It cannot make up arguments of such operators either, and half
/// of its statements would fail for it; this database can do without them.
const FEWER_FUNCTIONS: &str = "
    CREATE SCHEMA fewer; GRANT USAGE ON SCHEMA fewer TO tenant_b;
    CREATE VIEW fewer.pg_proc AS SELECT * FROM pg_catalog.pg_proc AS p
        WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace, 'soak'::regnamespace)
           OR oid::bigint % 10 = 0 AND has_function_privilege('tenant_b', oid, 'EXECUTE')
              AND NOT EXISTS (SELECT FROM pg_type AS t WHERE t.typtype = 'p' AND t.oid IN (SELECT unnest(p.proargtypes)));
    GRANT SELECT ON fewer.pg_proc TO tenant_b;
    ALTER ROLE tenant_b SET search_path = fewer, pg_catalog;
    DELETE FROM pg_operator WHERE (oprleft::regtype::text || oprright::regtype::text) ~ 'any(range|multirange|enum)';";

/// The role, and what sqlsmith calls and reads. It may not log out: the rest of a session would be nobody's.
pub fn surface() -> String {
    let mut script = format!(
        "CREATE ROLE {ROLE} LOGIN IN ROLE timedb_session;
         REVOKE EXECUTE ON FUNCTION timedb.logout() FROM timedb_session;
         CREATE SCHEMA soak; GRANT USAGE ON SCHEMA soak TO {ROLE};"
    );
    for copy in 0..COPIES {
        for (signature, returns, body) in FUNCTIONS {
            let (name, arguments) = signature.split_once('(').expect("a signature");
            let body = body.replace(&format!("{name}."), &format!("{name}_{copy}."));
            script.push_str(&format!(
                "CREATE FUNCTION soak.{name}_{copy}({arguments} RETURNS {returns} LANGUAGE sql AS $body$ {body} $body$;\n"
            ));
        }
    }
    for (name, query) in VIEWS {
        script.push_str(&format!(
            "CREATE VIEW soak.{name} WITH (security_invoker = true) AS {query};
             GRANT SELECT ON soak.{name} TO {ROLE};\n"
        ));
    }
    script + SAMPLES + FEWER_FUNCTIONS
}
