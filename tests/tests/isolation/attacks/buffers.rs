//! What the counts of pages say that `EXPLAIN (ANALYZE, BUFFERS)` prints: where a value would stand among the pages, and how
//! large the store is, but not what A has. Whatever count A's value gives, values that nobody has give too; and no count
//! of B's changes when everything that A has is replaced by something else of the same size.

use std::collections::BTreeMap;
use std::io::Write;

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Recorded, Recorder, Role, run};
use uuid::Uuid;

use super::calls::calls;
use super::canaries::{Probe, WORD};
use super::recipes::Callers;
use super::rounds::WITHOUT_POLICY;
use super::store::Store;

const EXPLAIN: &str = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)";

/// A statement with placeholders, and what may stand there.
struct Statement {
    sql: String,
    probes: Vec<Probe>,
}

impl Statement {
    /// With A's values, or with others like them.
    fn fill(&self, random: Option<&mut Random>) -> String {
        let value = |probe: &Probe, random: &mut Random| alike(&probe.of_a, random);
        match random {
            None => self.probes.iter().fold(self.sql.clone(), |sql, probe| {
                sql.replace(probe.placeholder, &probe.of_a)
            }),
            Some(random) => self.probes.iter().fold(self.sql.clone(), |sql, probe| {
                sql.replace(probe.placeholder, &value(probe, random))
            }),
        }
    }
}

/// Something of the same form and length that nobody has, and that would stand where A's does: an id of the same
/// millisecond, a time of the same month or second.
fn alike(of_a: &str, random: &mut Random) -> String {
    loop {
        let other = anything_like(of_a, random);
        if other != of_a {
            return other;
        }
    }
}

fn anything_like(of_a: &str, random: &mut Random) -> String {
    const HEX: &[u8] = b"0123456789abcdef";
    let mut any = |from: &[u8]| char::from(random.pick(from));
    if of_a.contains(WORD) {
        let word: String = WORD
            .chars()
            .map(|_| any(b"abcdefghijklmnopqrstuvwxyz"))
            .collect();
        return of_a.replace(WORD, &word);
    }
    let is_id = Uuid::try_parse(of_a).is_ok();
    let is_time = of_a.as_bytes().get(4) == Some(&b'-');
    let is_hex = of_a.starts_with("\\x") || of_a.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = of_a.parse::<f64>().is_ok();
    // Where it begins to be another, and where it ends to.
    let (from, to, letters) = match of_a {
        _ if is_id && of_a.contains('-') => (19, of_a.len(), HEX),
        _ if is_id => (16, of_a.len(), HEX),
        _ if of_a.starts_with("tdb_") => (
            4,
            of_a.len(),
            b"0123456789abcdefghijklmnopqrstuvwxyz".as_slice(),
        ),
        _ if is_time => match of_a.split_once('.') {
            Some((seconds, fraction)) => (
                seconds.len() + 1,
                seconds.len()
                    + 1
                    + fraction
                        .find(['+', '"', '}', ')'])
                        .unwrap_or(fraction.len()),
                b"123456789".as_slice(),
            ),
            None => (9, 10, b"123456789".as_slice()),
        },
        _ if is_number => (
            of_a.len() - of_a.len().min(6),
            of_a.len(),
            b"123456789".as_slice(),
        ),
        _ if is_hex => (2, of_a.len(), HEX),
        _ => (0, of_a.len(), b"123456789".as_slice()),
    };
    let other = |(at, old): (usize, char)| {
        let changes = (from..to).contains(&at)
            && if is_number || is_time {
                old.is_ascii_digit()
            } else {
                letters.len() > 9 && old.is_ascii_alphanumeric() || old.is_ascii_digit()
            };
        if changes { any(letters) } else { old }
    };
    of_a.char_indices().map(other).collect()
}

/// The pages that each node of the plan has touched, whether PostgreSQL had them in memory or not, and those of the
/// planner. Empty after an error.
fn pages(answer: &Recorded) -> Vec<u64> {
    let text = answer.text();
    let lines = text.lines().filter_map(|line| line.split_once("Buffers: "));
    let number = |count: &str| {
        let (what, number) = count.split_once('=')?;
        let counts = ["hit", "read"].contains(&what);
        let digits = number.trim_end_matches(|end: char| !end.is_ascii_digit());
        counts.then(|| digits.parse::<u64>().expect("a count"))
    };
    let sum = |(_, counts): (&str, &str)| counts.split(' ').filter_map(number).sum();
    lines.map(sum).collect()
}

/// A row that B writes leaves a page to look at when it is rolled back: only A's value would meet it again.
const READ_ONLY: &str = "BEGIN READ ONLY";

/// What statements count, each in a transaction that is rolled back.
async fn counts(recorder: &mut Recorder, begin: &str, statements: &[String]) -> Vec<Vec<u64>> {
    let mut lines = Vec::new();
    for statement in statements {
        lines.extend([(begin, ""), (statement.as_str(), ""), ("ROLLBACK", "")]);
    }
    let told = recorder.tell_all(lines).await;
    told.chunks(3).map(|told| pages(&told[1])).collect()
}

