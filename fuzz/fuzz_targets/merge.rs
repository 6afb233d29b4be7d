//! Fuzzes `timedb_fuzz::merge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| timedb_fuzz::merge(data));
