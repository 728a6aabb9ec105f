//! Replays the corpora of `fuzz/` on stable Rust, and changed inputs of them for a time: the same
//! bodies that cargo-fuzz runs, and a bound on the memory that they ask for.

#![expect(clippy::indexing_slicing, reason = "a place that is missing fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use passbook_server::filter::{Filter, Key};
use passbook_tests::{
    fuzz::{TARGETS, Target},
    plan::{Plan, Tally},
    rig::START_MS,
};
use rand::{Rng as _, RngExt as _, rngs::SmallRng};

/// Most memory that opening a ledger may ask for beyond what it reads.
const BEYOND_INPUT_MAX: u64 = 64 << 20;
/// All corpora together are read in reviews and checkouts.
const CORPORA_LEN_MAX: u64 = 300 << 10;

fn folder(target: &Target) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    root.join("fuzz/corpus").join(target.name)
}

/// The inputs of a target, in the order of their names.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(target)).expect("every target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "the corpus of {} is empty", target.name);
    paths.iter().map(|path| fs::read(path).expect("an input")).collect()
}

#[test]
fn corpora_are_small_and_each_of_their_inputs_holds() {
    let mut total = 0;
    for target in TARGETS {
        for input in corpus(target) {
            total += u64::try_from(input.len()).expect("small");
            (target.run)(&input);
        }
    }
    assert!(total <= CORPORA_LEN_MAX, "{total} bytes of corpora");
}

#[test]
fn the_filters_of_the_corpus_and_of_the_seeds_have_every_key() {
    let target = TARGETS.iter().find(|target| target.name == "filter").expect("it is one");
    for inputs in [corpus(target), (target.seeds)()] {
        let texts = inputs.iter().map(|input| str::from_utf8(input).expect("text"));
        let filters: Vec<_> = texts.filter_map(|text| Filter::parse(text, START_MS).ok()).collect();
        for key in Key::ALL {
            let about = filters.iter().filter(|filter| filter.is_about(key));
            assert!(about.count() > 0, "{key}");
        }
    }
}

#[test]
fn seeds_hold_and_no_input_asks_for_much_memory() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        for input in seeds.iter().chain(&corpus(target)) {
            let taken = allocation_counter::measure(|| (target.run)(input));
            let most = BEYOND_INPUT_MAX + u64::try_from(input.len()).expect("small");
            assert!(taken.bytes_max <= most, "{}: {} bytes", target.name, taken.bytes_max);
        }
    }
}

#[test]
fn changed_inputs_hold() {
    let corpora: Vec<_> = TARGETS.iter().map(|target| (target, corpus(target))).collect();
    let case = |number: u64, rng: &mut SmallRng, tally: &mut Tally| {
        let number = usize::try_from(number).expect("small");
        let (target, inputs) = &corpora[number % corpora.len()];
        let mut input = inputs[rng.random_range(0..inputs.len())].clone();
        for _ in 0..rng.random_range(1..6) {
            change(&mut input, inputs, rng);
        }
        (target.run)(&input);
        tally.add(target.name, 1);
    };
    let plan = Plan { time: Some(Duration::from_secs(10)), ..Plan::default() };
    match plan.run("fuzz", case) {
        Ok(report) => println!("{report}"),
        Err(failure) => panic!("{failure}"),
    }
}

/// One change of the kinds that fuzzers make.
fn change(input: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut SmallRng) {
    const TELLING: [u64; 8] =
        [0, 1, 127, 255, 65_535, 0x7fff_ffff, 0xffff_ffff, 0xffff_ffff_ffff_ffff];
    let at = rng.random_range(0..=input.len());
    let len = rng.random_range(1..=8).min(input.len() - at);
    match rng.random_range(0..7) {
        0 | 1 if len > 0 => input[at] ^= 1 << (rng.next_u32() % 8),
        2 if len > 0 => {
            let number = TELLING[rng.random_range(0..TELLING.len())].to_le_bytes();
            input[at..at + len].copy_from_slice(&number[..len]);
        }
        3 => input.truncate(at),
        4 => drop(input.drain(at..at + len)),
        5 => {
            let other = &others[rng.random_range(0..others.len())];
            let from = rng.random_range(0..=other.len());
            let until = (from + 64).min(other.len());
            input.splice(at..at, other[from..until].iter().copied());
        }
        _ => input.insert(at, rng.random()),
    }
}
