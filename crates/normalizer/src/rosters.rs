//! Writes the rows of a sync into the open transaction: the one writer of the roster.

use kafka::{Failure, Record, Transactor};
use providers::roster::Row;

pub(crate) fn write(out: &Transactor, topic: &str, rows: &[Row]) -> Result<(), Failure> {
    for row in rows {
        let (key, value) = row.record();
        out.send(&Record {
            topic,
            key: Some(&key),
            value: Some(&value),
            ..Record::default()
        })?;
    }
    Ok(())
}
