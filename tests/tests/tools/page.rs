//! docs/tools.md prints what these tests run: each block that names a program is the beginning of that program.

use std::collections::BTreeMap;

use timedb_tests::Config;

use crate::folder;

/// Before a block of the page: which program it is of.
const BEFORE: &str = "<!-- not run: tests/tests/tools/";

/// What of a program is to be printed: the lines between two comments, without the indentation that they share.
fn printed(program: &str) -> Option<String> {
    let lines = program
        .lines()
        .skip_while(|line| !line.ends_with("docs/tools.md prints this."))
        .skip(1);
    let lines: Vec<&str> = lines
        .take_while(|line| !line.ends_with("The page ends."))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The blocks of the page by the programs that they name.
fn blocks(page: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some((name, _)) = line
            .strip_prefix(BEFORE)
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let block = lines
            .by_ref()
            .skip_while(|line| !line.starts_with("```"))
            .skip(1);
        let block: Vec<&str> = block.take_while(|line| *line != "```").collect();
        let before = found.insert(name.to_owned(), block.join("\n"));
        assert!(before.is_none(), "{name} is printed twice");
    }
    found
}

#[test]
fn page_prints_what_is_run() {
    let page = Config::get().root.join("docs/tools.md");
    let page = blocks(&std::fs::read_to_string(page).expect("docs/tools.md"));
    let mut programs = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).expect("the folder of the programs") {
        let entry = entry.expect("an entry of the folder");
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".rs") {
            let text = std::fs::read_to_string(entry.path()).expect("a program");
            programs.extend(printed(&text).map(|text| (name, text)));
        }
    }
    assert!(programs.len() >= 8, "{:?}", programs.keys());
    for (name, text) in &programs {
        let shown = page.get(name).map_or("nothing", String::as_str);
        assert_eq!(shown, text, "docs/tools.md shows another text of {name}");
    }
    let unknown: Vec<_> = page
        .keys()
        .filter(|name| !programs.contains_key(*name))
        .collect();
    assert!(unknown.is_empty(), "not run: {unknown:?}");
}
