//! See `tests/support/fuzz/files.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| passbook_tests::fuzz::files::archive(bytes));
