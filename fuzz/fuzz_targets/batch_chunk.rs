//! Fuzzes `timedb_fuzz::batch_chunk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| timedb_fuzz::batch_chunk(data));
