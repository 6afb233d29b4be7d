//! The corpus of format v1: blobs that every later version reads, each with its row and what is in it as JSON. The files
//! are never written again; `cases` says what is in new ones, which
//! `cargo test -p timedb_segment --test corpus -- --ignored new_files_are_written` writes beside them.

mod allocations;
mod cases;
mod coverage;
mod damage;
mod json;
mod stored;

use std::path::PathBuf;

use serde_json::Value;
use stored::Stored;

/// A file of the corpus: its name, its row with its blob, and what is in it.
struct File {
    name: String,
    stored: Stored,
    contents: Value,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/v1")
}

fn files() -> Vec<File> {
    let mut files: Vec<File> = std::fs::read_dir(folder())
        .expect("the corpus is there")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            let blob = std::fs::read(path.with_extension("bin")).expect("each has its blob");
            let text = std::fs::read_to_string(&path).expect("text");
            let json: Value = serde_json::from_str(&text).expect("JSON");
            File {
                name: name.into_owned(),
                stored: Stored::of_json(&json["row"], blob),
                contents: json["contents"].clone(),
            }
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(files.len() >= 40, "{} files", files.len());
    files
}

#[test]
fn every_file_is_read_as_it_was_written() {
    for File {
        name,
        stored,
        contents,
    } in files()
    {
        let read = stored
            .read()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        // Not assert_eq: it would print thousands of points.
        assert!(read == contents, "{name} is not what it was");
        stored.check_parts(&name);
    }
}

#[test]
fn the_corpus_is_small() {
    let entries = std::fs::read_dir(folder()).expect("the corpus is there");
    let bytes: u64 = entries
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file"))
        .map(|file| file.len())
        .sum();
    assert!(bytes < 300_000, "{bytes} bytes");
}

#[test]
fn each_case_has_its_file() {
    let names: Vec<String> = files().into_iter().map(|file| file.name).collect();
    for case in cases::all() {
        assert!(names.contains(&case.name), "{} is not written", case.name);
    }
}

#[test]
#[ignore = "it writes files, of new cases only"]
fn new_files_are_written() {
    for case in cases::all() {
        let path = folder().join(format!("{}.json", case.name));
        if path.exists() {
            continue;
        }
        let json = serde_json::json!({"row": case.stored.row(), "contents": case.contents});
        std::fs::write(path.with_extension("bin"), case.stored.blob()).expect("writable");
        std::fs::write(path, format!("{json}\n")).expect("writable");
    }
}
