//! The database under attack: tenant A, whose every value is a canary, and tenant B with data of the
//! same shape. What A owns is read from the tables, so a new table's values are canaries too.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use timedb_tests::{Db, Role, Tenant, compact, count, run};
use tokio_postgres::Client;

use super::canaries::{DAY, NUMBER, Probe, WORD, canaries, probes, values};

/// So many series that PostgreSQL keeps statistics of their names, and no more: a batch's list of them has to
/// stay a word that text search takes.
const SERIES: usize = 40;
/// With these the number of points, and the one that nobody has, is found in no time of day and in no cost of a plan.
const MORE_POINTS: usize = 131;

/// A database with tenants A and B, and a schema in which everybody may create.
pub struct Store {
    pub db: Db,
    pub a: Tenant,
    pub probes: Vec<Probe>,
    canaries: Vec<Vec<u8>>,
    finder: AhoCorasick,
}

/// A table or view of timedb.
#[derive(Clone, Debug)]
pub struct Relation {
    pub name: String,
    schema: String,
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
    pub is_view: bool,
}

impl Relation {
    /// Its name in SQL.
    pub fn sql(&self) -> String {
        format!("{}.\"{}\"", self.schema, self.name)
    }

    /// Whether its rows say whose they are.
    pub fn has_tenant(&self) -> bool {
        self.columns.iter().any(|(name, _)| name == "tenant_id")
    }
}

/// The uploads of one tenant, those that are folded and those that stay in the log. Values, days and texts come from
/// the arguments.
fn uploads(word: &str, number: f64, day: &str, series: usize) -> [String; 2] {
    let names = format!(
        r#"name => array_fill('{word}-name'::text, ARRAY[{series}]),
           labels => ARRAY(SELECT jsonb_build_object('{word}-label', '{word}-value-' || i)
                           FROM generate_series(1, {series}) AS i)"#
    );
    let about = format!(
        r#"workflow_id => '{word}-workflow', batch_start_time => '{day} 03:00Z', batch_finish_time => '{day} 04:00Z',
           batch_params => '{{"{word}-key": "{word}-setting"}}'"#
    );
    // The list of series is one that all of these writes have in common.
    let again = |hour: u8, request: &str| {
        format!(
            "SELECT timedb.upload('{{{day} 0{hour}:00Z}}', '{{{number}}}', {names}, series_index => '{{1}}',
                 known_time => '{day} 02:00Z', {about}{request})"
        )
    };
    let folded = format!(
        r#"SELECT timedb.upload(
               array_fill('{day} 00:00Z'::timestamptz, ARRAY[{series}]) ||
                   ARRAY(SELECT '{day} 01:00Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, {MORE_POINTS}) AS i),
               ARRAY(SELECT {number} + i FROM generate_series(0, {series} + {MORE_POINTS} - 1) AS i),
               {names}, unit => ARRAY['{word}-unit'], description => ARRAY['{word} description'],
               series_index => ARRAY(SELECT generate_series(1, {series})) || array_fill(1, ARRAY[{MORE_POINTS}]),
               known_time => '{day} 02:00Z', {about});
           {};
           SELECT timedb.upload('{{}}', '{{}}', '{{{word}-name}}', ARRAY['{{"{word}-label": "{word}-value-1"}}'::jsonb],
               series_index => '{{}}', idempotency_key => '{word}-request');
           SELECT timedb.create_series('{word}-empty');
           SELECT timedb.set_retention('{number} hours', series_id) FROM timedb.series WHERE name = '{word}-empty'"#,
        again(5, "")
    );
    let logged = [again(6, ""), again(7, ", batch_id => gen_random_uuid()")];
    [folded, logged.join(";")]
}

impl Store {
    /// Fills a fresh database.
    pub async fn new() -> Self {
        Self::of(Db::new().await).await
    }

