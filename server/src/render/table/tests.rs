//! Tables as they look, and what must hold of any.

use proptest::prelude::*;

use super::*;

fn sessions() -> Table {
    let mut table = Table::new([
        Column::whole("SESSION"),
        Column::whole("STATE"),
        Column::text("DEVICE"),
        Column::number("SEEN"),
    ]);
    table.push(["01M7WDBSQW1HEAD8X4A1JH69RE", "live", "Safari on iPhone", "2"]);
    table.push(["01M7PVBBA9H4QX4FR84G98PBSK", "DEAD", "雪の\u{1b}ブラウザ", "10,000"]);
    table
}

#[test]
fn columns_are_aligned_by_what_the_terminal_shows() {
    assert_eq!(
        sessions().to_terminal(None),
        "\
SESSION                     STATE  DEVICE                SEEN
01M7WDBSQW1HEAD8X4A1JH69RE  live   Safari on iPhone         2
01M7PVBBA9H4QX4FR84G98PBSK  DEAD   雪の\\u{1b}ブラウザ  10,000
"
    );
}

#[test]
fn only_free_text_is_cut_and_only_to_fit() {
    assert_eq!(
        sessions().to_terminal(Some(54)),
        "\
SESSION                     STATE  DEVICE         SEEN
01M7WDBSQW1HEAD8X4A1JH69RE  live   Safari on …       2
01M7PVBBA9H4QX4FR84G98PBSK  DEAD   雪の\\u{1b}…  10,000
"
    );
    let wide = sessions().to_terminal(None);
    assert_eq!(sessions().to_terminal(Some(62)), wide);
    assert_ne!(sessions().to_terminal(Some(60)), wide);
    let narrow = sessions().to_terminal(Some(1));
    assert!(narrow.contains("01M7WDBSQW1HEAD8X4A1JH69RE  live   Safari …"), "{narrow}");
}

#[test]
fn a_pipe_gets_tabs_and_everything() {
    let mut table = Table::new([Column::text("A"), Column::text("B")]);
    table.push(["x\ty", "z\nw"]);
    table.push(["", "long ".repeat(99).trim_end()]);
    let plain = table.to_plain();
    assert!(plain.starts_with("x\\ty\tz\\nw\n\tlong long"));
    assert_eq!(plain.lines().count(), 2);
}

#[test]
fn csv_quotes_what_needs_it() {
    let mut table = Table::new([Column::text("LAST ACTIVE"), Column::number("N")]);
    table.push(["a \"b\", c", "1"]);
    assert_eq!(table.to_csv(), "last_active,n\n\"a \"\"b\"\", c\",1\n");
}

#[test]
fn an_empty_table_is_its_header() {
    let table = Table::new([Column::text("A"), Column::number("B")]);
    assert!(table.is_empty());
    assert_eq!((table.to_terminal(Some(80)).as_str(), table.to_plain().as_str()), ("A  B\n", ""));
    assert_eq!(Table::new([]).to_terminal(Some(80)), "\n");
}

#[test]
#[should_panic(expected = "a row has a cell for each column")]
fn a_row_of_another_length_is_a_mistake() {
    sessions().push(["one"]);
}

proptest! {
    #[test]
    fn a_cut_table_is_never_wider_than_it_must_be(
        rows in proptest::collection::vec(("[0-9A-Z]{0,12}", "\\PC{0,60}", "\\PC{0,60}"), 0..8),
        width in 0..200_usize,
    ) {
        let mut table = Table::new([Column::whole("ID"), Column::text("DEVICE"), Column::text("NOTE")]);
        for (id, device, note) in &rows {
            table.push([id.clone(), device.clone(), note.clone()]);
        }
        let whole = rows.iter().map(|(id, _, _)| id.len()).max().unwrap_or(0).max(2);
        let needed = whole + 2 * GAP + 2 * CUT_WIDTH_MIN;
        let text = table.to_terminal(Some(width));
        prop_assert_eq!(text.lines().count(), rows.len() + 1);
        for (line, row) in text.lines().skip(1).zip(&rows) {
            prop_assert!(line.width() <= width.max(needed), "{} cells: {:?}", line.width(), line);
            prop_assert!(line.starts_with(&row.0));
        }
        prop_assert_eq!(table.to_plain().lines().count(), rows.len());
    }
}
