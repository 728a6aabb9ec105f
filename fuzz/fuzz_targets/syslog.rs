//! See `tests/support/fuzz/text.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| passbook_tests::fuzz::text::syslog(bytes));
