//! Fuzzes `timedb_fuzz::log_row`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| timedb_fuzz::log_row(data));
