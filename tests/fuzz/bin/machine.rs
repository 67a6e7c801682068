//! `machine` under the fuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pump_fuzz::machine::run(bytes));
