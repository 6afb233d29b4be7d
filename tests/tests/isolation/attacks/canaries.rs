//! What must not come back (every value that only tenant A has) and what an attacker may type to find
//! out about it.

use timedb_tests::Tenant;
use tokio_postgres::Client;
use uuid::Uuid;

use super::store::relations;

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

/// Every value that stands in a row of A and in none of B, as text; ids and other bytes also as they are
/// and in hexadecimal; and what cannot be taken from a table as it is.
pub async fn canaries(superuser: &Client, a: &Tenant, b: &Tenant) -> Vec<Vec<u8>> {
    let mut canaries: Vec<Vec<u8>> = vec![WORD.into(), DAY.into(), a.key.clone().into()];
    canaries.push(format!("{NUMBER}").into());
    for bytes in [NUMBER.to_be_bytes(), NUMBER.to_le_bytes()] {
        canaries.push(bytes.to_vec());
        canaries.push(hex(&bytes).into());
    }
    for relation in relations(superuser).await {
        if !relation.has_tenant() || relation.is_view {
            continue;
        }
        for (column, kind) in &relation.columns {
            let values = format!(
                "SELECT \"{column}\"::text FROM {} WHERE \"{column}\" IS NOT NULL AND tenant_id = $1",
                relation.sql()
            );
            // Shorter texts stand in many places by chance.
            let query = format!(
                "SELECT v FROM ({values} EXCEPT {}) AS x (v) WHERE length(v) >= 8",
                values.replace("$1", "$2")
            );
            let of_a = superuser.query(&query, &[&a.tenant_id, &b.tenant_id]).await;
            for row in of_a.unwrap_or_else(|error| panic!("{query}: {error:?}")) {
                let value: String = row.get(0);
                match kind.as_str() {
                    "uuid" => {
                        let id: Uuid = value.parse().unwrap();
                        canaries.push(id.as_bytes().to_vec());
                        canaries.push(id.simple().to_string().into());
                        canaries.push(value.into());
                    }
                    "bytea" => {
                        // The middle: the beginning of a blob is the same for everybody.
                        let digits = value.strip_prefix("\\x").unwrap();
                        let middle = digits.len() / 4 * 2;
                        let end = digits.len().min(middle + 16);
                        canaries.push(digits.as_bytes()[middle..end].to_vec());
                    }
                    _ => canaries.push(value.into()),
                }
            }
        }
    }
    canaries
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an attacker may know or guess of A, for the arguments of functions.
pub async fn probes(superuser: &Client, a: &Tenant) -> Vec<Probe> {
    let row = superuser
        .query_one(
            "SELECT min(s.series_id::text), min(b.batch_id::text), min(k.key_id::text),
                    min(encode(k.key_hash, 'hex')), min(k.key_prefix)
             FROM timedb.series AS s JOIN timedb.batches AS b USING (tenant_id)
             JOIN timedb.api_keys AS k USING (tenant_id) WHERE tenant_id = $1 AND s.description IS NOT NULL",
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
        pair("{BATCH}", column(1), id()),
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
