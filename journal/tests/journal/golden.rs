//! The exact bytes of a small ledger: they change only with the format version.
//!
//! The golden file holds `<offset> <bytes in hex>` for every 32 bytes that aren't all zero, so that
//! a difference can be read. To write it anew, say so: `PASSBOOK_GOLDEN=write`.

use std::fmt::Write as _;
use std::path::Path;

use passbook_journal::Step;
use passbook_journal::sim::SimVfs;

use crate::ledger::{DIR, Rig};

const GOLDEN: &str = include_str!("golden.txt");

fn dump(sim: &SimVfs) -> String {
    let mut text = String::new();
    for name in ["MANIFEST", "WATERMARK", "journal/000001-1.seg", "journal/000002-5.seg"] {
        writeln!(text, "{name}").unwrap();
        let bytes = sim.read_all(&Path::new(DIR).join(name)).unwrap();
        for (index, line) in bytes.chunks(32).enumerate() {
            if line.iter().any(|byte| *byte != 0) {
                write!(text, "{:6} ", index * 32).unwrap();
                for byte in line {
                    write!(text, "{byte:02x}").unwrap();
                }
                text.push('\n');
            }
        }
    }
    text
}

#[test]
fn the_bytes_of_a_ledger_are_the_golden_ones() {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open());
    assert!(rig.append(&[10, 0]) && rig.append(&[3]));
    rig.pump();
    // Whole sectors of zeros: masked.
    assert!(rig.append_bytes(&[1500], |_| 0));
    rig.step(Step::Write);
    assert!(rig.append(&[1]));
    rig.pump();
    // In the second segment.
    assert!(rig.append(&[40]));
    rig.pump();
    rig.close();
    let found = dump(&rig.sim);
    if option_env!("PASSBOOK_GOLDEN") == Some("write") {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal/golden.txt"), &found)
            .unwrap();
    }
    for (line, (found, golden)) in found.lines().zip(GOLDEN.lines()).enumerate() {
        assert_eq!(found, golden, "line {}", line + 1);
    }
    assert_eq!(found.len(), GOLDEN.len());
}
