//! What texts that people see may contain: nothing that controls a terminal, changes the direction of text, or is
//! invisible. Texts that are already stored are not checked again.

use crate::error::{Error, Result};

/// Refuses what a name must not hold: control characters, line breaks, what changes the direction of text;
/// and a name of which nothing can be seen.
///
/// # Errors
/// 22023 naming the character.
pub fn check_name(text: &str, what: &str) -> Result<()> {
    refuse(text, what, |c| {
        c.is_control() || is_line_break(c) || turns_text(c) || is_direction_mark(c)
    })?;
    match text.chars().all(is_blank) {
        true => Err(Error::invalid(format!("{what} must not be blank"))
            .hint("Give it at least one visible character.")),
        false => Ok(()),
    }
}

/// Refuses what a description must not hold. It may have several lines, and be written from right to left.
///
/// # Errors
/// 22023 naming the character.
pub fn check_prose(text: &str, what: &str) -> Result<()> {
    refuse(text, what, |c| {
        c.is_control() && !matches!(c, '\t' | '\n' | '\r') || turns_text(c)
    })
}

fn refuse(text: &str, what: &str, unwanted: impl Fn(char) -> bool) -> Result<()> {
    let Some(c) = text.chars().find(|&c| unwanted(c)) else {
        return Ok(());
    };
    let kind = match c {
        '\0' => "a NUL character".to_owned(),
        c if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
        c if is_line_break(c) => format!("the line break U+{:04X}", u32::from(c)),
        c => format!(
            "U+{:04X}, which changes the direction of text",
            u32::from(c)
        ),
    };
    Err(Error::invalid(format!("{what} must not contain {kind}")))
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates: they reach beyond the text that contains them.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The marks that have a direction and no form.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
}

/// White space, and what has no form of its own: Unicode's Default_Ignorable_Code_Point, and the Braille
/// pattern without a dot.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}
