//! The records of the `seen` topics: what each committed batch of a raw partition brought.
//!
//! Value: new event ids of the batch, 16 bytes each. Headers, decimal digits: the raw
//! offsets that the batch covers (`first`, and `next`, the one after its last) and its
//! `stream_time` in microseconds. A batch without new ids is recorded as well, so that the offsets
//! can be found again when the group has lost them (kafka-rules 7).

use events::Time;
use kafka::{Failure, Record, Transactor};
use uuid::Uuid;

use crate::batch::Batch;

const FIRST: &str = "first";
const NEXT: &str = "next";
const STREAM_TIME: &str = "stream_time";
const ID_BYTES: usize = 16;

/// How many ids one record holds at most.
const IDS_MAX: usize = 65_536;

/// What one record of `seen` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) first: i64,
    pub(crate) next: i64,
    pub(crate) stream_time: Time,
    pub(crate) ids: Vec<Uuid>,
}

/// A record of `seen` that no normalizer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} is missing or unreadable")]
pub(crate) struct BadEntry {
    part: &'static str,
}

impl Entry {
    fn headers(&self) -> [(&'static str, String); 3] {
        [
            (FIRST, self.first.to_string()),
            (NEXT, self.next.to_string()),
            (STREAM_TIME, self.stream_time.micros().to_string()),
        ]
    }

    fn value(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| *id.as_bytes()).collect()
    }

    pub(crate) fn parse<'a>(
        headers: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
        value: &[u8],
    ) -> Result<Self, BadEntry> {
        let number = |part: &'static str| {
            let found = headers.clone().find(|(name, _)| *name == part);
            found
                .and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse::<i64>().ok())
                .ok_or(BadEntry { part })
        };
        let (ids, rest) = value.as_chunks::<ID_BYTES>();
        if !rest.is_empty() {
            return Err(BadEntry { part: "the value" });
        }
        Ok(Self {
            first: number(FIRST)?,
            next: number(NEXT)?,
            stream_time: Time::from_micros(number(STREAM_TIME)?)
                .map_err(|_| BadEntry { part: STREAM_TIME })?,
            ids: ids.iter().copied().map(Uuid::from_bytes).collect(),
        })
    }
}

/// Records what the batch brought, in the ledger's partition of the same number.
pub(crate) fn write(
    out: &Transactor,
    topic: &str,
    number: i32,
    batch: &Batch,
) -> Result<(), Failure> {
    let write = |stream_time: Time, ids: &[Uuid]| {
        let entry = Entry {
            first: batch.first,
            next: batch.next,
            stream_time,
            ids: ids.to_vec(),
        };
        let headers = entry.headers();
        let headers = headers
            .each_ref()
            .map(|(name, text)| (*name, text.as_bytes()));
        out.send(&Record {
            topic,
            partition: Some(number),
            key: None,
            headers: &headers,
            value: Some(&entry.value()),
        })
    };
    for (stream_time, ids) in batch.runs() {
        if ids.is_empty() {
            write(stream_time, &[])?;
        }
        for chunk in ids.chunks(IDS_MAX) {
            write(stream_time, chunk)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            first: 17,
            next: 42,
            stream_time: Time::from_micros(1_767_225_600_000_001).unwrap(),
            ids: vec![Uuid::from_u128(1), Uuid::from_u128(u128::MAX)],
        }
    }

    fn parse(entry: &Entry, value: &[u8]) -> Result<Entry, BadEntry> {
        let headers = entry.headers();
        Entry::parse(
            headers.iter().map(|(name, text)| (*name, text.as_bytes())),
            value,
        )
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        assert_eq!(parse(&entry(), &entry().value()), Ok(entry()));
        let empty = Entry {
            ids: Vec::new(),
            ..entry()
        };
        assert_eq!(parse(&empty, &[]), Ok(empty));
    }

    #[test]
    fn a_torn_value_is_refused() {
        assert_eq!(
            parse(&entry(), &entry().value()[1..]),
            Err(BadEntry { part: "the value" })
        );
    }

    #[test]
    fn a_missing_header_is_named() {
        let none = std::iter::empty::<(&str, &[u8])>();
        assert_eq!(Entry::parse(none, &[]), Err(BadEntry { part: "first" }));
    }
}
