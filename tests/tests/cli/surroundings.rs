//! What is around a command: shells that complete it, the manual, readers that leave, and locales.

use serde_json::Value;
use timedb_tests::{Config, Db, Role, Run, cli, python, upload};

/// Runs a line of bash in which `timedb` is the binary.
fn bash(line: &str) -> Run {
    let folder = Config::get().binary.parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    Run::new("bash")
        .args(["-c", line])
        .env("PATH", format!("{folder}:{path}"))
}

#[test]
fn bash_completes_commands_and_options() {
    let completed = |words: &str, at: usize| {
        let line = format!(
            "source <(timedb completions bash); COMP_WORDS=({words}); COMP_CWORD={at}; \
             _timedb timedb \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        bash(&line).ok()
    };
    assert_eq!(completed("timedb ten", 1), "tenants\n");
    assert_eq!(completed("timedb tenants cr", 2), "create\n");
    assert_eq!(completed("timedb series list --pre", 3), "--prefix\n");
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = cli(&["completions", shell]).ok();
        assert!(script.contains("regenerate-key"), "{shell}");
    }
    let unknown = cli(&["completions", "dos"]).run();
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("man1");
    let written = cli(&["man", &inner.display().to_string(), "--json"]).ok();
    let written: Value = serde_json::from_str(&written).unwrap();
    let pages: Vec<&str> = written["pages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|page| page.as_str().unwrap())
        .collect();
    for page in [
        "timedb.1",
        "timedb-users.1",
        "timedb-users-create.1",
        "timedb-series-describe.1",
        "timedb-doctor.1",
        "timedb-api.1",
    ] {
        assert!(pages.contains(&page), "{page}: {pages:?}");
    }
    for page in &pages {
        let text = std::fs::read_to_string(inner.join(page)).unwrap();
        assert!(text.contains(".TH "), "{page}: {text}");
        assert!(
            text.contains("Exit codes: 0") || !page.contains("-list"),
            "{page}: {text}"
        );
    }
    let nowhere = cli(&["man", "/dev/null/x"]).run();
    assert_eq!(
        (nowhere.code, nowhere.stdout.as_str()),
        (1, ""),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let db = Db::new().await;
    upload(&db.login(db.a()).await, "s", &[1.0; 50_000])
        .await
        .unwrap();
    let tenant = db.a().tenant_id;
    // A PostgreSQL with known faults is a problem to the doctor, with a reader or without.
    let doctor = cli(&["doctor", "--dsn", &db.dsn(Role::Admin)]).run();
    let doctors = doctor.code.to_string();
    for (line, first, code) in [
        ("timedb users list | (exec head -1)", "Users (2)", "0"),
        ("timedb tenants list | (exec head -1)", "Tenants (2)", "0"),
        ("timedb doctor | (exec head -c 3)", "✓", &doctors),
        (
            "timedb completions bash | (exec head -c 9)",
            "_timedb()",
            "0",
        ),
        ("timedb --help | (exec head -c 9)", "A multi-t", "0"),
        // It would have gone on, as `cat` would, and so it ends like that.
        (
            &format!("timedb export -t {tenant} | (exec head -c 9)"),
            "{\"record\"",
            "141",
        ),
    ] {
        let output = bash(&format!("{line}; echo \" ${{PIPESTATUS[0]}}\""))
            .env("TIMEDB_DSN", db.dsn(Role::Admin))
            .run();
        assert!(output.stdout.starts_with(first), "{line}: {output:?}");
        assert!(
            output.stdout.ends_with(&format!(" {code}\n")),
            "{line}: {output:?}"
        );
        let expected = if line.contains("doctor") {
            &doctor.stderr
        } else {
            ""
        };
        assert_eq!(output.stderr, expected, "{line}");
    }
}

#[tokio::test]
async fn in_a_pipe_the_output_is_the_same_in_every_locale() {
    let db = Db::new().await;
    for arguments in [&["users", "list"][..], &["doctor"], &["--help"]] {
        let shown = |locale: &str| {
            cli(arguments)
                .env("TIMEDB_DSN", db.dsn(Role::Admin))
                .env("LC_ALL", locale)
                .run()
                .stdout
        };
        assert_eq!(shown("C"), shown("C.UTF-8"), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_terminal_gets_what_its_locale_has_and_no_colour_if_it_says_so() {
    let db = Db::new().await;
    let shown = |locale: &str, no_colour: &str| {
        let program = "import os, pty, sys\n\
             sys.exit(os.waitstatus_to_exitcode(pty.spawn(['timedb', 'users', 'list'])))";
        let output = python(&["-c", program])
            .env("TIMEDB_DSN", db.dsn(Role::Admin))
            .env("TERM", "xterm")
            .env("LC_ALL", locale)
            .env("NO_COLOR", no_colour)
            .run();
        assert_eq!(output.code, 0, "{output:?}");
        output.stdout
    };
    let unicode = shown("C.UTF-8", "");
    assert!(
        unicode.contains('╭') && unicode.contains("Users (2)"),
        "{unicode}"
    );
    let ascii = shown("C", "");
    assert!(ascii.is_ascii() && ascii.contains("+--"), "{ascii}");
    let plain = shown("C.UTF-8", "1");
    assert!(!plain.contains('╭') && !plain.contains('\u{1b}'), "{plain}");
}
