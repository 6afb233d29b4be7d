//! The targets take what they begin with, and each has something. Without a fuzzer: this is a part of `make test`.

use std::path::Path;

#[test]
fn the_targets_take_their_seeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = timedb_fuzz::seeds(&root.join("../timedb_ext/crates/segment/tests/corpus/v1"));
    for (target, run) in timedb_fuzz::TARGETS {
        let own = seeds.iter().filter(|(of, ..)| *of == target);
        let mut taken = 0;
        for (_, _, data) in own {
            run(data);
            // And something near.
            for i in (0..data.len()).step_by(data.len() / 50 + 1) {
                let mut near = data.clone();
                near[i] ^= 1 << (i % 8);
                run(&near);
                run(&data[..i]);
            }
            taken += 1;
        }
        assert!(taken > 0, "{target}");
        let file = root.join(format!("fuzz_targets/{target}.rs"));
        assert!(file.exists(), "{}", file.display());
    }
}
