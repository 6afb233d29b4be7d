//! What lines, tables and cards look like on a pipe and on a terminal.

use super::*;

fn output(fancy: bool, fill: impl FnOnce(&mut Output)) -> String {
    let mut out = Output::with_style(fancy, Script::Unicode);
    fill(&mut out);
    out.text
}

#[test]
fn a_terminal_without_unicode_gets_ascii_only() {
    let mut out = Output::with_style(true, Script::Ascii);
    out.done("User 'é' activated");
    out.warning("w");
    out.failed("f");
    out.card("Créé", &[("ID", "…0001")]);
    out.table("Keys (1)", &["Key"], |_| vec![vec!["tdb_abc…".into()]]);
    assert!(out.text.is_ascii(), "{}", out.text);
    assert!(
        out.text.contains(r"OK User '\u{e9}' activated"),
        "{}",
        out.text
    );
    assert!(out.text.contains("| tdb_abc... |"), "{}", out.text);
    assert!(out.text.contains("| ID: ...0001"), "{}", out.text);
}

#[test]
fn the_locale_is_found_as_posix_says() {
    let speaks = |set: &[(&str, &str)]| {
        speaks_utf8(|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    assert!(speaks(&[("LANG", "de_DE.UTF-8")]));
    assert!(speaks(&[
        ("LC_ALL", ""),
        ("LC_CTYPE", "C.utf8"),
        ("LANG", "C")
    ]));
    assert!(!speaks(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
    assert!(!speaks(&[("LC_CTYPE", "POSIX"), ("LANG", "en_US.UTF-8")]));
    assert!(!speaks(&[]));
}

fn users(short: bool) -> Vec<Vec<String>> {
    let id = if short { "short" } else { "the-full-id" };
    vec![
        vec!["a@b.c".into(), id.into()],
        vec!["longer@b.c".into(), id.into()],
    ]
}

#[test]
fn plain_output_has_no_box_and_no_colour() {
    let text = output(false, |out| {
        out.done("User 'a' activated");
        out.card("Created!", &[("ID", "1"), ("Email", "a@b.c")]);
    });
    assert_eq!(
        text,
        "✓ User 'a' activated\nCreated!\nID: 1\nEmail: a@b.c\n"
    );
}

#[test]
fn plain_table_is_aligned_and_whole() {
    let text = output(false, |out| out.table("Users (2)", &["Email", "ID"], users));
    assert_eq!(
        text,
        "Users (2)\nEmail       ID\na@b.c       the-full-id\nlonger@b.c  the-full-id\n"
    );
}

#[test]
fn card_of_a_terminal_is_a_box_with_the_values_in_line() {
    let text = output(true, |out| {
        out.card("Created!", &[("ID", "1"), ("Email", "a@b.c")]);
    });
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with('╭') && lines[0].ends_with('╮'),
        "{text}"
    );
    assert!(lines[1].starts_with("│ Created! "), "{text}");
    assert!(lines[2].starts_with("│ ID:    1 "), "{text}");
    assert!(lines[3].starts_with("│ Email: a@b.c "), "{text}");
}

#[test]
fn line_is_plain_even_on_a_terminal() {
    let text = output(true, |out| out.line("API Key: tdb_x"));
    assert_eq!(text, "API Key: tdb_x\n");
}

#[test]
fn control_characters_are_shown_and_not_obeyed() {
    let text = output(false, |out| out.line("a\u{1b}[2Jb\nAPI Key: x"));
    assert_eq!(text, "a\\u{1b}[2Jb\\nAPI Key: x\n");
    let text = output(false, |out| out.line("a\u{9b}31m\u{202e}b\u{2028}\u{200f}"));
    assert_eq!(text, "a\\u{9b}31m\\u{202e}b\\u{2028}\\u{200f}\n");
    let json = serde_json::to_string("a\u{1b}\u{7f}\u{9b}\u{202e}é").unwrap();
    let line = json_line(&json);
    assert_eq!(line, "\"a\\u001b\\u007f\\u009b\\u202eé\"\n");
    assert_eq!(
        serde_json::from_str::<String>(&line).unwrap(),
        "a\u{1b}\u{7f}\u{9b}\u{202e}é"
    );
}

#[test]
fn ids_made_together_stay_different_when_shortened() {
    let shown = |end: &str| {
        let text = format!("01932c07-6f3e-7000-8000-0000{end}");
        id(text.parse().unwrap(), true)
    };
    assert_eq!(shown("0000000a"), "…0000000a");
    assert_ne!(shown("0000000a"), shown("0000000b"));
}