    /// Fills this database, which is fresh.
    pub async fn of(db: Db) -> Self {
        let admin = db.connect(Role::Admin).await;
        let create = "SELECT * FROM timedb.create_user(timedb.create_tenant($1), $2)";
        let (name, email) = (format!("{WORD} tenant"), format!("{WORD}@{WORD}.example"));
        let row = admin.query_one(create, &[&name, &email]).await.unwrap();
        let a = Tenant {
            tenant_id: row.get("tenant_id"),
            user_id: row.get("user_id"),
            email,
            key: row.get("api_key"),
        };
        for (tenant, uploads) in [
            (&a, uploads(WORD, NUMBER, DAY, SERIES)),
            (
                db.b(),
                uploads("ostrich", 515_151.515_1, "2029-04-11", SERIES + 4),
            ),
        ] {
            let [folded, logged] = uploads;
            let client = db.login(tenant).await;
            run(&client, &folded).await;
            compact(&client).await;
            run(&client, &logged).await;
            let hold = "SELECT timedb.place_hold($1, $2)";
            let reason = format!("the case of {}", tenant.email);
            let hold = admin.query(hold, &[&tenant.tenant_id, &reason]).await;
            hold.unwrap();
        }
        let superuser = db.connect(Role::Superuser).await;
        // A's role is one that nobody connects as.
        let others = format!("of_a_{}", db.name);
        let bind = format!(
            "CREATE ROLE {others} LOGIN IN ROLE timedb_user;
             SELECT timedb.bind_role('{others}', '{}');
             SELECT timedb.bind_role('{}', '{}', access => 'read_write')",
            a.email,
            db.role_name(Role::Bound),
            db.b().email
        );
        run(&superuser, &bind).await;
        // As if it had been damaged and set aside.
        let damaged = "INSERT INTO timedb_internal.damaged_rows (tenant_id, damage_id, kind, set_aside_at, points, problem, original)
                       SELECT DISTINCT ON (s.tenant_id) s.tenant_id, 'segment/' || s.series_id, 'segment', now(), s.count,
                              'cannot read a segment of series ' || s.series_id, to_jsonb(s)
                       FROM timedb_internal.segments AS s ORDER BY s.tenant_id, s.series_id";
        run(&superuser, damaged).await;
        // As if keys had been used, on days that nobody else has.
        let used = "INSERT INTO timedb_internal.usage_days (tenant_id, key_id, day, requests, rows_in, rows_out)
                    SELECT u.tenant_id, u.key_id, CASE u.tenant_id WHEN $1 THEN date '2998-03-01' ELSE date '2998-07-01' END, 1, 1, 1
                    FROM timedb_internal.key_usage AS u";
        superuser.execute(used, &[&a.tenant_id]).await.unwrap();
        for relation in relations(&superuser).await {
            if relation.has_tenant() && !relation.is_view {
                let rows = format!(
                    "SELECT count(*) FROM {} WHERE tenant_id = $1",
                    relation.sql()
                );
                for tenant in [&a, db.b()] {
                    let rows = count(&superuser, &rows, &[&tenant.tenant_id]).await;
                    assert!(rows > 0, "{relation:?} has no row of {tenant:?}");
                }
            }
        }
        // Uses are noted once a minute, and a siege may take longer: none is due before these days.
        let used = "UPDATE timedb_internal.key_usage SET last_used_at = CASE tenant_id WHEN $1 THEN timestamptz '2999-03-01Z'
                    ELSE timestamptz '2999-07-01Z' END";
        superuser.execute(used, &[&a.tenant_id]).await.unwrap();
        make_lair(&db).await;
        superuser.batch_execute("VACUUM ANALYZE").await.unwrap();
        let canaries = canaries(&db, &a, db.b()).await;
        let finder = AhoCorasick::new(&canaries).unwrap();
        let probes = probes(&db, &a).await;
        Self {
            db,
            a,
            probes,
            canaries,
            finder,
        }
    }

