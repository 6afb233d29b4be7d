//! What is printed: the machine as comment lines, then `metric, ours, baseline, ratio`, and how many
//! runs become one number.

use std::fs;
use std::io::Write;

use tokio_postgres::Client;

use crate::Result;

/// Prints the machine, the server and its settings.
///
/// # Errors
/// When the database does not answer.
pub async fn print_machine(client: &Client, runs: usize, seconds: u64) -> Result<()> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kilobytes = field(&memory, "MemTotal").replace(" kB", "");
    let gigabytes = kilobytes.parse().unwrap_or(0.0) / 1_048_576.0;
    let row = client
        .query_one(
            "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), split_part(version(), ' on ', 1),
                    timedb.version(),
                    (SELECT string_agg(format('%s %s', s, current_setting(s)), ', ' ORDER BY s)
                     FROM unnest('{fsync, synchronous_commit, full_page_writes, shared_buffers, max_wal_size}'::text[]) AS s)",
            &[],
        )
        .await?;
    let text = |column: usize| row.get::<_, String>(column);
    say(&format!("# date: {} UTC", text(0)));
    say(&format!(
        "# machine: {cores} cores of {}, {gigabytes:.0} GiB, Linux {}, load at the start {}",
        field(&cpu, "model name"),
        kernel.trim(),
        load.split(' ').next().unwrap_or("unknown")
    ));
    say(&format!("# server: {}, timedb {}", text(1), text(2)));
    say(&format!("# settings: {}", text(3)));
    say(&format!(
        "# medians of {runs} runs, ours and the baseline in turn; small reads {seconds} s a run"
    ));
    say("# ratio: above 1, ours is better");
    say("# metric\tours\tbaseline\tratio");
    Ok(())
}

/// A line where more is better, such as rows per second.
pub fn more(metric: &str, ours: f64, baseline: f64) {
    line(metric, ours, baseline, ours / baseline);
}

/// A line where less is better, such as bytes or milliseconds.
pub fn less(metric: &str, ours: f64, baseline: f64) {
    line(metric, ours, baseline, baseline / ours);
}

/// Says on stderr what is going on.
pub fn progress(what: &str) {
    eprintln!("    {what}");
}

fn line(metric: &str, ours: f64, baseline: f64, ratio: f64) {
    let (ours, baseline, ratio) = (short(ours), short(baseline), short(ratio));
    say(&format!("{metric}\t{ours}\t{baseline}\t{ratio}"));
}

fn say(line: &str) {
    // The output may be a pipe: each line is there as soon as it is known.
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Four digits that say something.
fn short(number: f64) -> String {
    let decimals = match number.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    format!("{number:.decimals$}")
}

fn field<'a>(file: &'a str, name: &str) -> &'a str {
    let value = file.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    });
    value.unwrap_or("unknown")
}

/// The value at a share of the sorted numbers, 0.5 being the median.
pub fn percentile(numbers: &mut [f64], share: f64) -> f64 {
    if numbers.is_empty() {
        return f64::NAN;
    }
    numbers.sort_by(f64::total_cmp);
    let position = (numbers.len() - 1) as f64 * share;
    let (low, part) = (position.floor() as usize, position.fract());
    let high = (low + 1).min(numbers.len() - 1);
    numbers[low] + (numbers[high] - numbers[low]) * part
}

/// The median of each contender's numbers; `rounds` has one row per run.
pub fn medians<const N: usize>(rounds: &[[f64; N]]) -> [f64; N] {
    std::array::from_fn(|i| {
        let mut column: Vec<f64> = rounds.iter().map(|round| round[i]).collect();
        percentile(&mut column, 0.5)
    })
}
