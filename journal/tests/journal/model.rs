//! Random acts against the plainest model there is: a list. Reopening, dying and losing power are
//! acts like any other.

use passbook_journal::sim::SimVfs;
use passbook_journal::{Options, Step};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::ledger::{Rig, options};

#[derive(Debug, Clone)]
enum Act {
    Append(Vec<usize>),
    /// Bytes that are zero but for one in so many: sectors in disguise.
    Sparse(usize, usize),
    Step(Step),
    Pump,
    CloseAndOpen,
    DieAndOpen,
    /// The power fails; one of the states it may leave is taken.
    LosePower(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let steps = [Step::Write, Step::Sync, Step::SyncNewest, Step::Complete, Step::Prepare];
    prop_oneof![
        6 => vec(0_usize..900, 1..5).prop_map(Act::Append),
        1 => vec(0_usize..7000, 1..2).prop_map(Act::Append),
        2 => (0_usize..4000, 1_usize..3000).prop_map(|(length, every)| Act::Sparse(length, every)),
        8 => proptest::sample::select(steps.to_vec()).prop_map(Act::Step),
        3 => Just(Act::Pump),
        1 => Just(Act::CloseAndOpen),
        1 => Just(Act::DieAndOpen),
        2 => any::<u64>().prop_map(Act::LosePower),
    ]
}

fn run(acts: &[Act], sync_depth: usize, segment_bytes: u64) {
    let mut rig = Rig::new(&SimVfs::new());
    let open = |rig: &mut Rig| {
        let acked = rig.acked();
        let opened = rig.open_with(Options { sync_depth, segment_bytes, ..options(&rig.sim) });
        assert!(opened, "it must open");
        assert!(rig.submitted.len() >= acked, "what was acknowledged is back");
    };
    open(&mut rig);
    for act in acts {
        match act {
            Act::Append(lengths) => drop(rig.append(lengths)),
            Act::Sparse(length, every) => {
                let every = *every;
                rig.append_bytes(&[*length], |at| u8::from(at % every == every - 1));
            }
            Act::Step(step) => rig.step(*step),
            Act::Pump => rig.pump(),
            Act::CloseAndOpen => {
                rig.close();
                assert_eq!(rig.acked(), rig.submitted.len(), "closing commits everything");
                open(&mut rig);
            }
            Act::DieAndOpen => {
                rig.kill();
                open(&mut rig);
            }
            Act::LosePower(seed) => {
                let image = rig.sim.crash_images(16, *seed).last().expect("there is always one");
                rig.kill();
                rig.sim = image;
                open(&mut rig);
            }
        }
    }
    rig.close();
    open(&mut rig);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_is_a_list_that_survives(
        acts in vec(act(), 1..40),
        sync_depth in 1_usize..=4,
        segment_blocks in 4_u64..12,
    ) {
        run(&acts, sync_depth, segment_blocks * 4096);
    }
}
