//! What the program says: results to stdout, for people and for scripts; remarks to stderr.

use std::fmt::{self, Display};
use std::io::{self, Write};

use serde::Serialize;

/// Nobody reads stdout any more, as after `cardea tail | head`.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output")
    }
}

impl std::error::Error for ReaderGone {}

/// Writes one line to stdout.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    written(writeln!(io::stdout().lock(), "{text}"))
}

/// Writes a value to stdout as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?)
}

/// Writes a table to stdout.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    written(
        io::stdout()
            .lock()
            .write_all(aligned(header, rows).as_bytes()),
    )
}

/// Writes a remark to stderr; where that is closed, it is not heard.
pub(crate) fn remark(text: impl Display) {
    writeln!(io::stderr().lock(), "{text}").ok();
}

fn written(result: io::Result<()>) -> anyhow::Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => anyhow::Error::new(error).context("write output"),
    })
}

/// Aligns columns to the left, two blanks apart.
fn aligned(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max();
        widest.unwrap_or(0).max(header[column].chars().count())
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    let header = header.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let cells = row.iter().zip(&widths);
        let padded: String = cells.map(|(cell, w)| format!("{cell:w$}  ")).collect();
        text.push_str(padded.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["raw.gxp".to_owned(), "good".to_owned()],
            vec!["a".to_owned(), "created".to_owned()],
        ];
        assert_eq!(
            aligned(&["TOPIC", "STATE"], &rows),
            "TOPIC    STATE\nraw.gxp  good\na        created\n"
        );
    }
}
