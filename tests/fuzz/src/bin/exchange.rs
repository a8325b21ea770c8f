//! libFuzzer's entry to the target `exchange`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| helius_fuzz::exchange::run(bytes));
