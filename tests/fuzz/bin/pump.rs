//! `pump` under the fuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pump_fuzz::pump::run(bytes));
