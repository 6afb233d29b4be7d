//! What must not come back (every value that only tenant A has) and what an attacker may type to find
//! out about it.

use std::collections::BTreeSet;

use timedb_tests::{Db, Role, Tenant};
use tokio_postgres::Client;
use uuid::Uuid;

use super::store::{Relation, relations};

/// Stands in every text of A.
pub const WORD: &str = "kestrel";
/// A number and a day that only A has.
pub const NUMBER: f64 = 424_242.424_2;
pub const DAY: &str = "2031-07-13";
/// Something that an attacker may type: what A has, and a random one of the same length.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What stands for it in a script.
    pub placeholder: &'static str,
    /// A's value.
    pub of_a: String,
    /// Nobody's value.
    pub random: String,
}

/// Every value that stands in a row of A and in none of B, in tables and as A sees them in views, as text; ids and other
/// bytes also as they are and in hexadecimal; and what cannot be taken from a table as it is.
pub async fn canaries(db: &Db, a: &Tenant, b: &Tenant) -> Vec<Vec<u8>> {
    let mut canaries: Vec<Vec<u8>> = vec![WORD.into(), DAY.into(), a.key.clone().into()];
    canaries.push(format!("{NUMBER}").into());
    for bytes in [NUMBER.to_be_bytes(), NUMBER.to_le_bytes()] {
        canaries.push(bytes.to_vec());
        canaries.push(hex(&bytes).into());
    }
    let superuser = db.connect(Role::Superuser).await;
    let views = [db.begin(a).await, db.begin(b).await];
    for relation in relations(&superuser).await {
        if !relation.has_tenant() && !relation.is_view {
            continue;
        }
        for (column, kind) in &relation.columns {
            let [of_a, of_b] = if relation.is_view {
                [
                    values(&views[0], &relation, column, None).await,
                    values(&views[1], &relation, column, None).await,
                ]
            } else {
                [
                    values(&superuser, &relation, column, Some(a)).await,
                    values(&superuser, &relation, column, Some(b)).await,
                ]
            };
            // Shorter ones stand in many places by chance.
            for value in of_a.difference(&of_b).filter(|value| value.len() >= 8) {
                match kind.as_str() {
                    "uuid" => {
                        let id: Uuid = value.parse().unwrap();
                        canaries.push(id.as_bytes().to_vec());
                        canaries.push(id.simple().to_string().into());
                        canaries.push(value.clone().into());
                    }
                    "bytea" => {
                        let digits = value.strip_prefix("\\x").unwrap();
                        canaries.push(own_part(digits, &of_b).to_owned().into());
                    }
                    _ => canaries.push(value.clone().into()),
                }
            }
        }
    }
    canaries.sort();
    canaries.dedup();
    canaries
}

/// Digits of a blob: of the middle, since the beginning of a blob is the same for everybody, and so many that they are not
/// the same by chance where a format has its own bytes between times of one millisecond.
fn own_part<'a>(digits: &'a str, of_b: &BTreeSet<String>) -> &'a str {
    const DIGITS: usize = 32;
    let middle = digits.len() / 4 * 2;
    let places = (middle..digits.len()).chain(0..middle).step_by(2);
    let mut parts = places.filter_map(|at| digits.get(at..at + DIGITS));
    let is_own = |part: &&str| !of_b.iter().any(|other| other.contains(part));
    parts.find(is_own).unwrap_or(digits)
}

/// The values of a column as text: of a tenant in a table, or all that the client sees.
pub async fn values(
    client: &Client,
    relation: &Relation,
    column: &str,
    of: Option<&Tenant>,
) -> BTreeSet<String> {
    let whose = of.map_or(String::new(), |of| {
        format!("AND tenant_id = '{}'", of.tenant_id)
    });
    let query = format!(
        "SELECT DISTINCT \"{column}\"::text FROM {} WHERE \"{column}\" IS NOT NULL {whose}",
        relation.sql()
    );
    let rows = client.query(&query, &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an attacker may know or guess of A, for the arguments of functions.
pub async fn probes(db: &Db, a: &Tenant) -> Vec<Probe> {
    // The id of a batch that the client has not named stands in no table.
    let batch = "SELECT min(batch_id::text) FROM timedb.batches WHERE request_hash IS NULL";
    let batch = db.begin(a).await.query_one(batch, &[]).await.unwrap();
    let row = db
        .connect(Role::Superuser)
        .await
        .query_one(
            "SELECT min(s.series_id::text), min(r.batch_id::text), min(k.key_id::text),
                    min(encode(k.key_hash, 'hex')), min(k.key_prefix)
             FROM timedb.series AS s JOIN timedb.requests AS r USING (tenant_id)
             JOIN timedb_internal.api_keys AS k USING (tenant_id)
             WHERE tenant_id = $1 AND s.description IS NOT NULL AND r.idempotency_key IS NULL",
            &[&a.tenant_id],
        )
        .await
        .unwrap();
    let column = |at: usize| row.get::<_, String>(at);
    let id = || Uuid::new_v4().to_string();
    let other = |text: &str| text.replace(WORD, "qxwvzjk");
    let simple = |id: &str| id.replace('-', "");
    let (series, unknown) = (column(0), id());
    // One character is wrong, so that it is no key.
    let (head, tail) = a.key.split_at(20);
    let spoilt = format!(
        "{head}{}{}",
        if tail.starts_with('0') { '1' } else { '0' },
        &tail[1..]
    );
    let noise = |length: usize| {
        simple(&(id() + &id()))
            .chars()
            .take(length)
            .collect::<String>()
    };
    let nobodys = format!("tdb_{}", noise(spoilt.len() - 4));
    let text = |placeholder, text: &str| Probe {
        placeholder,
        of_a: text.to_owned(),
        random: other(text),
    };
    let pair = |placeholder, of_a: String, random: String| Probe {
        placeholder,
        of_a,
        random,
    };
    vec![
        pair("{TENANT}", a.tenant_id.to_string(), id()),
        pair("{USER}", a.user_id.to_string(), id()),
        pair("{SERIESHEX}", simple(&series), simple(&unknown)),
        pair("{SERIES}", series, unknown),
        pair("{BATCH}", batch.get(0), id()),
        pair("{CHOSEN}", column(1), id()),
        pair("{KEYID}", column(2), id()),
        pair("{KEYHASH}", column(3), noise(64)),
        pair("{PREFIX}", column(4), format!("tdb_{}", noise(8))),
        pair("{NOKEY}", spoilt, nobodys),
        text("{NAME}", "kestrel-name"),
        text("{EMPTY}", "kestrel-empty"),
        text("{LABELS}", r#"{"kestrel-label": "kestrel-value-1"}"#),
        text("{IN_ARRAY}", r#"{\"kestrel-label\": \"kestrel-value-1\"}"#),
        text("{LABEL}", "kestrel-label"),
        text("{UNIT}", "kestrel-unit"),
        text("{DESCRIPTION}", "kestrel description"),
        text("{WORKFLOW}", "kestrel-workflow"),
        text("{REQUEST}", "kestrel-request"),
        text("{PARAMS}", r#"{"kestrel-key": "kestrel-setting"}"#),
        text("{EMAIL}", &a.email),
        text("{COMPANY}", "kestrel tenant"),
        pair("{DAY}", DAY.to_owned(), "2037-02-17".to_owned()),
        pair("{NUMBER}", NUMBER.to_string(), "717171.7171".to_owned()),
    ]
}
