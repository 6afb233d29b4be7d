//! The fenced blocks of a document: which run, which show an output, and how an output is compared.

use super::session::Language;

/// What a block is for.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// A command or statement.
    Run(Language),
    /// What the block before it prints.
    Output,
    /// Only shown.
    Shown,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// The line that it starts on.
    pub line: usize,
    pub kind: Kind,
    /// The SQLSTATE that it must end with.
    pub fails: Option<String>,
    pub text: String,
}

/// The blocks of a document, in order. The comment before a block says what is special about it:
/// `not run: why`, `output`, `fails: SQLSTATE`.
///
/// # Panics
/// When a block doesn't say what it is written in, or a comment says nothing known.
pub fn blocks(name: &str, document: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut comment = "";
    let mut lines = document.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim_end();
        let Some(info) = line.strip_prefix("```") else {
            if !line.is_empty() {
                comment = line
                    .strip_prefix("<!-- ")
                    .and_then(|rest| rest.strip_suffix(" -->"))
                    .unwrap_or_default();
            }
            continue;
        };
        let text: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim_end() != "```")
            .collect();
        let language = match info {
            "bash" => Some(Language::Bash),
            "sql" => Some(Language::Sql),
            "python" => Some(Language::Python),
            "text" | "json" | "rust" | "toml" | "yaml" | "nginx" | "mermaid" | "java" => None,
            other => panic!("{name}:{}: a block of {other:?}", number + 1),
        };
        let kind = match (comment, language) {
            ("output", None) => Kind::Output,
            (text, _) if text.starts_with("not run: ") => Kind::Shown,
            (_, Some(language)) => Kind::Run(language),
            (_, None) => Kind::Shown,
        };
        let fails = comment.strip_prefix("fails: ").map(str::to_owned);
        found.push(Block {
            line: number + 1,
            kind,
            fails,
            text: text.join("\n"),
        });
        comment = "";
    }
    found
}

/// Where the expected and the actual output differ. `...` in a line stands for anything in it, a
/// line `...` for any number of lines; blank lines and spaces at the ends don't count.
pub fn difference(expected: &str, actual: &str) -> Option<String> {
    let lines = |text: &str| -> Vec<String> {
        let kept = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty());
        kept.map(str::to_owned).collect()
    };
    let (expected, actual) = (lines(expected), lines(actual));
    (!lines_match(&expected, &actual)).then(|| format!("expected output:\n{}", expected.join("\n")))
}

fn lines_match(expected: &[String], actual: &[String]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((line, rest)) if line.trim() == "..." => {
            (0..=actual.len()).any(|skipped| lines_match(rest, &actual[skipped..]))
        }
        Some((line, rest)) => actual
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others)),
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let Some((head, tail)) = pattern.split_once("...") else {
        return pattern == line;
    };
    line.strip_prefix(head).is_some_and(|rest| {
        rest.char_indices()
            .map(|(at, _)| at)
            .chain([rest.len()])
            .any(|at| line_matches(tail, &rest[at..]))
    })
}

/// The level of each heading of a document, and the name by which it can be linked to.
pub fn headings(document: &str) -> Vec<(usize, String)> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in document.lines() {
        in_block ^= line.starts_with("```");
        let level = line.chars().take_while(|&c| c == '#').count();
        if in_block || level == 0 {
            continue;
        }
        let title = line[level..].trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        found.push((level, anchor));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stand_for_anything() {
        assert_eq!(difference("a ... c\n...\nz", "a b c\n1\n2\n\nz  \n"), None);
        assert!(difference("a", " a").is_some());
        assert!(difference("a\nb", "a").is_some());
        assert!(difference("a ... c", "a b d").is_some());
    }

    #[test]
    fn comments_in_blocks_are_no_headings() {
        let found = headings("# A page\n```bash\n# not this\n```\n## read_flat(name, `unit`)\n");
        let expected = [(1, "a-page"), (2, "read_flatname-unit")];
        assert_eq!(
            found,
            expected.map(|(level, anchor)| (level, anchor.to_owned()))
        );
    }

    #[test]
    fn comment_before_a_block_says_what_is_special() {
        let found = blocks(
            "a.md",
            "<!-- not run: why -->\n```bash\nx\n```\n\n```sql\ny\n```\n<!-- output -->\n\n```text\nz\n```\n",
        );
        let kinds: Vec<_> = found.iter().map(|block| &block.kind).collect();
        assert_eq!(
            kinds,
            [&Kind::Shown, &Kind::Run(Language::Sql), &Kind::Output]
        );
    }
}
