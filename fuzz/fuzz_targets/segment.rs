//! See `tests/support/fuzz/journal.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| passbook_tests::fuzz::journal::segment(bytes));
