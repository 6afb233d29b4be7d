//! Writes what the targets begin with: `seeds CORPUS FOLDER`. The rows of the corpus of the stored format become data of
//! the targets of blobs; uploads, chunks and cursors are made.

use std::fs;
use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, corpus, folder] = &arguments[..] else {
        panic!("usage: seeds CORPUS FOLDER");
    };
    for (target, name, data) in timedb_fuzz::seeds(Path::new(corpus)) {
        let folder = Path::new(folder).join(target);
        fs::create_dir_all(&folder).expect("the folder is writable");
        fs::write(folder.join(name), data).expect("the folder is writable");
    }
}
