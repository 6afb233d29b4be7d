//! The list of unsafe code in docs/security.md is that of the sources.

use std::collections::BTreeMap;
use std::path::Path;

use timedb_tests::Config;

/// The files below a folder that have the word in their code, and how often.
fn unsafe_words(folder: &Path, below: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            unsafe_words(&path, below, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            let code = text
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default());
            let words =
                code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
            let count = words.filter(|word| *word == "unsafe").count();
            if count > 0 {
                let name = path.strip_prefix(below).expect("it lies below").display();
                found.insert(name.to_string(), count);
            }
        }
    }
}

#[test]
fn every_file_with_unsafe_code_stands_in_the_list() {
    let root = &Config::get().root;
    let sources = root.join("timedb_ext/src");
    let mut found = BTreeMap::new();
    unsafe_words(&sources, &sources, &mut found);
    let page = std::fs::read_to_string(root.join("docs/security.md")).expect("the page is there");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let file = cells
            .next()?
            .strip_suffix('`')
            .filter(|file| file.ends_with(".rs"))?;
        Some((file.to_owned(), cells.next()?.trim().parse().ok()?))
    });
    let listed: BTreeMap<String, usize> = rows.collect();
    assert_eq!(listed, found);
    assert!(found.len() > 10);
}
