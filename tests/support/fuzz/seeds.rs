//! What the corpora begin with: good inputs of every kind, small.

use passbook::core::codec;

use super::specimen::{compacted, newest, path, plain, segment_path, snapped};
use crate::decoder::{folder, segment::Segment};

/// An input with what its first byte may ask for.
fn flagged(bytes: &[u8], flags: &[u8]) -> Vec<Vec<u8>> {
    flags.iter().map(|flag| [&[*flag], bytes].concat()).collect()
}

/// Without the zeros at its end: the bodies fill them in.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or(bytes)
}

fn plain_segment() -> Vec<u8> {
    plain().read_all(&segment_path()).expect("the specimen has it")
}

/// For `frame`.
pub fn frames() -> Vec<Vec<u8>> {
    let file = plain_segment();
    let batches = file.get(8_192..).expect("it has batches");
    let first = batches.get(..4_096).expect("it has batches");
    let mut seeds = flagged(trimmed(batches), &[0, 1, 3, 5]);
    seeds.extend(flagged(trimmed(first), &[0, 1, 7]));
    seeds
}

/// For `segment`.
pub fn segments() -> Vec<Vec<u8>> {
    flagged(&plain_segment(), &[1, 4])
}

/// For `snapshot`.
pub fn snapshots() -> Vec<Vec<u8>> {
    let vfs = snapped();
    let file = vfs.read_all(&newest(&vfs, "snap", "snap")).expect("the specimen has it");
    let mut seeds = flagged(&file, &[0, 1]);
    let read = crate::decoder::snapshot::snapshot(&file).expect("it is good");
    let mut built = vec![2];
    for section in read.sections {
        built.extend(u16::try_from(section.len()).expect("short").to_le_bytes());
        built.extend(section);
    }
    seeds.push(built);
    seeds
}

/// For `manifest`.
pub fn manifests() -> Vec<Vec<u8>> {
    let file = |vfs: passbook::journal::sim::SimVfs| {
        vfs.read_all(&path("MANIFEST")).expect("the specimen has it")
    };
    [flagged(&file(compacted()), &[0, 1]), flagged(&file(plain()), &[1])].concat()
}

/// For `watermark`.
pub fn watermarks() -> Vec<Vec<u8>> {
    let file = plain().read_all(&path("WATERMARK")).expect("the specimen has it");
    flagged(&file, &[0, 1])
}

/// For `archive`.
pub fn archives() -> Vec<Vec<u8>> {
    let vfs = compacted();
    let file = vfs.read_all(&newest(&vfs, "archive", "arc")).expect("the specimen has it");
    let stub = file.get(..4_096).expect("its header").to_vec();
    [flagged(&file, &[0, 1]), flagged(&stub, &[1])].concat()
}

/// For `event`: the first of each kind that the specimens have, and those of the golden files.
pub fn events() -> Vec<Vec<u8>> {
    let golden = include_str!("../../../core/src/codec/golden.txt");
    let older = include_str!("../../../core/src/codec/golden_older.txt");
    let mut seeds: Vec<Vec<u8>> = golden.lines().chain(older.lines()).filter_map(unhex).collect();
    let files = folder::Files::of(&compacted(), std::path::Path::new(crate::rig::FOLDER));
    let reading = folder::read(&files).expect("it is good");
    let records = reading.segments.iter().flat_map(Segment::records).take(8);
    seeds.extend(records.filter_map(|record| record.payload.clone()));
    assert!(seeds.iter().all(|seed| codec::decode(seed).is_ok()), "they are events");
    seeds
}

fn unhex(line: &str) -> Option<Vec<u8>> {
    let digits = line.rsplit(' ').next()?;
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// For `syslog`.
pub fn logs() -> Vec<Vec<u8>> {
    let sample = include_str!("../../../server/samples/auth.log");
    let lines: Vec<&str> = sample.lines().collect();
    lines.chunks(20).map(|chunk| format!("{}\n", chunk.join("\n")).into_bytes()).collect()
}

/// For `token`.
pub fn tokens() -> Vec<Vec<u8>> {
    let token = format!("pb_{}", "0123456789abcdef".repeat(4));
    [token.as_str(), "01M7WH9B1A4TFF59TDWH9EDD1R", "7zzzzzzzzzzzzzzzzzzzzzzzzz", "pb_"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

/// For `filter`.
pub fn filters() -> Vec<Vec<u8>> {
    [
        "user:u_1842 -state:ended,expired",
        "ip:198.51.100.0/24,2001:db8::/32 device:\"Firefox on \\\"Linux\\\"\"",
        "since:-2h until:14:03 seq:@1048000..@1048611",
        "reason:token_reuse,fingerprint actor:operator:mara kind:LoginFailed",
        "guest:yes transport:cookie tenant:acme id:01M7WH9B1A4TFF59TDWH9EDD1R",
        "since:2026-11-18T12:00:00Z seq:@5..",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// For `operations`.
pub fn operations() -> Vec<Vec<u8>> {
    let create = |user: u8| vec![0, 0, user, 1, 130, 0, 0];
    let story = |parts: &[&[u8]]| parts.concat();
    let (ann, bob) = (create(0), create(1));
    vec![
        story(&[&ann, &bob, &[175], &[0, 6, 1], &[175], &[0, 6, 1], &[246]]),
        story(&[&ann, &[205, 0], &bob, &[205, 0], &[205, 2], &[250, 3], &[0, 6, 1], &[175]]),
        story(&[&ann, &[175, 240], &bob, &[244], &[150, 4], &[0, 23], &[175, 250, 9]]),
        story(&[&ann, &[0, 21, 1, 0, 2], &[0, 17, 0, 0], &[0, 25, 1], &[175, 246], &ann, &[175]]),
    ]
}
