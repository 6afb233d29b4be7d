//! Runs attacks and judges them: no canary in anything that came back, the same answer for what A has
//! and for what nobody has, and every table and the catalog as before.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write;

use timedb_tests::{Recorded, Recorder, Role};
use tokio_postgres::Client;
use uuid::Uuid;

use super::attack::{Attack, Attacker};
use super::canaries::Probe;
use super::store::Store;
use super::transcript::{without_cursors, without_ids, without_typed};
use super::watch::fingerprint;

/// Attacks on one store.
pub struct Siege<'a> {
    store: &'a Store,
    recorders: HashMap<Attacker, Recorder>,
    watcher: Client,
    /// The tenant whose rows may change.
    spared: Option<Uuid>,
    before: Vec<String>,
    unchecked: Vec<String>,
    cases: usize,
    found: Vec<String>,
}

/// Prints how many cases ran in sieges that have ended, and fails if anything was found or too little was tried.
pub fn hold(ended: impl IntoIterator<Item = (usize, Vec<String>)>, what: &str, at_least: usize) {
    let (cases, found): (Vec<usize>, Vec<_>) = ended.into_iter().unzip();
    let (cases, found) = (cases.iter().sum::<usize>(), found.concat());
    // Not with println, which the test harness keeps to itself.
    drop(writeln!(
        std::io::stderr(),
        "attacks: {what}: {cases} cases, {} leaks",
        found.len()
    ));
    assert!(
        found.is_empty(),
        "{} of {cases} cases; the first ones:\n{}",
        found.len(),
        found[..found.len().min(12)].join("\n\n")
    );
    assert!(cases >= at_least, "{cases} cases, {at_least} were expected");
}

/// After so many cases the tables are looked at.
const CASES_BETWEEN_LOOKS: usize = 40;

impl<'a> Siege<'a> {
    /// Begins; nothing has changed yet. Whether tenant B's own rows may change is up to the test.
    pub async fn new(store: &'a Store, b_writes: bool) -> Self {
        let mut siege = Self {
            store,
            recorders: HashMap::new(),
            watcher: store.db.connect(Role::Superuser).await,
            spared: b_writes.then_some(store.db.b().tenant_id),
            before: Vec::new(),
            unchecked: Vec::new(),
            cases: 0,
            found: Vec::new(),
        };
        siege.before = fingerprint(&siege.watcher, siege.spared).await;
        siege
    }

    /// Attacks with this connection instead of the attacker's own.
    pub async fn connect(&mut self, attacker: Attacker, dsn: &str) {
        let recorder = Recorder::connect(dsn).await;
        self.recorders.insert(attacker, recorder);
    }

    /// Runs an attack, twice if it types something of A, and judges it. Returns the first answer.
    pub async fn run(&mut self, attacker: Attacker, attack: &Attack) -> Recorded {
        let case = format!("{attacker:?}: {}", attack.name);
        let probes: Vec<Probe> = attack
            .probes
            .iter()
            .chain(&self.store.probes)
            .cloned()
            .collect();
        let typed: Vec<&Probe> = probes
            .iter()
            .filter(|probe| {
                attack
                    .script
                    .iter()
                    .any(|line| line.contains(probe.placeholder))
            })
            .collect();
        let script = |value: fn(&Probe) -> &String| -> Vec<String> {
            let fill = |line: &String| {
                typed.iter().fold(line.clone(), |line, probe| {
                    line.replace(probe.placeholder, value(probe))
                })
            };
            attack.script.iter().map(fill).collect()
        };
        let mut scripts = vec![script(|probe| &probe.of_a)];
        if attack.compared && !typed.is_empty() {
            scripts.push(script(|probe| &probe.random));
        }
        let mut answers = self.play(attacker, &scripts, attack).await.into_iter();
        let of_a = answers.next().expect("an answer each");
        let heard = without_typed(&of_a.bytes, &typed, |probe| &probe.of_a);
        let canaries = self.store.canaries_in(&heard);
        if !canaries.is_empty() {
            self.found.push(format!(
                "LEAK {case}: {canaries:?} in {}",
                String::from_utf8_lossy(&heard[..heard.len().min(1500)])
            ));
        }
        if let Some(random) = answers.next() {
            let heard = without_cursors(&without_ids(&heard));
            let heard_of_nobody = without_typed(&random.bytes, &typed, |probe| &probe.random);
            let heard_of_nobody = without_cursors(&without_ids(&heard_of_nobody));
            if heard != heard_of_nobody || of_a.code != random.code {
                self.found.push(format!(
                    "DIFFERENCE {case}:\n--- what A has\n{}\n--- what nobody has\n{}",
                    String::from_utf8_lossy(&heard),
                    String::from_utf8_lossy(&heard_of_nobody)
                ));
            }
        }
        self.cases += 1;
        self.unchecked.push(case);
        if self.unchecked.len() >= CASES_BETWEEN_LOOKS {
            self.look().await;
        }
        of_a
    }

