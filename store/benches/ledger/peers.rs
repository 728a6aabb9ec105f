//! The peers: the device alone, and the seed design made again.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use criterion::Criterion;
use rusqlite::Connection;

use crate::report::Report;

const BLOCK_BYTES: u64 = 4_096;
const FILE_BYTES: u64 = 64 << 20;

pub(crate) fn bench(criterion: &mut Criterion, report: &Report) {
    bench_device(criterion, report, "device");
    bench_sqlite(criterion, report);
}

/// Aligned 4 KiB writes into a file that is full of zeros, each with its own `fdatasync`.
pub(crate) fn bench_device(criterion: &mut Criterion, report: &Report, label: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("device");
    fill(&path);
    for threads in [1, 2, 3] {
        let name = format!("{label}, {threads} thread{}", if threads == 1 { "" } else { "s" });
        let next = AtomicU64::new(0);
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|iters| {
                report.time(&name, iters, || write_and_sync(&path, &next, threads, iters))
            });
        });
    }
}

fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("a file");
    let zeros = vec![0; 1 << 20];
    for _ in 0..FILE_BYTES >> 20 {
        file.write_all(&zeros).expect("space");
    }
    file.sync_all().expect("a sync");
}

fn write_and_sync(path: &Path, next: &AtomicU64, threads: u64, count: u64) {
    let block = [7; 4_096];
    let stop_at = next.load(Ordering::Relaxed) + count;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let file = OpenOptions::new().write(true).open(path).expect("the file");
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && number < stop_at
                {
                    file.write_all_at(&block, number * BLOCK_BYTES % FILE_BYTES).expect("a write");
                    file.sync_data().expect("a sync");
                }
            });
        }
    });
}

/// The seed design: one row a session, an UPSERT in its own transaction for each mutation, one
/// connection behind a mutex, SQLite's default settings (rollback journal, full sync).
#[derive(Debug)]
pub(crate) struct SeedDesign {
    connection: Mutex<Connection>,
    next: AtomicU64,
}

impl SeedDesign {
    pub(crate) fn open(path: &Path) -> Self {
        let connection = Connection::open(path).expect("a database");
        connection
            .execute_batch(include_str!("../../../projections/benches/live/seed.sql"))
            .expect("a table");
        Self { connection: Mutex::new(connection), next: AtomicU64::new(0) }
    }

    pub(crate) fn create(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let token = format!("{number:064x}");
        let connection = self.connection.lock().expect("no panic");
        let mut upsert = connection
            .prepare_cached(
                "INSERT INTO sessions (token, user_id, expires_at, created_at, device, tenant_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT(token) DO UPDATE SET user_id = excluded.user_id,
                   expires_at = excluded.expires_at, device = excluded.device,
                   tenant_id = excluded.tenant_id",
            )
            .expect("a statement");
        let user = format!("u_{}", number % 10_000);
        let none: Option<String> = None;
        upsert.execute((token, user, 1_i64, 1_i64, "Firefox on Linux", none)).expect("an upsert");
    }
}

fn bench_sqlite(criterion: &mut Criterion, report: &Report) {
    for callers in [1, 64] {
        let folder = tempfile::tempdir().expect("a folder");
        let design = SeedDesign::open(&folder.path().join("seed.db"));
        let name = format!("sqlite, {callers} caller{}", if callers == 1 { "" } else { "s" });
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|iters| {
                let left = AtomicU64::new(iters);
                report.time(&name, iters, || {
                    std::thread::scope(|scope| {
                        for _ in 0..callers {
                            scope.spawn(|| {
                                while left
                                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                                        left.checked_sub(1)
                                    })
                                    .is_ok()
                                {
                                    design.create();
                                }
                            });
                        }
                    });
                })
            });
        });
    }
}
