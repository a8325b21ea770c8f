//! libFuzzer's entry to the target `shared_data`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| helius_fuzz::shared_data::run(bytes));
