//! docs/units.md lists the table as it is.

use timedb_units::{Row, table};

const DOCUMENT: &str = include_str!("../../../../docs/units.md");

/// The line of a unit in the document.
fn line(row: &Row) -> String {
    let quoted = |text: &&str| match *text {
        "" => "nothing".to_owned(),
        text => format!("`{text}`"),
    };
    let spellings: Vec<_> = row.spellings.iter().map(quoted).collect();
    format!(
        "| {} | `{}` | {} | {} | {} |",
        row.quantity,
        row.symbol,
        spellings.join(", "),
        row.prefixes,
        row.factor
    )
}

#[test]
fn the_document_lists_every_unit_as_it_is_and_no_other() {
    let rows = table();
    let (money, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| {
        row.factor == format!("1 {}", row.symbol) && row.quantity.starts_with("money")
    });
    let expected: Vec<_> = others.iter().map(|row| line(row)).collect();
    let found = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| ") && line.matches(" | ").count() == 4);
    let found: Vec<_> = found.skip(1).collect();
    assert_eq!(found.join("\n"), expected.join("\n"));
    for row in money {
        for text in std::iter::once(&row.symbol).chain(&row.spellings) {
            assert!(DOCUMENT.contains(&format!("`{text}`")), "{text} is missing");
        }
    }
}