    /// The canaries in an answer, each once.
    pub fn canaries_in(&self, answer: &[u8]) -> Vec<String> {
        let mut found: Vec<_> = self
            .finder
            .find_overlapping_iter(answer)
            .map(|found| {
                String::from_utf8_lossy(&self.canaries[found.pattern().as_usize()]).into_owned()
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// The schema's tables and views.
    pub async fn relations(&self) -> Vec<Relation> {
        relations(&self.db.connect(Role::Superuser).await).await
    }

    /// Those that tenants may read, by right of the catalog.
    pub async fn readable(&self) -> Vec<Relation> {
        let superuser = self.db.connect(Role::Superuser).await;
        let mut readable = Vec::new();
        for relation in relations(&superuser).await {
            let query = "SELECT has_table_privilege('timedb_user', $1, 'SELECT')";
            let row = superuser.query_one(query, &[&relation.sql()]).await;
            if row.unwrap().get(0) {
                readable.push(relation);
            }
        }
        assert!(readable.len() >= 6, "{readable:?}");
        readable
    }

    /// A's values of a column and random ones; nothing where A has none or the type has too few values.
    pub async fn column_probe(
        &self,
        relation: &Relation,
        column: &(String, String),
    ) -> Option<Probe> {
        let (name, kind) = column;
        let random = match kind.as_str() {
            "uuid" => "gen_random_uuid()::text",
            "text" | "jsonb" => "replace(v::text, 'kestrel', 'qxwvzjk')",
            "bytea" => {
                "('\\x' || left(repeat(encode(sha256(v), 'hex'), 1 + octet_length(v) / 32), 2 * octet_length(v)))"
            }
            "timestamp with time zone" => "(v + interval '777 days 5 hours')::text",
            "bigint" | "integer" | "smallint" | "double precision" => {
                "translate(v::text, '0123456789', '1212345678')"
            }
            _ => return None,
        };
        let [client, other] = if relation.is_view {
            [
                self.db.begin(&self.a).await,
                self.db.begin(self.db.b()).await,
            ]
        } else {
            let superuser = Role::Superuser;
            [
                self.db.connect(superuser).await,
                self.db.connect(superuser).await,
            ]
        };
        for client in [&client, &other] {
            run(client, "SET TIME ZONE 'UTC'").await;
        }
        let is_table = relation.has_tenant() && !relation.is_view;
        let of_b: Vec<String> = match (is_table, relation.is_view) {
            (true, _) => values(&other, relation, name, Some(self.db.b())).await,
            (_, true) => values(&other, relation, name, None).await,
            _ => BTreeSet::new(),
        }
        .into_iter()
        .collect();
        let whose = match is_table {
            true => format!("AND tenant_id = '{}'", self.a.tenant_id),
            false => String::new(),
        };
        let query = format!(
            "SELECT v::text, {random} FROM
                 (SELECT \"{name}\" AS v FROM {}
                  WHERE \"{name}\" IS NOT NULL AND \"{name}\"::text <> ALL ($1) {whose} ORDER BY 1 LIMIT 1) AS x",
            relation.sql()
        );
        let row = client.query_opt(&query, &[&of_b]).await;
        let row = row.unwrap_or_else(|error| panic!("{query}: {error:?}"))?;
        Some(Probe {
            placeholder: "{PROBE}",
            of_a: row.get(0),
            random: row.get(1),
        })
    }
}

/// Makes a schema in which everybody may create.
pub async fn make_lair(db: &Db) {
    let everybody = [
        Role::User,
        Role::Bound,
        Role::Session,
        Role::Nobody,
        Role::Owner,
        Role::Admin,
    ];
    let everybody = everybody.map(|role| db.role_name(role)).join(", ");
    let lair = format!("CREATE SCHEMA lair; GRANT ALL ON SCHEMA lair TO {everybody}");
    run(&db.connect(Role::Superuser).await, &lair).await;
}

/// The tables and views of the schema, whatever they are.
pub async fn relations(superuser: &Client) -> Vec<Relation> {
    let rows = superuser
        .query(
            "SELECT c.relname::text, c.relkind = 'v',
                    array_agg(a.attname::text ORDER BY a.attnum),
                    array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum), c.relnamespace::regnamespace::text
             FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
             GROUP BY c.oid ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    let relation = |row: &tokio_postgres::Row| Relation {
        name: row.get(0),
        is_view: row.get(1),
        schema: row.get(4),
        columns: row
            .get::<_, Vec<String>>(2)
            .into_iter()
            .zip(row.get::<_, Vec<String>>(3))
            .collect(),
    };
    rows.iter().map(relation).collect()
}
