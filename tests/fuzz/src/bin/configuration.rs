//! libFuzzer's entry to the target `configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| helius_fuzz::configuration::run(bytes));