/// Every column that a tenant may read compared with a value of A, and every function that a tenant may call, with what A
/// has in its arguments.
async fn statements(store: &Store) -> Vec<Statement> {
    let superuser = store.db.connect(Role::Superuser).await;
    let mut statements = Vec::new();
    for relation in store.readable().await {
        for column in &relation.columns {
            if let Some(probe) = store.column_probe(&relation, column).await {
                let (name, kind) = column;
                let sql = format!(
                    "{EXPLAIN} SELECT * FROM {} WHERE \"{name}\" = '{{PROBE}}'::{kind}",
                    relation.sql()
                );
                statements.push(Statement {
                    sql,
                    probes: vec![probe],
                });
            }
        }
    }
    for call in calls(&superuser).await {
        let may = matches!(call.callers, Callers::Everybody | Callers::Tenants);
        if !may || call.way != "in FROM" {
            continue;
        }
        let sql = format!("{EXPLAIN} {}", call.attack.script.concat());
        let probes = store.probes.iter();
        let probes = probes.filter(|probe| sql.contains(probe.placeholder));
        let probes = probes.cloned().collect();
        statements.push(Statement { sql, probes });
    }
    statements
}

/// How often a count is looked for among those of random values.
const ROUNDS: usize = 40;
const RANDOM_IN_A_ROUND: usize = 6;

/// What has been heard of A's values and of random ones.
#[derive(Default)]
struct Heard {
    statements: usize,
    /// The first count of A's value is not that of the first random one.
    differ: usize,
    /// The first two of random values differ.
    random_differ: usize,
    /// No random value gave the count that A's gives most often.
    found: Vec<String>,
}

async fn listen(store: &Store, statements: &[Statement]) -> Heard {
    let seed = new_seed();
    let mut random = Random::new(seed);
    let mut recorder = Recorder::connect(&store.db.dsn(Role::Bound)).await;
    // A sequential scan reads all pages, whatever the value.
    recorder.tell("SET enable_seqscan = off", "").await;
    let mut heard = Heard::default();
    for statement in statements
        .iter()
        .filter(|statement| !statement.probes.is_empty())
    {
        // The caches of the session.
        let warm = [statement.fill(Some(&mut random)), statement.fill(None)];
        counts(&mut recorder, READ_ONLY, &warm).await;
        let (mut of_a, mut of_others) = (BTreeMap::new(), BTreeMap::new());
        for round in 0..ROUNDS {
            let mut asked = vec![statement.fill(None)];
            asked.extend((0..RANDOM_IN_A_ROUND).map(|_| statement.fill(Some(&mut random))));
            let counted = counts(&mut recorder, READ_ONLY, &asked).await;
            if round == 0 {
                heard.statements += usize::from(!counted[0].is_empty());
                heard.differ += usize::from(counted[0] != counted[1]);
                heard.random_differ += usize::from(counted[1] != counted[2]);
            }
            let mut counted = counted.into_iter();
            let first = counted.next().expect("one each");
            *of_a.entry(first).or_insert(0) += 1;
            counted.for_each(|count| *of_others.entry(count).or_insert(0) += 1);
            if of_a.keys().all(|count| of_others.contains_key(count)) {
                break;
            }
        }
        let usual = of_a.iter().max_by_key(|(_, times)| **times);
        if usual.is_some_and(|(count, _)| !of_others.contains_key(count)) {
            let sql = &statement.sql;
            heard.found.push(format!(
                "{sql}: {of_a:?}, random: {of_others:?}, seed {seed}"
            ));
        }
    }
    heard
}

#[tokio::test]
async fn pages_are_counted_for_another_tenants_value_as_for_random_ones() {
    let store = Store::new().await;
    let heard = listen(&store, &statements(&store).await).await;
    tell(&format!(
        "{} statements count pages; A's value and a random one differ in {}, two random ones in {}",
        heard.statements, heard.differ, heard.random_differ
    ));
    assert_eq!(heard.found, Vec::<String>::new());
    assert!(heard.statements >= 250, "{}", heard.statements);
}

#[tokio::test]
async fn a_missing_policy_is_found_by_counts_of_pages() {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    run(&superuser, WITHOUT_POLICY).await;
    let mut statements = statements(&store).await;
    // By name, as B could if a key did not begin with the tenant.
    run(
        &superuser,
        "CREATE INDEX ON timedb.requests (batch_id); ANALYZE timedb.requests",
    )
    .await;
    statements.retain(|statement| statement.sql.contains("\"requests\" WHERE \"batch_id\""));
    for statement in &mut statements {
        statement.sql = statement.sql.replace("SELECT *", "SELECT count(*)");
    }
    let heard = listen(&store, &statements).await;
    assert_eq!(heard.found.len(), 1, "{:?}", heard.found);
}

