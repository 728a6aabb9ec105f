//! One batch, and whole segments: what the product recovers is what the second decoder reads.

use std::{path::Path, sync::Arc};

use passbook::journal::{OpenError, VerifyOptions, salvage, sim::SimVfs, verify};

use super::{
    mend,
    specimen::{SEGMENT_LEN, open, path, plain, segment_path},
};
use crate::{decoder, rig::FOLDER};

const MENDS: u8 = 1;
const KEEPS_WATERMARK: u8 = 2;
const LOOKS_CLOSER: u8 = 4;

/// Bytes behind the header of a ledger's only segment.
pub fn frame(bytes: &[u8]) {
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let vfs = plain();
    let file = vfs.read_all(&segment_path()).expect("the specimen has it");
    let head = file.get(..8_192).expect("it is longer");
    let mut file: Vec<u8> = head.iter().chain(bytes).copied().take(SEGMENT_LEN).collect();
    file.resize(SEGMENT_LEN, 0);
    if flags & MENDS != 0 {
        mend::batches(&mut file);
    }
    vfs.put(&segment_path(), &file);
    check(&vfs, &file, *flags);
}

/// A ledger's only segment, as it lies there.
pub fn segment(bytes: &[u8]) {
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let vfs = plain();
    let mut file = bytes.get(..65_536).unwrap_or(bytes).to_vec();
    if flags & MENDS != 0 {
        mend::segment(&mut file);
    }
    vfs.put(&segment_path(), &file);
    check(&vfs, &file, *flags);
}

/// What the product makes of a ledger with that segment, and whether the decoder agrees.
fn check(vfs: &SimVfs, file: &[u8], flags: u8) {
    if flags & KEEPS_WATERMARK == 0 {
        vfs.put(&path("WATERMARK"), &[0; 8_192]);
    }
    let second = decoder::segment::segment(file);
    if flags & LOOKS_CLOSER != 0 {
        look_closer(vfs);
    }
    match open(vfs) {
        Ok((journal, recovery, records)) => {
            let second = second.expect("the product takes the segment's header");
            let read: Vec<_> = second.records().cloned().collect();
            assert_eq!(records, read, "what is recovered, and what verifies");
            if recovery.dropped.is_none() {
                assert_eq!(second.flaw, None, "nothing was dropped");
            }
            drop(journal);
            let (_journal, again, records) = open(&vfs.fork()).expect("it opened before");
            assert_eq!((records, again.dropped), (read, None), "a second opening changes nothing");
        }
        Err(OpenError::Corrupt(_) | OpenError::Ambiguous(_)) => {
            if flags & KEEPS_WATERMARK == 0
                && let Ok(second) = second
            {
                let is_ours = (second.header.number, second.header.first) == (1, 1);
                assert!(second.flaw.is_some() || !is_ours || !follows_nothing(&second.header));
            }
        }
        Err(OpenError::NewerFormat { .. } | OpenError::ForeignJournal { .. }) => {}
        Err(error) => panic!("not an answer to bytes: {error:?}"),
    }
}

/// The first segment has nothing before it.
fn follows_nothing(header: &decoder::segment::Header) -> bool {
    header.chain == [0; 32] && header.previous_end == 0 && header.time_ms == 0
}

fn look_closer(vfs: &SimVfs) {
    let disk = || Arc::new(vfs.fork());
    let report = verify(Path::new(FOLDER), disk(), &VerifyOptions::default());
    let kept = salvage(Path::new(FOLDER), disk(), &mut |_record| Ok(()));
    if let (Ok(report), Ok(kept)) = (report, kept) {
        assert!(
            kept.kept >= report.records,
            "salvaging finds what verifies: {report:#?} {kept:#?}"
        );
    }
}
