//! Points and batches as JSON that other programs read too. A column of times is `{"start": first, "steps": [[step,
//! how many in a row], ...]}`, another one of which all entries are equal `{"all": entry}`. Doubles are texts: the
//! shortest decimals that are theirs.

use serde_json::{Value, json};
use timedb_segment::{Batch, BatchIds, NO_END, Points};

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn id(value: &Value) -> Option<[u8; 16]> {
    let text = value.as_str()?;
    let byte = |i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hexadecimal");
    Some(std::array::from_fn(byte))
}

fn times(n: usize, of: impl Fn(usize) -> i64) -> Value {
    let mut steps: Vec<(i64, usize)> = Vec::new();
    for i in 1..n {
        let step = of(i).wrapping_sub(of(i - 1));
        match steps.last_mut() {
            Some((last, count)) if *last == step => *count += 1,
            _ => steps.push((step, 1)),
        }
    }
    json!({"start": of(0), "steps": steps})
}

fn column(n: usize, of: impl Fn(usize) -> Value) -> Value {
    let each: Vec<Value> = (0..n).map(of).collect();
    match each.iter().all(|one| *one == each[0]) {
        true => json!({"all": each[0]}),
        false => Value::Array(each),
    }
}

/// The points of one series, with the ids of their batches.
pub fn points(points: &Points, tenant: [u8; 16]) -> Value {
    let n = points.len();
    let ids = BatchIds::of(tenant);
    let note = |i: usize| {
        points.note(i).map(|note| {
            json!({
                "annotation": note.annotation,
                "tags": note.tags,
                "metadata": note.metadata,
                "changed_by": note.changed_by.map(|id| hex(&id)),
            })
        })
    };
    let end = |i: usize| Some(points.end(i)).filter(|&end| end != NO_END);
    let value = |i: usize| (!points.is_null(i)).then(|| format!("{:?}", points.value[i]));
    json!({
        "valid_time": times(n, |i| points.valid_time[i]),
        "valid_time_end": column(n, |i| json!(end(i))),
        "value": column(n, |i| json!(value(i))),
        "known_time": times(n, |i| points.known_time.get(i)),
        "change_time": times(n, |i| points.change_time.get(i)),
        "batch": column(n, |i| json!(hex(&points.batch(i, &ids)))),
        "note": column(n, |i| json!(note(i))),
    })
}

/// What a write says about itself.
pub fn batch(batch: &Batch, tenant: [u8; 16]) -> Value {
    json!({
        "change_time": batch.change_time,
        "settled_time": batch.settled_time,
        "id": hex(&batch.id(&tenant)),
        "kind": batch.kind.name(),
        "user": batch.user.map(|id| hex(&id)),
        "workflow_id": batch.workflow_id,
        "batch_params": batch.batch_params,
        "known_time": batch.known_time,
        "start_time": batch.start_time,
        "finish_time": batch.finish_time,
        "points": batch.points,
        "skipped": batch.skipped,
        "valid": batch.valid,
        "series": batch.series.iter().map(|id| hex(id)).collect::<Vec<String>>(),
    })
}