    /// Something that a test found out by itself.
    pub fn report(&mut self, problem: String) {
        self.found.push(problem);
    }

    /// Ends: how many cases ran, and everything that was found.
    pub async fn end(mut self) -> (usize, Vec<String>) {
        self.look().await;
        (self.cases, self.found)
    }

    /// Ends and holds.
    pub async fn hold(self, what: &str, at_least: usize) {
        hold([self.end().await], what, at_least);
    }

    /// Runs scripts one after the other, each in a transaction and a session that is as new.
    async fn play(
        &mut self,
        attacker: Attacker,
        scripts: &[Vec<String>],
        attack: &Attack,
    ) -> Vec<Recorded> {
        let uses_lair = |script: &&Vec<String>| script.iter().any(|line| line.contains("lair."));
        if scripts.len() > 1 && scripts.iter().any(|script| uses_lair(&script)) {
            // It is cleared after each of them.
            let mut answers = Vec::new();
            for script in scripts {
                let script = std::slice::from_ref(script);
                answers.extend(Box::pin(self.play(attacker, script, attack)).await);
            }
            return answers;
        }
        let store = self.store;
        let recorder = match self.recorders.entry(attacker) {
            Entry::Occupied(connected) => connected.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Recorder::connect(&store.db.dsn(attacker.role())).await)
            }
        };
        let ending = if attack.commits { "COMMIT" } else { "ROLLBACK" };
        let begins =
            |begin: &str, key: &str| vec![begin.to_owned(), format!("SELECT timedb.{key}")];
        let key = |tenant: &timedb_tests::Tenant| format!("authenticate('{}')", tenant.key);
        let beginning = match attacker {
            Attacker::User => begins("BEGIN", &key(store.db.b())),
            Attacker::TenantA => begins("BEGIN", &key(&store.a)),
            Attacker::Session => {
                let login = vec![format!("SELECT timedb.login('{}')", store.db.b().key)];
                if attack.commits {
                    login
                } else {
                    [login, vec!["BEGIN".to_owned()]].concat()
                }
            }
            _ => vec!["BEGIN".to_owned()],
        };
        // All at once: waiting for each answer takes longer than most of them.
        let mut lines = Vec::new();
        for script in scripts {
            let fresh = ["ROLLBACK", "RESET SESSION AUTHORIZATION", "DISCARD ALL"].into_iter();
            lines.extend(fresh.map(|line| (line, "")));
            lines.extend(beginning.iter().map(|line| (line.as_str(), "")));
            lines.extend(script.iter().map(|line| (line.as_str(), "\n")));
            lines.push((ending, ""));
        }
        let mut told = recorder.tell_all(lines).await.into_iter();
        let mut answers = Vec::new();
        for script in scripts {
            let mut next = || told.next().expect("an answer each");
            // What was left of another attack may be nothing, which is a warning.
            (0..3).for_each(|_| drop(next()));
            for line in &beginning {
                let begun = next();
                assert_eq!(begun.code, None, "{line}: {}", begun.text());
            }
            let mut recorded = Recorded::default();
            for _ in script {
                recorded.extend(next());
            }
            next();
            answers.push(recorded);
        }
        if scripts.iter().any(|script| uses_lair(&script)) {
            self.clear_lair().await;
        }
        answers
    }

    /// Drops what an attack left in the one schema that it may create in.
    async fn clear_lair(&self) {
        let clear = "DO $$
            DECLARE acl aclitem[]; grantees text;
            BEGIN
                SELECT string_agg(DISTINCT grantee::regrole::text, ', ') INTO grantees
                FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'lair' AND grantee <> nspowner;
                DROP SCHEMA lair CASCADE;
                CREATE SCHEMA lair;
                EXECUTE 'GRANT ALL ON SCHEMA lair TO ' || grantees;
            END $$";
        self.watcher.batch_execute(clear).await.unwrap();
    }

    async fn look(&mut self) {
        let now = fingerprint(&self.watcher, self.spared).await;
        let cases = std::mem::take(&mut self.unchecked);
        for (before, now) in self.before.iter().zip(&now) {
            if before != now {
                self.found
                    .push(format!("CHANGE {before} -> {now} by one of {cases:#?}"));
            }
        }
        assert_eq!(
            self.before.len(),
            now.len(),
            "a table came or went: {cases:#?}"
        );
        self.before = now;
    }
}
