//! See `lakexpress::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lakexpress::fuzzing::run("delta", data));
