//! What keeps the tree readable: the arrows between crates, file sizes, names, and no left-overs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Which of our crates, and which guarded dependencies, a package may use outside tests and benches.
const ARROWS: [(&str, &[&str]); 8] = [
    ("core", &["bincode", "passbook-planted"]),
    ("journal", &["crc32fast", "passbook-planted"]),
    ("planted", &[]),
    ("projections", &["passbook-core", "passbook-planted", "crc32fast", "sled", "tokio"]),
    (
        "store",
        &["passbook-core", "passbook-journal", "passbook-planted", "passbook-projections", "tokio"],
    ),
    ("server", &["passbook", "passbook-core", "passbook-journal", "tokio"]),
    ("web", &["passbook"]),
    ("tests", &["passbook", "passbook-planted", "passbook-server", "crc32fast"]),
];

/// What only the packages above that list it may depend on.
const GUARDED: [&str; 10] = [
    "bincode",
    "crc32fast",
    "sled",
    "tokio",
    "passbook",
    "passbook-core",
    "passbook-journal",
    "passbook-planted",
    "passbook-projections",
    "passbook-server",
];

/// A file that is longer can be read no more in one go.
const LINES_MAX: usize = 400;
/// Tests and benches read like lists.
const TEST_LINES_MAX: usize = 600;
/// Longer for a reason: one arm for each kind of event or error.
const LONG: [&str; 4] = [
    "core/src/codec/wire/read.rs",
    "server/src/failure.rs",
    "server/src/answer/event/detail.rs",
    "server/src/answer/session.rs",
];
const LONG_LINES_MAX: usize = 520;

const EMPTY_WORDS: [&str; 6] = ["util", "utils", "helpers", "misc", "common", "manager"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// Every Rust file by its path from the root, with its text.
fn sources() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    for (folder, _) in ARROWS {
        walk(&root().join(folder), &mut files);
    }
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let name = path.strip_prefix(root()).expect("below").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<&str> {
    let behind = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = behind.split("\n[").next().unwrap_or_default();
    let lines = section.lines().filter(|line| !line.starts_with(['#', ' ']) && line.contains('='));
    lines.filter_map(|line| line.split(['.', ' ', '=']).next()).collect()
}

#[test]
fn no_arrow_points_back() {
    for (package, allowed) in ARROWS {
        let manifest = fs::read_to_string(root().join(package).join("Cargo.toml")).expect("there");
        for dependency in dependencies(&manifest) {
            let fine = !GUARDED.contains(&dependency) || allowed.contains(&dependency);
            assert!(fine, "{package} may not depend on {dependency}: see ARCHITECTURE.md");
        }
    }
}

/// What cargo would build a package from, with features, without what only its tests need.
fn built_from(package: &str) -> String {
    let arguments = ["tree", "--locked", "--offline", "--edges", "features,no-dev", "--package"];
    let mut cargo = Command::new(env!("CARGO"));
    let tree = cargo.args(arguments).arg(package).current_dir(root()).output().expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).expect("text")
}

#[test]
fn no_bug_can_be_planted_in_what_is_released() {
    let switch = "passbook-planted feature \"planted\"";
    for package in ["passbook", "passbook-server"] {
        let tree = built_from(package);
        assert!(tree.contains("passbook-planted"), "the sites are there");
        assert!(!tree.contains(switch), "{package} is built with the switch of the proof");
    }
    assert!(built_from("passbook-tests").contains(switch), "the proof has it");
}

#[test]
fn every_file_says_what_it_is_for_and_fits_into_a_head() {
    for (name, text) in sources() {
        assert!(text.starts_with("//!"), "{name} does not begin with what it is for");
        let is_test = name.contains("/tests/") || name.contains("/benches/");
        let lines_max = match (is_test, LONG.contains(&&*name)) {
            (true, _) => TEST_LINES_MAX,
            (false, true) => LONG_LINES_MAX,
            (false, false) => LINES_MAX,
        };
        let lines = text.lines().count();
        assert!(lines <= lines_max, "{name} has {lines} lines, at most {lines_max} are read");
    }
}

#[test]
fn no_name_is_empty_of_meaning() {
    for name in sources().keys() {
        assert!(!name.ends_with("/mod.rs"), "{name}: a folder's file has the folder's name");
        let words = name.split(['/', '_', '.']);
        let empty: Vec<_> = words.filter(|word| EMPTY_WORDS.contains(word)).collect();
        assert!(empty.is_empty(), "{name}: {empty:?} says nothing");
    }
}

#[test]
fn nothing_is_left_over() {
    let marks = ["todo!", "unimplemented!", "dbg!"].map(|mark| format!("{mark}("));
    let words =
        ["FIX", "XX"].map(|half| format!("{half}{}", if half == "FIX" { "ME" } else { "X" }));
    let ignored = format!("#[{}]", "ignore");
    for (name, text) in sources() {
        for mark in marks.iter().chain(&words).chain([&ignored]) {
            assert!(!text.contains(mark.as_str()), "{name} has a left-over {mark}");
        }
    }
}

#[test]
fn the_guards_notice_what_they_guard() {
    let manifest =
        "[package]\n\n[dependencies]\npassbook.workspace = true\n# no\nsled = \"1\"\n\n[x]\n";
    assert_eq!(dependencies(manifest), ["passbook", "sled"]);
    assert!(sources().len() > 50);
}
