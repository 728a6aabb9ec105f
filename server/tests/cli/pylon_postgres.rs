//! Sessions of pylon out of a real PostgreSQL: the same as out of a file, and nothing else is shown.

use serde_json::json;

use super::{
    sources::{
        BEGIN_S, DAY_S, Move, PYLON, check_no_token, check_pylon, pylon_row, pylon_rows,
        pylon_token, text, two_of_pylon,
    },
    support::{NOW, Run, command, run, told},
};

const FROM: &str = "pylon-postgres";

/// The tables as PostgreSQL has them.
fn postgres(tables: &str) -> String {
    tables.replace("INTEGER", "BIGINT")
}

#[test]
fn nobody_is_logged_out_by_a_move_from_pylon_in_postgres() {
    check_pylon(&Move::from_server(&postgres(&pylon_rows())), FROM);
}

#[test]
fn a_token_of_pylon_in_postgres_is_in_no_file_and_no_answer() {
    check_no_token(&Move::from_server(&postgres(&two_of_pylon())), FROM);
}

#[test]
fn it_sees_one_moment_and_has_no_right_to_write() {
    let view = format!(
        "CREATE VIEW _pylon_sessions AS SELECT '{}' AS token, {} AS expires_at, 0 AS created_at, \
         current_setting('transaction_read_only') || ', ' || \
         current_setting('transaction_isolation') AS user_id, NULL AS device",
        pylon_token(1),
        BEGIN_S + DAY_S
    );
    // A view has no `xmin`, so it is not asked for.
    let mut moving = Move::from_server(&view);
    let (url, store) = (moving.server().url(), moving.store());
    run(&["import", "--from", FROM, &url, "--now", NOW, "--store", text(&store)]).ok();
    let store = passbook::SessionStore::from(moving.ledger());
    let session = store.get(&pylon_token(1)).expect("live");
    assert_eq!(&*session.user_id, "on, repeatable read");
}

#[test]
fn a_table_of_several_portions_is_read_to_its_end_and_says_how_far_it_is() {
    let rows = format!(
        "INSERT INTO _pylon_sessions SELECT 'pylon_' || lpad(n::text, 64, '0'), 'user ' || n, {}, {}, \
         NULL, NULL FROM generate_series(1, 2500) AS n",
        BEGIN_S + DAY_S,
        BEGIN_S - DAY_S
    );
    let moving = Move::from_server(&postgres(&format!("{PYLON}; {rows}")));
    let ran = moving.import(FROM, &["--progress", "json"]);
    assert_eq!((ran.code, &ran.json()["imported"]), (0, &json!(2_500)), "{ran:?}");
    let last: serde_json::Value = ran.stderr.lines().last().and_then(parsed).expect("a line");
    assert_eq!((&last["done"], &last["total"]), (&json!(2_500), &json!(2_500)), "{ran:?}");
    let again = moving.check_counts(FROM, &[], [0, 2_500, 0, 0]);
    assert_eq!(again["events"], 0);
    for number in [1, 1_000, 1_001, 2_500] {
        moving.check_opens(&format!("pylon_{number:064}"), 0);
    }
}

fn parsed(line: &str) -> Option<serde_json::Value> {
    serde_json::from_str(line).ok()
}

#[test]
fn a_table_in_postgres_without_tenants_is_read_too_and_another_is_refused() {
    let old = PYLON.replace(", tenant_id TEXT", "");
    let row = pylon_row(&pylon_token(1), "mira", BEGIN_S + DAY_S);
    let mut moving = Move::from_server(&postgres(&format!("{old}; {row}")));
    moving.check_counts(FROM, &[], [1, 0, 0, 0]);
    moving.server().psql("ALTER TABLE _pylon_sessions DROP COLUMN device");
    let refused = moving.import(FROM, &[]);
    assert_eq!((refused.code, &refused.error()["code"]), (1, &json!("import:no_table")));
    moving.server().psql("ALTER TABLE _pylon_sessions RENAME TO others");
    let url = moving.server().url();
    let refused = run(&["import", "--from", FROM, &url, "--json"]);
    assert_eq!((refused.code, &refused.error()["code"]), (3, &json!("import:no_table")));
    moving.server().kill();
    let refused = run(&["import", "--from", FROM, &url, "--json"]);
    assert_eq!((refused.code, &refused.error()["code"]), (1, &json!("import:unreadable")));
}

/// The import of a source that the environment names.
fn import_of(source: &str, more: &[&str]) -> Run {
    let mut import = command(&[&["import", "--from", FROM, "--now", NOW], more].concat());
    let ran = told(&import.env("PASSBOOK_IMPORT_SOURCE", source).output().expect("it runs"));
    assert!(!format!("{ran:?}").contains("sesame"), "the password is shown: {ran:?}");
    ran
}

#[test]
fn a_password_comes_from_the_environment_and_is_never_shown() {
    let mut moving = Move::from_server(&postgres(&pylon_rows()));
    let url = moving.server().url().replace("passbook@", "passbook:sesame@");
    let store = moving.store();
    for form in ["table", "json", "plain"] {
        let more = ["--dry-run", "--format", form, "--store", text(&store)];
        assert_eq!(import_of(&url, &more).code, 8, "{form}");
    }
    let answer = import_of(&url, &["--store", text(&store), "--json"]).json();
    let source = answer["source"].as_str().expect("a text");
    assert!(source.starts_with("postgres://passbook@"), "{source}");
    assert_eq!(answer["imported"], 3);
    moving.server().psql("ALTER TABLE _pylon_sessions RENAME TO others");
    assert_eq!(import_of(&url, &[]).code, 3);
    moving.server().kill();
    assert_eq!(import_of(&url, &["--json"]).code, 1);
    // What is no address, or holds characters that it may not, is not repeated either.
    assert_eq!(import_of("mysql://ann:sesame@db/app", &[]).code, 2);
    assert_eq!(import_of("host=/tmp password=sesame", &[]).code, 2);
    assert_eq!(import_of("postgres://ann:open@127.0.0.1:1?sesame=1@db/app", &["--json"]).code, 1);
    let help = import_of(&url, &["--help"]);
    assert!(help.ok().contains("PASSBOOK_IMPORT_SOURCE"));
}
