//! Fuzzes `timedb_fuzz::segment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| timedb_fuzz::segment(data));
