//! What a person or a program reads: plain lines in a pipe, boxes and colours on a terminal, JSON on request, and
//! questions that are asked only where somebody can answer.

use std::env;
use std::io::{self, BufRead, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::failure::Failure;

/// Of a terminal that does not tell.
const USUAL_WIDTH: u16 = 80;

const GOOD: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Whether boxes and colour are wanted on stdout, or on stderr.
pub fn is_fancy(on_stderr: bool) -> bool {
    let is_terminal = if on_stderr {
        io::stderr().is_terminal()
    } else {
        io::stdout().is_terminal()
    };
    let unset = |name| env::var_os(name).is_none_or(|value| value.is_empty());
    is_terminal && unset("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether a terminal shows more than ASCII, by the locale as POSIX has it. Only terminals are asked about: in a pipe the
/// output is the same in every locale, because programs rely on it.
fn speaks_utf8(get: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &&str| get(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Writes to stdout. Unlike `print!` it reports a reader that has gone instead of panicking.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line to stderr; if even that fails there is nobody left to tell.
pub fn complain(line: &str) {
    let _nobody_listens = writeln!(io::stderr().lock(), "{line}");
}

/// Writes `ERROR: <failure>` to stderr.
pub fn report(failure: &Failure) {
    if failure.is_silent() {
        return;
    }
    let label = paint("ERROR:", BAD, is_fancy(true));
    let text = failure.to_string();
    let script = Script::of(io::stderr().is_terminal());
    let lines: Vec<String> = text.lines().map(|line| script.printable(line)).collect();
    complain(&format!("{label} {}", lines.join("\n")));
}

/// Asks on stderr and reads the answer; anything but yes is no, which it says on stdout. If nobody can answer, it is
/// an error instead of waiting forever.
pub fn confirm(question: &str, yes: bool, as_json: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(format!(
            "{question} There is no terminal to answer on. Pass -y to confirm"
        )));
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} Continue? [y/N]: ")?;
    err.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        writeln!(err)?;
    }
    let answer = answer.trim().to_ascii_lowercase();
    let is_yes = ["y", "yes"].contains(&answer.as_str());
    if !is_yes {
        unless_gone(match as_json {
            true => print_json(&serde_json::json!({"status": "aborted"})),
            false => print("Aborted.\n"),
        })?;
    }
    Ok(is_yes)
}

/// The result of a command on its way to stdout.
pub struct Output {
    text: String,
    fancy: bool,
    script: Script,
}

/// The characters that are shown as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Unicode,
    /// For a terminal whose locale has no more: signs and boxes are of ASCII, and other characters are shown by their
    /// numbers.
    Ascii,
}

impl Output {
    /// An empty output, fancy if stdout is a terminal.
    pub fn new() -> Self {
        let script = Script::of(io::stdout().is_terminal());
        Self::with_style(is_fancy(false), script)
    }

    fn with_style(fancy: bool, script: Script) -> Self {
        let text = String::new();
        Self {
            text,
            fancy,
            script,
        }
    }

    /// A plain line; also the only form for a secret, which has to be copyable.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(&self.script.printable(line));
        self.text.push('\n');
    }

    /// `✓ <line>`
    pub fn done(&mut self, line: &str) {
        self.styled(["✓", "OK"], line, GOOD);
    }

    /// `⚠ <line>`
    pub fn warning(&mut self, line: &str) {
        self.styled(["⚠", "!"], line, WARNING);
    }

    /// `✗ <line>`
    pub fn failed(&mut self, line: &str) {
        self.styled(["✗", "X"], line, BAD);
    }

    /// `signs` are the one in Unicode and the one in ASCII.
    fn styled(&mut self, [sign, ascii]: [&str; 2], line: &str, style: Style) {
        let sign = self.script.either(sign, ascii);
        let line = format!("{sign} {}", self.script.printable(line));
        self.text.push_str(&paint(&line, style, self.fancy));
        self.text.push('\n');
    }

    /// A headline with `name: value` lines, in a box on a terminal.
    pub fn card(&mut self, headline: &str, fields: &[(&str, &str)]) {
        if !self.fancy {
            self.line(headline);
            for (name, value) in fields {
                self.line(&format!("{name}: {value}"));
            }
            return;
        }
        let width = fields.iter().map(|(name, _)| name.len() + 1).max();
        let mut table = Table::new();
        table.load_style(match self.script {
            Script::Unicode => presets::UTF8_BORDERS_ONLY.with_rounded_corners(),
            Script::Ascii => presets::ASCII_BORDERS_ONLY_CONDENSED,
        });
        table.add_row([self.script.printable(headline)]);
        for (name, value) in fields {
            let label = format!("{name}:");
            let value = self.script.printable(value);
            table.add_row([format!("{label:<0$} {value}", width.unwrap_or(0))]);
        }
        self.text.push_str(&format!("{table}\n"));
    }

    /// A table with a title: aligned plain lines, or a box on a terminal. `rows` is asked for short
    /// forms (its argument) only if the full ones are too wide for the terminal.
    pub fn table(
        &mut self,
        title: &str,
        columns: &[&str],
        rows: impl Fn(bool) -> Vec<Vec<String>>,
    ) {
        self.line(title);
        if self.fancy {
            let mut table = grid(self.script, columns, rows(false));
            let needed = table.lines().next().map_or(0, |line| line.chars().count());
            // A terminal that does not know its width says 0, or nothing.
            let width = table.width().filter(|width| *width > 0);
            let width = width.unwrap_or(USUAL_WIDTH);
            if needed > width.into() {
                table = grid(self.script, columns, rows(true));
                table.set_width(width);
                table.set_content_arrangement(ContentArrangement::Dynamic);
            }
            self.text.push_str(&format!("{table}\n"));
            return;
        }
        let mut table = grid(self.script, columns, rows(false));
        table.load_style(presets::NOTHING);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            self.line(line.trim_end());
        }
    }

    /// A line of a drawing: characters with their colours.
    pub fn drawing<'a>(&mut self, cells: impl Iterator<Item = (&'a str, Option<AnsiColor>)>) {
        let mut line = String::new();
        for (symbol, colour) in cells {
            let symbol = match (self.script, symbol) {
                (Script::Ascii, "─") => "-",
                (Script::Ascii, "│") => "|",
                (Script::Ascii, symbol) if !symbol.is_ascii() => match symbol {
                    "•" => "*",
                    _ => "+",
                },
                (_, symbol) => symbol,
            };
            match colour.filter(|_| self.fancy && symbol != " ") {
                Some(colour) => line.push_str(&paint(symbol, colour.on_default(), true)),
                None => line.push_str(symbol),
            }
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Whether there are boxes and colours.
    pub fn is_fancy(&self) -> bool {
        self.fancy
    }

    /// Whether there is only ASCII.
    pub fn is_ascii(&self) -> bool {
        self.script == Script::Ascii
    }

    /// How many characters fit on a line.
    pub fn width(&self) -> u16 {
        // A terminal that does not know its width says 0, or nothing.
        let width = Table::new().width().filter(|width| *width > 0);
        width.filter(|_| self.fancy).unwrap_or(USUAL_WIDTH)
    }

    /// Sends it all to stdout at once.
    pub fn send(self) -> io::Result<()> {
        print(&self.text)
    }
}

/// A list that was sent, or not: a reader such as `head` may have seen enough.
pub fn unless_gone(printed: io::Result<()>) -> Result<(), Failure> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// An id for a table. The end of it when space is short, because ids made at about the same time
/// begin alike.
pub fn id(id: Uuid, short: bool) -> String {
    let text = id.to_string();
    if short {
        format!("…{}", &text[text.len() - 8..])
    } else {
        text
    }
}

/// Prints a value as one line of JSON.
pub fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(&json_line(&serde_json::to_string(value)?))
}

