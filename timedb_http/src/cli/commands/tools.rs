//! `timedb completions` and `timedb man`: both are made of the grammar, so they cannot say anything else.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

use super::shown::show_done;
use crate::cli::failure::Failure;
use crate::cli::grammar::{self, Completions, Manual};
use crate::cli::terminal::{print, unless_gone};

/// `timedb completions`
pub fn completions(arguments: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    let mut grammar = grammar::grammar();
    clap_complete::generate(arguments.shell, &mut grammar, "timedb", &mut script);
    unless_gone(print(&String::from_utf8_lossy(&script)))
}

/// `timedb man`
pub fn manual(arguments: &Manual) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let unwritable =
        |error: io::Error| Failure::new(format!("{} cannot be written: {error}", folder.display()));
    let pages = write_pages(folder).map_err(unwritable)?;
    show_done(
        arguments.json,
        &json!({"pages": pages}),
        &format!(
            "{} manual pages written to {}",
            pages.len(),
            folder.display()
        ),
    )
}

/// A page for the program and one for each command, such as `timedb-users-list.1`; returns their names.
fn write_pages(folder: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut grammar = grammar::grammar().disable_help_subcommand(true);
    grammar.build();
    let mut names = Vec::new();
    let mut commands = vec![grammar];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().cloned());
        let page = clap_mangen::Man::new(command);
        let name = page.get_filename();
        let mut text = Vec::new();
        page.render(&mut text)?;
        fs::write(folder.join(&name), text)?;
        names.push(name);
    }
    names.sort();
    Ok(names)
}
