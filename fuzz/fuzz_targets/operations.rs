//! See `tests/support/fuzz/operations.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| passbook_tests::fuzz::operations::operations(bytes));
