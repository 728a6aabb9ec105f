//! A fold that nobody reads meanwhile comes to the same as one that is followed.

use passbook_projections::{BulkFold, Live, history::Recorded};
use proptest::prelude::*;

use crate::{
    captures::{Model, check_same, follow},
    histories,
};

fn recorded((sequence, event): (u64, passbook_core::Event)) -> Recorded {
    Recorded { sequence, event }
}

proptest! {
    #[test]
    fn a_fold_in_bulk_goes_on_from_any_table_and_answers_as_the_fold_does(
        before in histories::commands(),
        after in histories::commands(),
        later in histories::commands(),
        pieces in 1..40_usize,
    ) {
        let mut model = Model { now_ms: 1_000_000, ..Model::default() };
        let (followed, begun) = (Live::new(), Live::new());
        for (elapsed_ms, wish) in &before {
            let events = model.carry_out(*elapsed_ms, wish);
            follow(&followed, &events);
            follow(&begun, &events);
        }
        let mut folded = Vec::new();
        for (elapsed_ms, wish) in &after {
            let events = model.carry_out(*elapsed_ms, wish);
            follow(&followed, &events);
            folded.extend(events.into_iter().map(recorded));
        }
        let mut bulk = BulkFold::new(begun);
        folded.chunks(pieces).for_each(|events| bulk.fold(events));
        let bulk = bulk.finish();
        check_same(&bulk, &followed, &model);
        // And it goes on from there.
        for (elapsed_ms, wish) in &later {
            let events = model.carry_out(*elapsed_ms, wish);
            follow(&followed, &events);
            follow(&bulk, &events);
        }
        check_same(&bulk, &followed, &model);
    }
}
