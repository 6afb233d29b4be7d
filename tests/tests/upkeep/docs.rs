//! The documents say what is true: every command and statement in them runs, in order, against a
//! fresh database and server, and shows what it shows; links lead somewhere; the references are
//! complete. The rules for blocks stand in CONTRIBUTING.md.

mod block;
mod session;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use block::{Block, Kind, blocks};
use session::{Language, Session};
use timedb_tests::{Config, Db, Role, Server, cli, connect};
use timedb_wire::reads::{self, Argument};

/// Every document, as paths below the project's folder.
fn documents() -> Vec<String> {
    let root = &Config::get().root;
    let mut found = vec![];
    for folder in ["", "docs", "docs/decisions", "examples", "sql"] {
        let entries = std::fs::read_dir(root.join(folder)).expect("the folder can be listed");
        for entry in entries {
            let path = entry.expect("an entry of the folder").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let path = path.strip_prefix(root).expect("it is below the root");
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    for known in [
        "README.md",
        "docs/sql_api.md",
        "docs/administration.md",
        "docs/http_api.md",
        "docs/cli.md",
    ] {
        assert!(found.iter().any(|path| path == known), "{known} is missing");
    }
    found
}

fn read(document: &str) -> String {
    let path = Config::get().root.join(document);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The section of a document under the heading that starts with `heading`.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let start = text.find(&format!("\n{heading}"))? + 1;
    let level = heading.split(' ').next().unwrap_or_default();
    let end = text[start + 1..].find(&format!("\n{level} "));
    Some(end.map_or(&text[start..], |end| &text[start..start + 1 + end]))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_runs_and_shows_what_it_says() {
    let mut wrong = Vec::new();
    let mut ran = 0;
    for document in documents() {
        let blocks = blocks(&document, &read(&document));
        let runs = blocks
            .iter()
            .filter(|block| matches!(block.kind, Kind::Run(_)))
            .count();
        ran += runs;
        if runs > 0 {
            wrong.extend(run_document(&document, &blocks).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(
        ran > 40,
        "only {ran} blocks ran: are they still marked as they should be?"
    );
}

/// Documents whose statements and commands run as the role that `make run` prints: one that administers, and may
/// log in as a tenant.
const LESSER: [&str; 3] = ["README.md", "docs/cli.md", "docs/http_api.md"];

/// Runs the blocks of one document up to the first that is wrong, and says what is wrong with it.
async fn run_document(document: &str, blocks: &[Block]) -> Option<String> {
    let db = Db::new().await;
    let server = Server::start(&db);
    // What takes no superuser is shown without one.
    let dsn = if LESSER.contains(&document) {
        let login = format!("GRANT timedb_session TO {}", db.role_name(Role::Admin));
        let superuser = db.connect(Role::Superuser).await;
        superuser.batch_execute(&login).await.expect("a grant");
        db.dsn(Role::Admin)
    } else {
        db.dsn(Role::Superuser)
    };
    let config = Config::get();
    let folder = std::env::temp_dir().join(&db.name);
    std::fs::create_dir_all(&folder).expect("a folder for the blocks");
    let programs = [&config.binary, &config.python].map(|program| {
        program
            .parent()
            .expect("a program is in a folder")
            .display()
            .to_string()
    });
    let path = std::env::var("PATH").unwrap_or_default();
    let [binary, python] = programs;
    let variables = [
        ("TIMEDB_URL", server.url().to_owned()),
        ("TIMEDB_KEY", db.a().key.clone()),
        ("TIMEDB_DSN", dsn),
        (
            "PATH",
            format!("{binary}:{python}:{}:{path}", config.pg_bin.display()),
        ),
        ("no_proxy", "127.0.0.1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let mut sessions: HashMap<Language, Session> = HashMap::new();
    let mut output = String::new();
    let mut wrong = None;
    for block in blocks {
        let problem = match &block.kind {
            Kind::Shown => None,
            Kind::Output => block::difference(&block.text, &output),
            Kind::Run(language) => {
                let session = sessions
                    .entry(*language)
                    .or_insert_with(|| Session::start(*language, folder.clone(), &variables));
                let (shown, state) = session.run(&block.text);
                output = shown;
                let expected = block.fails.as_deref().unwrap_or("ok");
                (state != expected).then(|| format!("ended with: {state}\nexpected: {expected}"))
            }
        };
        if let Some(problem) = problem {
            wrong = Some(format!(
                "{document}:{}: {problem}\noutput:\n{output}\nserver:\n{}",
                block.line,
                server.log()
            ));
            break;
        }
    }
    drop(sessions);
    drop(std::fs::remove_dir_all(&folder));
    wrong
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = read(&document);
        let folder = Path::new(&document).parent().unwrap_or(Path::new(""));
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") {
                continue;
            }
            let file: PathBuf = if file.is_empty() {
                document.clone().into()
            } else {
                folder.join(file)
            };
            let full = Config::get().root.join(&file);
            let anchored = anchor.is_empty()
                || std::fs::read_to_string(&full).is_ok_and(|text| {
                    block::headings(&text)
                        .iter()
                        .any(|(_, found)| found == anchor)
                });
            if !full.exists() || !anchored {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// How pages about the code shorten paths.
const SHORTENED: [(&str, &str); 3] = [
    ("src/", "timedb_ext/src/"),
    ("crates/", "timedb_ext/crates/"),
    ("http/", "timedb_http/src/"),
];

#[test]
fn files_that_the_map_names_are_there() {
    for document in ["docs/architecture.md", "docs/how_to_add.md"] {
        let text = read(document);
        let prose = text.lines().filter(|line| !line.starts_with("```"));
        let named = prose.flat_map(|line| line.split('`').skip(1).step_by(2));
        let (mut found, mut last) = (0, Config::get().root.clone());
        for path in named {
            let full = SHORTENED
                .iter()
                .find_map(|(short, long)| Some(format!("{long}{}", path.strip_prefix(short)?)))
                .or_else(|| path.starts_with("sql/").then(|| path.to_owned()))
                .or_else(|| path.starts_with("tests/").then(|| path.to_owned()));
            if let Some(full) = full {
                last = Config::get().root.join(full);
                assert!(last.exists(), "{document}: {path}");
                found += 1;
            } else if path.ends_with(".rs") && !path.starts_with('*') {
                // Named after a path, and beside it or above it.
                let is_there = last.ancestors().any(|folder| folder.join(path).exists());
                assert!(is_there, "{document}: {path} after {}", last.display());
            }
        }
        assert!(found > 20, "{document} names {found} files");
    }
}

#[test]
fn contents_lists_are_complete_and_in_page_order() {
    for document in documents() {
        if Path::new(&document).parent() != Some(Path::new("docs")) {
            continue;
        }
        let text = read(&document);
        let before = text.split_once("\n## ").map_or("", |(before, _)| before);
        let listed: Vec<&str> = before
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("- [")?.split_once("](#"))
            .filter_map(|(_, anchor)| anchor.strip_suffix(')'))
            .collect();
        let mut headings = block::headings(&text);
        headings.retain(|(level, _)| (2..=3).contains(level));
        let headings: Vec<&str> = headings.iter().map(|(_, anchor)| &**anchor).collect();
        assert_eq!(listed, headings, "{document}: contents, headings");
        let distinct: HashSet<&&str> = headings.iter().collect();
        assert_eq!(
            distinct.len(),
            headings.len(),
            "{document}: a heading twice"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_reference_names_every_function_and_argument() {
    let db = Db::new().await;
    let client = connect(&db.dsn(Role::Superuser)).await;
    let functions = client
        .query(
            "SELECT proname::text, coalesce(proargnames, '{}')
             FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND proname !~ '^_'",
            &[],
        )
        .await
        .expect("the functions are listed");
    assert!(functions.len() > 15, "{} functions", functions.len());
    let text = read("docs/sql_api.md") + &read("docs/administration.md");
    for function in functions {
        let (name, arguments): (String, Vec<String>) = (function.get(0), function.get(1));
        let section = section(&text, &format!("### {name}("))
            .unwrap_or_else(|| panic!("neither reference has a section on {name}"));
        for argument in arguments {
            assert!(
                section.contains(&argument),
                "{name}: {argument} is not explained"
            );
        }
    }
}

/// What the tables of a section say of arguments: the names in the first column, each with the cell beside it.
fn arguments_told(section: &str) -> BTreeMap<&str, &str> {
    let mut told = BTreeMap::new();
    let mut is_of_arguments = false;
    for line in section.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if !line.starts_with('|') {
            is_of_arguments = false;
        } else if ["argument", "parameter"].contains(&cells[0]) {
            is_of_arguments = true;
        } else if is_of_arguments {
            // The odd pieces stand between backquotes.
            let names = cells[0].split('`').skip(1).step_by(2);
            told.extend(names.map(|name| (name, cells[1])));
        }
    }
    told
}

#[test]
fn references_tell_of_the_arguments_of_reads_that_there_are() {
    let sql = read("docs/sql_api.md");
    let told = arguments_told(section(&sql, "## Reading").expect("a section on reading"));
    let types: BTreeMap<&str, String> = reads::FILTERS
        .iter()
        .map(|argument| (argument.name(), format!("`{}`", argument.kind().sql_type())))
        .collect();
    let told: BTreeMap<&str, String> = told.into_iter().map(|(a, b)| (a, b.to_owned())).collect();
    assert_eq!(told, types);
    for function in reads::FUNCTIONS {
        let names: Vec<&str> = function.arguments.iter().map(|a| a.name()).collect();
        let heading = format!("\n### {}({})\n", function.name, names.join(", "));
        let is_public = !function.name.starts_with('_');
        assert_eq!(sql.contains(&heading), is_public, "{heading}");
    }

    let http = read("docs/http_api.md");
    let told = |heading: &str| {
        let section = section(&http, heading).unwrap_or_else(|| panic!("no section {heading}"));
        arguments_told(section).into_keys().collect::<BTreeSet<_>>()
    };
    let taken = |arguments: &[Argument]| {
        let names = arguments.iter().map(|argument| argument.parameter());
        names.collect::<BTreeSet<_>>()
    };
    let mut values = taken(reads::FILTERS);
    values.extend(taken(&reads::BUCKETS));
    values.extend([
        "mode",
        "all_versions",
        "include_updates",
        "include_knowledge_time",
    ]);
    let of_pages = ["limit", "cursor"];
    values.extend(of_pages);
    let mut last = taken(&reads::LAST);
    last.extend(of_pages);
    assert_eq!(told("## GET /values\n"), values);
    assert_eq!(told("## GET /values/last\n"), last);
    let mut changes = taken(&reads::CHANGES);
    changes.insert("wait");
    assert_eq!(told("## GET /changes\n"), changes);
}

#[test]
fn command_reference_names_every_command_and_flag() {
    let text = read("docs/cli.md");
    for command in [
        "create tables",
        "delete tables",
        "tenants list",
        "tenants create",
        "tenants delete",
        "users create",
        "users list",
        "users activate",
        "users deactivate",
        "users regenerate-key",
        "keys create",
        "keys list",
        "keys rotate",
        "keys revoke",
        "keys check",
        "roles bind",
        "roles unbind",
        "roles list",
        "series list",
        "series describe",
        "write",
        "read",
        "events",
        "stats",
        "compact",
        "doctor",
        "completions",
        "man",
        "export",
        "import",
        "api",
    ] {
        let section = section(&text, &format!("## timedb {command}"))
            .unwrap_or_else(|| panic!("docs/cli.md has no section on timedb {command}"));
        let help = cli(&command.split(' ').collect::<Vec<_>>())
            .args(["--help"])
            .ok();
        let common = self::section(&text, "## Options of every command").unwrap_or_default();
        let flags = help
            .split(|c: char| c.is_whitespace() || c == ',' || c == '=')
            .filter(|word| word.starts_with("--") && word.len() > 2)
            .map(|word| word.trim_end_matches(|c: char| !c.is_alphanumeric()));
        for flag in flags {
            assert!(
                section.contains(flag) || common.contains(flag),
                "timedb {command}: {flag} is not explained"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_reference_names_every_route() {
    let db = Db::new().await;
    let about = Server::start(&db).get("/", None).await.json();
    let endpoints = about["endpoints"]
        .as_object()
        .expect("the endpoints are listed");
    assert!(endpoints.len() >= 4, "{endpoints:?}");
    let text = read("docs/http_api.md");
    for endpoint in endpoints.values().filter_map(|text| text.as_str()) {
        let route: Vec<&str> = endpoint.split(' ').take(2).collect();
        let section = section(&text, &format!("## {}\n", route.join(" ")));
        assert!(section.is_some(), "{endpoint}");
    }
}
