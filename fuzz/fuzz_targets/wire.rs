//! Fuzzes `timedb_fuzz::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| timedb_fuzz::wire(data));
