//! See `tests/support/fuzz/event.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| passbook_tests::fuzz::event::event(bytes));
