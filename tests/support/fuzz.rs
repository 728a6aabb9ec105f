//! Fuzz bodies: each takes any bytes and panics if something does not hold. `fuzz/` runs them under
//! cargo-fuzz; `tests/fuzz_corpus.rs` replays their corpora, and changes of them, on stable Rust.
//!
//! What is behind a checksum is hard to reach for a fuzzer. So the first byte of an input says what
//! is mended before it is read: [`mend`].

pub mod event;
pub mod files;
pub mod journal;
pub mod mend;
pub mod operations;
pub mod seeds;
pub mod specimen;
pub mod text;

/// A body and where its inputs come from.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of the program in `fuzz/` and of the folder below `fuzz/corpus/`.
    pub name: &'static str,
    /// The body.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "frame", run: journal::frame, seeds: seeds::frames },
    Target { name: "segment", run: journal::segment, seeds: seeds::segments },
    Target { name: "snapshot", run: files::snapshot, seeds: seeds::snapshots },
    Target { name: "manifest", run: files::manifest, seeds: seeds::manifests },
    Target { name: "watermark", run: files::watermark, seeds: seeds::watermarks },
    Target { name: "archive", run: files::archive, seeds: seeds::archives },
    Target { name: "event", run: event::event, seeds: seeds::events },
    Target { name: "syslog", run: text::syslog, seeds: seeds::logs },
    Target { name: "token", run: text::token, seeds: seeds::tokens },
    Target { name: "filter", run: text::filter, seeds: seeds::filters },
    Target { name: "operations", run: operations::operations, seeds: seeds::operations },
];
