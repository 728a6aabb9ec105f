//! Snapshots, manifests, watermarks and archives in a ledger whose other files are good.

use std::{path::Path, sync::Arc, sync::OnceLock};

use passbook::journal::{
    FileJournal, Journal as _, VerifyOptions, sim::SimVfs, verify as verify_journal,
};

use super::{
    mend,
    specimen::{compacted, newest, open, path, plain, rig, snapped},
};
use crate::{
    decoder::{self, bytes::count},
    rig::FOLDER,
};

const MENDS: u8 = 1;
const BUILDS: u8 = 2;
const FILE_LEN_MAX: usize = 1 << 18;

/// A snapshot is never needed here: whatever is in its place, the ledger opens with its state.
pub fn snapshot(bytes: &[u8]) {
    static STATE: OnceLock<[u8; 32]> = OnceLock::new();
    let state = STATE.get_or_init(|| rig(snapped()).expect("it opens").ledger.fingerprint());
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let vfs = snapped();
    let place = newest(&vfs, "snap", "snap");
    let mut file = bytes.get(..FILE_LEN_MAX).unwrap_or(bytes).to_vec();
    if flags & BUILDS != 0 {
        let good = vfs.read_all(&place).expect("the specimen has it");
        file = build_snapshot(&good, &file);
    } else if flags & MENDS != 0 {
        mend::snapshot(&mut file);
    }
    vfs.put(&place, &file);
    let opened = rig(vfs).expect("the journal has all records");
    assert_eq!(&opened.ledger.fingerprint(), state);
    let second = decoder::snapshot::snapshot(&file);
    let sequence = place.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
    let sequence = sequence.expect("that is how they are named");
    let sections = sections(&opened.journal, sequence);
    match (sections, second) {
        (Some(sections), Ok(second)) => assert_eq!(sections, second.sections),
        (Some(_), Err(flaw)) => panic!("the journal reads it, the second decoder: {flaw}"),
        // It may be of another store or of another record.
        (None, _) => {}
    }
}

fn sections(journal: &FileJournal, sequence: u64) -> Option<Vec<Vec<u8>>> {
    let source = journal.open_snapshot(sequence).ok()?;
    (0..source.info().sections).map(|index| source.section(index).ok()).collect()
}

/// A snapshot with the header of a good one and sections of any bytes: each two bytes of a length,
/// and what follows.
pub fn build_snapshot(good: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut sections = Vec::new();
    let mut rest = bytes;
    while let Some((len, behind)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)).min(behind.len());
        let (section, behind) = behind.split_at_checked(len).unwrap_or_default();
        sections.push(section);
        rest = behind;
    }
    let mut file = good.get(..4_096).unwrap_or_default().to_vec();
    let mut table = Vec::new();
    for section in &sections {
        let stored = zstd::bulk::compress(section, 1).expect("memory takes it");
        table.extend(count(file.len()).to_le_bytes());
        for len in [stored.len(), section.len(), 0, 0] {
            table.extend(u32::try_from(len).expect("short").to_le_bytes());
        }
        file.extend(stored);
    }
    let table_at = count(file.len());
    let file_len = table_at + count(table.len()) + 4;
    mend::put(&mut file, 136, &u32::try_from(sections.len()).expect("few").to_le_bytes());
    mend::put(&mut file, 144, &table_at.to_le_bytes());
    mend::put(&mut file, 152, &file_len.to_le_bytes());
    file.extend(table);
    file.extend([0; 4]);
    mend::snapshot(&mut file);
    file
}

/// A manifest: if the ledger opens with it, the decoder takes it too, and the state is the same.
pub fn manifest(bytes: &[u8]) {
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let vfs = compacted();
    let mut file = bytes.get(..FILE_LEN_MAX).unwrap_or(bytes).to_vec();
    if flags & MENDS != 0 {
        mend::head(&mut file, 512);
    }
    vfs.put(&path("MANIFEST"), &file);
    let opened = rig(vfs.fork());
    let second = decoder::small::manifest(&file);
    if opened.is_ok() {
        second.expect("the ledger opens with it");
    }
    verify(&vfs);
}

/// A watermark takes nothing away: the ledger opens with all its records, or it is refused because
/// the watermark says that there were more.
pub fn watermark(bytes: &[u8]) {
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let vfs = plain();
    let mut file = bytes.get(..FILE_LEN_MAX).unwrap_or(bytes).to_vec();
    if flags & MENDS != 0 {
        for block in file.chunks_mut(4_096) {
            mend::head(block, 512);
        }
    }
    vfs.put(&path("WATERMARK"), &file);
    let second = decoder::small::watermark(&file);
    match open(&vfs) {
        Ok((_journal, _, records)) => assert_eq!(records.len(), 4, "all that there were"),
        Err(error) => {
            let mark = second.unwrap_or_else(|| panic!("{error:?} without a watermark"));
            let segment = vfs.read_all(&super::specimen::segment_path()).expect("there");
            let store = decoder::segment::segment(&segment).expect("good").header.store;
            let claims_more = mark.durable > 4 || mark.place.0 != 1 || mark.place.1 > 16_384;
            assert!(claims_more || mark.store != store, "{mark:?}: {error:?}");
        }
    }
}

/// An archive in place of a good one: if it verifies, it is what the decoder reads.
pub fn archive(bytes: &[u8]) {
    let Some((flags, bytes)) = bytes.split_first() else { return };
    let vfs = compacted();
    let place = newest(&vfs, "archive", "arc");
    let mut file = bytes.get(..FILE_LEN_MAX).unwrap_or(bytes).to_vec();
    if flags & MENDS != 0 {
        mend::archive(&mut file);
    }
    vfs.put(&place, &file);
    let second = decoder::archive::archive(&file);
    if verify(&vfs)
        && let Err(flaw) = &second
    {
        panic!("the archive verifies, the second decoder: {flaw}");
    }
    let Ok((journal, ..)) = open(&vfs) else { return };
    let first = journal.extent().kept_first;
    let kept = journal.read_kept(first).map(|kept| kept.filter_map(Result::ok).count());
    let posted =
        journal.posted(&[b"user1", b""]).map(|posted| posted.filter_map(Result::ok).count());
    if let (Ok(kept), Ok(posted)) = (kept, posted) {
        assert!(posted <= kept.max(posted), "both were read to their end");
    }
}

/// Whether a verification of the whole finds nothing.
fn verify(vfs: &SimVfs) -> bool {
    let report = verify_journal(Path::new(FOLDER), Arc::new(vfs.fork()), &VerifyOptions::default());
    report.is_ok_and(|report| report.is_good())
}
