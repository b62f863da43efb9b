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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) first: i64,
    pub(crate) next: i64,
    pub(crate) stream_time: Time,
    ids: &'a [[u8; ID_BYTES]],
}

/// A record of `seen` that no normalizer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} is missing or unreadable")]
pub(crate) struct BadEntry {
    part: &'static str,
}

impl<'a> Entry<'a> {
    pub(crate) fn parse<'h>(
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
        value: &'a [u8],
    ) -> Result<Self, BadEntry> {
        let [mut first, mut next, mut stream_time] = [None; 3];
        for (name, value) in headers {
            let place = match name {
                FIRST => &mut first,
                NEXT => &mut next,
                STREAM_TIME => &mut stream_time,
                _ => continue,
            };
            let digits = std::str::from_utf8(value).ok();
            *place = digits.and_then(|digits| digits.parse::<i64>().ok());
        }
        let bad = |part| BadEntry { part };
        let (ids, rest) = value.as_chunks();
        if !rest.is_empty() {
            return Err(bad("the value"));
        }
        let micros = stream_time.ok_or(bad(STREAM_TIME))?;
        Ok(Self {
            first: first.ok_or(bad(FIRST))?,
            next: next.ok_or(bad(NEXT))?,
            stream_time: Time::from_micros(micros).map_err(|_| bad(STREAM_TIME))?,
            ids,
        })
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.ids.iter().copied().map(Uuid::from_bytes)
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
        let headers = headers(batch.first, batch.next, stream_time);
        let headers = headers
            .each_ref()
            .map(|(name, text)| (*name, text.as_bytes()));
        out.send(&Record {
            topic,
            partition: Some(number),
            key: None,
            headers: &headers,
            value: Some(&value(ids)),
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

fn headers(first: i64, next: i64, stream_time: Time) -> [(&'static str, String); 3] {
    [
        (FIRST, first.to_string()),
        (NEXT, next.to_string()),
        (STREAM_TIME, stream_time.micros().to_string()),
    ]
}

fn value(ids: &[Uuid]) -> Vec<u8> {
    ids.iter().flat_map(|id| *id.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROS: i64 = 1_767_225_600_000_001;

    fn parse(value: &[u8]) -> Result<Entry<'_>, BadEntry> {
        let headers = headers(17, 42, Time::from_micros(MICROS).unwrap());
        let headers = headers.iter();
        Entry::parse(headers.map(|(name, text)| (*name, text.as_bytes())), value)
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(u128::MAX)];
        let value = value(&ids);
        let entry = parse(&value).unwrap();
        assert_eq!((entry.first, entry.next), (17, 42));
        assert_eq!(entry.stream_time.micros(), MICROS);
        assert_eq!(entry.ids().collect::<Vec<_>>(), ids);
        assert_eq!(parse(&[]).unwrap().ids().count(), 0);
    }

    #[test]
    fn a_torn_value_is_refused() {
        let torn = parse(&[7; 31]);
        assert_eq!(torn, Err(BadEntry { part: "the value" }));
    }

    #[test]
    fn a_missing_header_is_named() {
        let none = std::iter::empty::<(&str, &[u8])>();
        let missing = Entry::parse(none, &[]);
        assert_eq!(missing, Err(BadEntry { part: STREAM_TIME }));
    }
}
