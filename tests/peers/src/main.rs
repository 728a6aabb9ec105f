//! One flipped bit, in Passbook and in other stores: 200 acknowledged records, a bit of the files
//! flipped, the store opened again and all of it read.
//!
//! `cargo run --release` prints the table. Bits are spread evenly over the 4 KiB blocks that hold
//! anything but zeros: what a store took ahead and never used can't be damaged. Each flip is met by
//! a process of its own kind (`worker`): a store may bring its process down, or hang.

mod flip;
mod stores;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
    time::Duration,
};

use flip::{Bit, Outcome};
use stores::STORES;

/// How many bits are flipped, one after the other, in each store.
const FLIPS: usize = 20_000;
/// After this long without a word, a worker hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["worker", store, folder, flips, from] => {
            let (flips, from) = (flips.parse().expect("a number"), from.parse().expect("a number"));
            work(store, Path::new(folder), flips, from);
        }
        ["make", store, folder] => {
            let store = STORES.iter().find(|each| each.name == *store).expect("a store");
            (store.write)(Path::new(folder)).expect("a new store takes records");
        }
        [] => table(FLIPS, &STORES.map(|store| store.name)),
        [flips, stores @ ..] => table(flips.parse().expect("a number of flips"), stores),
    }
    ExitCode::SUCCESS
}

fn table(flips: usize, stores: &[&str]) {
    println!("| store | bits flipped | refused | crashed or hung | lost in silence | wrong in silence | intact |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for store in STORES.iter().filter(|store| stores.is_empty() || stores.contains(&store.name)) {
        let folder = std::env::temp_dir().join(format!("passbook-peers-{}", store.name));
        std::fs::remove_dir_all(&folder).ok();
        let status = Command::new(std::env::current_exe().expect("we run"))
            .args(["make", store.name])
            .arg(&folder)
            .status();
        assert!(status.expect("a process").success(), "{} can't be written", store.name);
        let bits = flip::bits(&folder, flips);
        let mut counts = [0_usize; 5];
        let mut next = 0;
        while next < bits.len() {
            next = watch(store.name, &folder, flips, next, &mut counts);
        }
        let [refused, crashed, lost, wrong, intact] = counts;
        println!(
            "| {} {} | {} | {refused} | {crashed} | {lost} | {wrong} | {intact} |",
            store.name,
            store.version,
            bits.len()
        );
        std::fs::remove_dir_all(&folder).ok();
    }
}

/// Lets a worker go on from a bit; which one is next after it has ended.
fn watch(store: &str, folder: &Path, flips: usize, from: usize, counts: &mut [usize; 5]) -> usize {
    let mut child = Command::new(std::env::current_exe().expect("we run"))
        .args(["worker", store])
        .arg(folder)
        .args([flips.to_string(), from.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let (said, hear) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                break;
            }
        }
    });
    let mut next = from;
    while let Ok(line) = hear.recv_timeout(PATIENCE) {
        if line == "done" {
            child.wait().ok();
            return usize::MAX;
        }
        // What a store prints is none of ours.
        if let Some(outcome) = Outcome::parse(&line) {
            counts[outcome as usize] += 1;
            next += 1;
        }
    }
    child.kill().ok();
    child.wait().ok();
    counts[Outcome::Crashed as usize] += 1;
    next + 1
}

fn work(store: &str, folder: &Path, flips: usize, from: usize) {
    let store = STORES.iter().find(|each| each.name == store).expect("a store");
    let bits = flip::bits(folder, flips);
    let copy: PathBuf = folder.with_extension("copy");
    for Bit { file, bit } in bits.iter().skip(from) {
        std::fs::remove_dir_all(&copy).ok();
        flip::copy(folder, &copy);
        flip::flip(&copy.join(file), *bit);
        println!("{}", flip::judge(|| (store.read)(&copy)));
    }
    std::fs::remove_dir_all(&copy).ok();
    println!("done");
}
