//! The ledger beside its peers, in one run: the seed design (SQLite, an UPSERT a mutation behind a
//! mutex) and what the device itself can do. The ratios at the end are what counts; the machine's
//! speed drifts.
//!
//! `cargo bench -p passbook --bench ledger -- [FILTER]`; the table of ratios is printed last, of
//! what the filter let through. Files go to the folder that `TMPDIR` names.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and opens its peers' files")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "ledger/create.rs"]
mod create;
#[path = "ledger/memory.rs"]
mod memory;
#[path = "ledger/peers.rs"]
mod peers;
#[path = "ledger/read.rs"]
mod read;
#[path = "ledger/report.rs"]
mod report;

use std::time::Duration;

use criterion::Criterion;
use report::Report;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let report = Report::default();
    peers::bench(&mut criterion, &report);
    create::bench(&mut criterion, &report);
    peers::bench_device(&mut criterion, &report, "device again");
    read::bench(&mut criterion, &report);
    memory::bench(&mut criterion, &report);
    criterion.final_summary();
    report.print();
}