/// The same JSON, with control characters as numbers: they can occur only in strings.
fn json_line(json: &str) -> String {
    escaped(json, |c| format!("\\u{:04x}", u32::from(c))) + "\n"
}

fn grid(script: Script, columns: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(match script {
        Script::Unicode => presets::UTF8_FULL_CONDENSED.with_rounded_corners(),
        Script::Ascii => presets::ASCII_FULL_CONDENSED,
    });
    table.set_header(columns);
    for row in rows {
        table.add_row(row.iter().map(|cell| script.printable(cell)));
    }
    table
}

fn paint(text: &str, style: Style, fancy: bool) -> String {
    if fancy {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// Whether a terminal, or a viewer, would do more than show it: control it, begin a line, or change the
/// direction of the surrounding text.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Script {
    /// What the place that is written to shows: a pipe everything, a terminal what its locale says.
    fn of(is_terminal: bool) -> Self {
        match !is_terminal || speaks_utf8(|name| env::var(name).ok()) {
            true => Self::Unicode,
            false => Self::Ascii,
        }
    }

    fn either<'a>(self, unicode: &'a str, ascii: &'a str) -> &'a str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }

    /// Escapes what would be obeyed, so that stored text can neither drive a terminal nor fake a line, and what cannot
    /// be shown.
    fn printable(self, text: &str) -> String {
        let text = escaped(text, |c| c.escape_default().to_string());
        if self == Self::Unicode || text.is_ascii() {
            return text;
        }
        let shown = |c: char| match c {
            // Ours: the end of what has been shortened.
            '…' => "...".to_owned(),
            c if c.is_ascii() => c.to_string(),
            c => c.escape_default().to_string(),
        };
        text.chars().map(shown).collect()
    }
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> String {
    let safe = |c| match is_obeyed(c) {
        true => escape(c),
        false => c.to_string(),
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests;
