//! What the soak found.

use crate::store::Store;
use crate::watch::Watch;

/// What is known when the soak is over.
pub struct Verdict {
    /// The server's log.
    pub log: String,
    /// What the log tells of crashes, leaks and panics.
    pub crashes: String,
    /// Whether tenant a's rows hash as they did before.
    pub rows_are_the_same: bool,
    /// Seeds after which a session of the pool was not tenant b's.
    pub blind: Vec<u64>,
    /// How often each function of timedb ran.
    pub calls: Vec<(String, i64)>,
    /// Points that tenant b has stored.
    pub written: i64,
    /// Fewer statements are too few.
    pub least: u64,
    /// The first and the last seed.
    pub seeds: (u64, u64),
}

impl Verdict {
    /// Prints it, and says whether all is well.
    pub fn print(&self, watch: &Watch, store: &Store) -> bool {
        println!(
            "seeds {} to {}: {}",
            self.seeds.0,
            self.seeds.1,
            watch.summary()
        );
        println!("tenant b has stored {} points", self.written);
        let calls = self
            .calls
            .iter()
            .map(|(name, times)| format!("{name} {times}"));
        println!("calls: {}", calls.collect::<Vec<_>>().join(", "));
        println!("SQLSTATEs: {}", watch.codes());
        for (_, example) in watch.internal() {
            println!("internal error: {example}");
        }
        let mut wrong = Vec::new();
        for alarm in watch.alarms() {
            wrong.push(format!("tenant a's canary came back: {alarm}"));
        }
        if !self.crashes.is_empty() {
            wrong.push(format!("the server's log: {}", self.crashes));
        }
        // An internal error that comes from Rust is one of ours.
        for (_, example) in watch.internal() {
            if example
                .lines()
                .next()
                .is_some_and(|line| line.contains(".rs "))
            {
                wrong.push(format!("an internal error of the extension: {example}"));
            }
        }
        let mut must = |holds: bool, problem: &str| {
            if !holds {
                wrong.push(problem.to_owned());
            }
        };
        must(!store.names_a(&self.log), "the server's log names tenant a");
        must(!store.was_restarted(), "the server went down");
        must(self.rows_are_the_same, "tenant a's rows have changed");
        must(watch.own() > 0, "no query saw a row of tenant b's");
        must(
            self.blind.is_empty(),
            &format!(
                "sessions were not tenant b's after the seeds {:?}",
                self.blind
            ),
        );
        must(
            watch.statements() >= self.least,
            &format!(
                "{} statements are too few, {} were expected",
                watch.statements(),
                self.least
            ),
        );
        must(
            watch.of_timedb() * 10 > watch.statements(),
            "too few statements name timedb",
        );
        for problem in &wrong {
            println!("WRONG: {problem}");
        }
        if wrong.is_empty() {
            println!("No row of the other tenant, no crash.");
        }
        wrong.is_empty()
    }
}