/// Everything that A has becomes something else of the same length, or with `same` itself; and the tables are written
/// anew, so that nothing depends on where the rows stood. How many columns there are.
const REPLACE: &str = r#"DO $$
DECLARE c record; columns int := 0; other text;
BEGIN
    FOR c IN
        SELECT r.oid::regclass AS relation, a.attname, format_type(a.atttypid, NULL) AS kind
        FROM pg_class AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE r.relkind = 'r' AND r.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
          AND a.attgenerated = '' AND a.attname <> 'tenant_id'
          AND EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = r.oid AND t.attname = 'tenant_id')
        ORDER BY 1, 2
    LOOP
        other := CASE
            WHEN {same} THEN '%1$I'
            WHEN c.kind IN ('text', 'jsonb') THEN 'replace(%1$I::text, ''kestrel'', ''wyverns'')::%2$s'
            WHEN c.kind = 'timestamp with time zone' THEN '%1$I + interval ''777 days 5 hours'''
            WHEN c.kind = 'bytea' THEN 'decode(translate(encode(%1$I, ''hex''), ''0123456789abcdef'', ''123456789abcdef0''), ''hex'')'
            WHEN c.kind = 'uuid' THEN '(left(%1$I::text, 19) || translate(substr(%1$I::text, 20), ''0123456789abcdef'', ''123456789abcdef0''))::uuid'
            WHEN c.kind = 'double precision' THEN '%1$I + 1'
            ELSE '%1$I'
        END;
        BEGIN
            EXECUTE format('UPDATE %3$s SET %1$I = ' || other || ' WHERE tenant_id = ''{tenant}''', c.attname, c.kind, c.relation);
            columns := columns + (other <> '%1$I')::int;
        -- Some hold no other value.
        EXCEPTION WHEN check_violation OR data_exception THEN
            EXECUTE format('UPDATE %3$s SET %1$I = %1$I WHERE tenant_id = ''{tenant}''', c.attname, c.kind, c.relation);
        END;
    END LOOP;
    PERFORM set_config('my.columns', columns::text, false);
END $$"#;

async fn replace_what_a_has(store: &Store, same: bool) -> usize {
    let superuser = store.db.connect(Role::Superuser).await;
    let replace = REPLACE
        .replace("{same}", &same.to_string())
        .replace("{tenant}", &store.a.tenant_id.to_string());
    run(&superuser, &replace).await;
    let columns = superuser
        .query_one("SELECT current_setting('my.columns')", &[])
        .await;
    run(&superuser, "VACUUM (FULL, ANALYZE)").await;
    let columns: String = columns.unwrap().get(0);
    columns.parse().unwrap()
}

/// What each of them counts for B the third time.
async fn counts_of_b(store: &Store, statements: &[Statement]) -> Vec<Vec<u64>> {
    let mut recorder = Recorder::connect(&store.db.dsn(Role::Bound)).await;
    let mut all = Vec::new();
    for statement in statements {
        let asked = [(); 3].map(|()| statement.fill(None));
        let mut counted = counts(&mut recorder, "BEGIN", &asked).await;
        all.push(counted.pop().expect("one each"));
    }
    all
}

fn differences(one: &[Vec<u64>], two: &[Vec<u64>]) -> usize {
    one.iter().zip(two).filter(|(one, two)| one != two).count()
}

/// A statement that counts other pages each time that something of A is replaced, and the same when everything is written
/// anew as it was, is found. What writes counts other pages now and then.
const REPLACEMENTS: usize = 4;

#[tokio::test]
async fn what_another_tenant_has_changes_no_count_of_pages() {
    let store = Store::new().await;
    let mut statements = statements(&store).await;
    replace_what_a_has(&store, true).await;
    let mut counted = counts_of_b(&store, &statements).await;
    let pages_counted = counted.iter().filter(|pages| !pages.is_empty()).count();
    assert!(pages_counted >= 250, "{pages_counted}");
    for replacement in 1..=REPLACEMENTS {
        replace_what_a_has(&store, true).await;
        let again = counts_of_b(&store, &statements).await;
        let columns = replace_what_a_has(&store, false).await;
        assert!(columns >= 60, "{columns}");
        let after = counts_of_b(&store, &statements).await;
        tell(&format!(
            "{pages_counted} statements; {} of {} count others after {columns} columns of A were replaced, {} when they were not",
            differences(&again, &after),
            statements.len(),
            differences(&counted, &again)
        ));
        let mut suspicious =
            (0..statements.len()).map(|at| again[at] != after[at] && counted[at] == again[at]);
        statements.retain(|_| suspicious.next() == Some(true));
        if statements.is_empty() {
            break;
        }
        assert!(replacement < REPLACEMENTS, "{}", statements[0].sql);
        counted = counts_of_b(&store, &statements).await;
    }
}

#[tokio::test]
async fn how_much_another_tenant_has_is_told_by_counts_of_pages() {
    let store = Store::new().await;
    let statements = statements(&store).await;
    let before = counts_of_b(&store, &statements).await;
    let of_a = store.db.login(&store.a).await;
    let more = "SELECT timedb.create_series('kestrel ' || i) FROM generate_series(1, 1000) AS i";
    run(&of_a, more).await;
    let after = counts_of_b(&store, &statements).await;
    assert!(differences(&before, &after) > 0);
}

/// Not with println, which the test harness keeps to itself.
fn tell(what: &str) {
    drop(writeln!(std::io::stderr(), "attacks: pages: {what}"));
}
