//! Every single bit of a journal, flipped: I3 of the design. What was acknowledged is refused when
//! it is damaged, with path and offset; nothing is skipped in silence and nothing panics.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use passbook_journal::sim::SimVfs;
use passbook_journal::{Damage, OpenError, Options, Step};

use crate::ledger::{DIR, Rig, Seen, open, options};

/// A journal with batches of many shapes, and the medium as it was left.
struct Specimen {
    sim: SimVfs,
    records: Vec<Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Closed,
    /// Died with nothing but the last rotation in the watermark.
    Killed,
}

/// Fills segments of `segment_bytes` with `rounds` rounds of batches.
fn specimen(segment_bytes: u64, rounds: usize, left: Left) -> Specimen {
    let sim = SimVfs::new();
    let mut rig = Rig::new(&sim);
    assert!(rig.open_with(Options { segment_bytes, ..options(&sim) }));
    for round in 0..rounds {
        assert!(rig.append(&[150]));
        rig.pump();
        assert!(rig.append(&[0, 700, 30]) && rig.append(&[1]));
        rig.pump();
        // All zero, and all zero but for one bit: written in disguise.
        assert!(rig.append_bytes(&[1800], |_| 0));
        rig.pump();
        assert!(rig.append_bytes(&[600], |at| u8::from(at == round)));
        rig.pump();
    }
    // No later batch speaks for these three, so only their own bytes can.
    assert!(rig.append(&[900, 10]));
    rig.step(Step::Write);
    assert!(rig.append_bytes(&[1800], |_| 0));
    rig.step(Step::Write);
    assert!(rig.append_bytes(&[1400], |at| u8::from(at == rig_bit(rounds))));
    rig.step(Step::Write);
    rig.pump();
    assert_eq!(rig.acked(), rig.submitted.len());
    match left {
        Left::Closed => rig.close(),
        Left::Killed => rig.kill(),
    }
    Specimen { sim: rig.sim, records: rig.submitted }
}

/// Where the only bit of the last payload is set: in a sector that has nothing else.
fn rig_bit(rounds: usize) -> usize {
    700 + rounds
}

fn segments(sim: &SimVfs) -> Vec<PathBuf> {
    sim.files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "seg"))
        .collect()
}

/// Where the last batch of a file ends: behind it there is nothing acknowledged.
fn acknowledged_bytes(sim: &SimVfs, path: &Path) -> u64 {
    let bytes = sim.read_all(path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    u64::try_from((last + 1).next_multiple_of(4096)).unwrap()
}

/// Runs `check` for every bit of a file, on two threads.
fn for_each_bit(bits: u64, check: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(512, Ordering::SeqCst);
                    if from >= bits {
                        break;
                    }
                    (from..bits.min(from + 512)).for_each(&check);
                }
            });
        }
    });
}

/// Flips every acknowledged bit of every segment, and some in the free space behind.
fn check_all(specimen: &Specimen) {
    let (refused, ambiguous, healed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    for path in segments(&specimen.sim) {
        let acknowledged = acknowledged_bytes(&specimen.sim, &path);
        let bits = 8 * u64::try_from(specimen.sim.read_all(&path).unwrap().len()).unwrap();
        for_each_bit(bits, |bit| {
            let is_acknowledged = bit / 8 < acknowledged;
            if !is_acknowledged && bit % 61 != 0 {
                return;
            }
            let image = specimen.sim.fork();
            assert!(image.flip(&path, bit));
            match open(&image) {
                Err(OpenError::Corrupt(damage)) => {
                    check_place(&damage, &path, bit);
                    refused.fetch_add(1, Ordering::SeqCst);
                }
                Err(OpenError::Ambiguous(damage)) => {
                    check_place(&damage, &path, bit);
                    ambiguous.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => panic!("bit {bit} of {}: {error}", path.display()),
                Ok((_, _, seen)) => {
                    assert!(!is_acknowledged, "bit {bit} of {} was overlooked", path.display());
                    assert_eq!(seen, specimen.records, "bit {bit} of {}", path.display());
                    healed.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    println!(
        "{} segments: {} flips refused as corrupt, {} as ambiguous, {} in free space were put aside",
        segments(&specimen.sim).len(),
        refused.into_inner(),
        ambiguous.into_inner(),
        healed.into_inner(),
    );
}

#[track_caller]
fn check_place(damage: &Damage, path: &Path, bit: u64) {
    assert_eq!(damage.path, path, "bit {bit}");
    // A batch, a header block, or free space: the offset is at or before the bit.
    assert!(damage.offset <= bit / 8, "bit {bit}: offset {}", damage.offset);
}

#[test]
fn no_flipped_bit_is_overlooked_after_a_clean_close() {
    check_all(&specimen(64 * 1024, 2, Left::Closed));
}

#[test]
fn no_flipped_bit_is_overlooked_after_a_death_with_a_stale_watermark() {
    check_all(&specimen(64 * 1024, 2, Left::Killed));
}

#[test]
fn no_flipped_bit_is_overlooked_in_several_segments() {
    let specimen = specimen(16 * 1024, 1, Left::Killed);
    assert!(segments(&specimen.sim).len() >= 4);
    check_all(&specimen);
}

#[test]
fn a_flipped_bit_in_the_other_files_is_refused_or_healed() {
    for left in [Left::Closed, Left::Killed] {
        let specimen = specimen(16 * 1024, 1, left);
        for name in ["WATERMARK", "MANIFEST", "LOCK"] {
            let path = Path::new(DIR).join(name);
            let bits = 8 * u64::try_from(specimen.sim.read_all(&path).unwrap().len()).unwrap();
            let refused = AtomicU64::new(0);
            for_each_bit(bits, |bit| {
                let image = specimen.sim.fork();
                assert!(image.flip(&path, bit));
                match open(&image) {
                    Ok((_, _, seen)) => assert_eq!(seen, specimen.records, "bit {bit} of {name}"),
                    Err(OpenError::Corrupt(damage)) => {
                        assert_eq!(damage.path, path, "bit {bit}");
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(error) => panic!("bit {bit} of {name}: {error}"),
                }
            });
            println!("{name}, {left:?}: {bits} flips, {} refused", refused.into_inner());
        }
    }
}
