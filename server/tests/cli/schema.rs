//! The schemas are held by golden files, and what is printed keeps to them.

use serde_json::Value;

use super::support::{check_golden, run, story};

#[test]
fn each_schema_is_as_it_was() {
    let names = run(&["schema"]).ok();
    assert!(names.lines().count() >= 17, "{names}");
    for name in names.lines() {
        let schema = run(&["schema", name]).ok();
        let parsed: Value = serde_json::from_str(&schema).expect("a schema is JSON");
        assert_eq!(parsed["properties"]["schema"]["const"], name);
        check_golden(&format!("schema/{}.json", name.replace('/', ".")), &schema);
    }
    let bare = run(&["schema", "passbook.session.list"]).ok();
    assert_eq!(bare, run(&["schema", "passbook.session.list/1"]).ok());
}

/// What of JSON Schema our schemas use: properties, required, items, references.
#[track_caller]
fn check_keeps(document: &Value, schema: &Value, root: &Value, path: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(&reference[1..]).expect("it refers to what is there"),
        None => schema,
    };
    let alternatives = schema["anyOf"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(of_object) = alternatives.iter().find(|each| each["$ref"].is_string()) {
        if !document.is_null() {
            check_keeps(document, of_object, root, path);
        }
        return;
    }
    if let (Some(fields), Some(properties)) =
        (document.as_object(), schema["properties"].as_object())
    {
        for name in fields.keys() {
            assert!(properties.contains_key(name), "{path}.{name} is in no schema");
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("a name");
            assert!(fields.contains_key(name), "{path}.{name} is missing");
        }
        for (name, value) in fields {
            check_keeps(value, &properties[name], root, &format!("{path}.{name}"));
        }
    }
    for item in document.as_array().into_iter().flatten() {
        check_keeps(item, &schema["items"], root, &format!("{path}[]"));
    }
}

#[track_caller]
fn check_document(line: &str) {
    let document: Value = serde_json::from_str(line).expect("a document");
    let name = document["schema"].as_str().expect("every document says what it is");
    let schema: Value = serde_json::from_str(&run(&["schema", name]).ok()).expect("a schema");
    check_keeps(&document, &schema, &schema, name);
}

#[test]
fn documents_keep_to_their_schemas() {
    let store = story();
    let (live, reused) = (store.live.clone(), store.reused.clone());
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = folder.path().join("incident.passbook");
    for verb in [
        "session list state:live,ended",
        &format!("session show {live}"),
        &format!("session show {reused}"),
        &format!("session lineage {reused}"),
        &format!("why {live}"),
        &format!("why {reused}"),
        "replay at @4",
        "replay bisect user:dagny",
        "replay step @3 -n 5",
        "replay what-if tests/golden/strict.toml",
        "replay what-if tests/golden/strict.toml --list",
        "replay diff @4 @head",
        &format!("replay fixture {live} --force -o {}", fixture.display()),
        "verify --replay",
        "journal bookmark here --operator mara",
        "journal bookmark then 12:52 --operator mara",
        "journal bookmark --list",
        "user show mira",
        "user history mira",
        "journal stat",
        "journal show @3",
        "verify",
        "version",
        "schema",
        "user revoke mira --dry-run",
        "session create --user tove",
        "import --from syslog --year 2026 --dry-run samples/auth.log",
    ] {
        let verb: Vec<&str> = verb.split(' ').collect();
        for form in ["json", "jsonl"] {
            let answer = store.run(&[&verb[..], &["--format", form]].concat()).ok();
            answer.lines().for_each(check_document);
        }
    }
    let delete = ["journal", "bookmark", "--delete", "here", "--operator", "mara", "--json"];
    store.run(&delete).ok().lines().for_each(check_document);
    let error = store.run(&["user", "show", "nobody", "--json"]).error();
    let schema = run(&["schema", "passbook.error/1"]).ok();
    let schema: Value = serde_json::from_str(&schema).expect("a schema");
    for name in schema["required"].as_array().expect("some are") {
        assert!(error.get(name.as_str().expect("a name")).is_some(), "{name} in {error}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = run(&["version", "--json"]).json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["format_version"], passbook::journal::FORMAT_VERSION);
    let short = run(&["--version"]).ok();
    assert_eq!(short, format!("passbook {}\n", env!("CARGO_PKG_VERSION")));
}
