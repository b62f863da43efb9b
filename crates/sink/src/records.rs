//! Reads the records that the sink takes.

use bytes::Bytes;
use events::wire::{self, WireError};
use events::{Event as Canonical, Time};
use kafka::{BorrowedMessage, Headers as _, Message as _, Partition};
use registry::Undecoded;
use uuid::Uuid;

use crate::filter::Traits;
use crate::ledger::{Event, Owed};
use crate::rows::{Unreadable, parse_key, parse_retry};
use crate::subscription::SubscriptionId;

/// Reads what a filter asks for from the CloudEvents headers, without decoding the value.
pub(crate) fn read_event<'a>(record: &'a BorrowedMessage<'_>) -> Option<(Event, Traits<'a>)> {
    let text = |name| std::str::from_utf8(header(record, name)?).ok();
    let traits = Traits {
        event_type: text("ce_type")?,
        provider: text("ce_provider")?,
        native_type: text("ce_nativetype")?,
        source: text("ce_source")?.strip_prefix("/sources/")?,
    };
    let event = Event {
        id: text("ce_id")?.parse().ok()?,
        key: Bytes::copy_from_slice(record.key()?),
        wire: Bytes::copy_from_slice(record.payload()?),
    };
    Some((event, traits))
}

pub(crate) type Row = ((SubscriptionId, Uuid), Option<(Owed, Time)>);

/// Reads a row of `retries`, of the canonical partition that it belongs to; `None` is its tombstone.
pub(crate) fn read_row(
    partition: &Partition,
    record: &BorrowedMessage<'_>,
) -> Result<Row, Unreadable> {
    let key = parse_key(record.key().unwrap_or_default())?;
    let Some(value) = record.payload() else {
        return Ok((key, None));
    };
    let row = parse_retry(partition, key, |name| header(record, name), value)?;
    Ok((key, Some(row)))
}

fn header<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a [u8]> {
    let headers = record.headers()?;
    let found = headers.iter().find(|header| header.key == name);
    found.and_then(|header| header.value)
}

/// Why an event has no body to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoBody {
    /// A newer normalizer wrote it; the sink that follows this one can decode it. Or Kafka is away,
    /// which knows its schema.
    NotYetKnown,
    Undecodable,
}

impl From<Undecoded> for NoBody {
    fn from(error: Undecoded) -> Self {
        match error {
            Undecoded::Kafka(_)
            | Undecoded::Wire(
                WireError::UnknownSchema(_)
                | WireError::UnknownType(_)
                | WireError::UnknownProvider(_),
            ) => Self::NotYetKnown,
            Undecoded::Wire(
                WireError::TypeInWrongTopic { .. }
                | WireError::NotFramed
                | WireError::TooLarge
                | WireError::Malformed,
            ) => Self::Undecodable,
        }
    }
}

/// Returns the event as a CloudEvent in structured mode.
pub(crate) fn body(
    event: &Event,
    decode: impl FnOnce(&[u8]) -> Result<Canonical, Undecoded>,
) -> Result<Bytes, NoBody> {
    let key = std::str::from_utf8(&event.key).map_err(|_| NoBody::Undecodable)?;
    let decoded = decode(&event.wire)?;
    let json = serde_json::to_vec(&wire::cloudevent_json(&decoded, key));
    json.map(Bytes::from).map_err(|_| NoBody::Undecodable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(wire: &[u8]) -> Result<Bytes, NoBody> {
        let event = Event {
            wire: Bytes::copy_from_slice(wire),
            ..Event::default()
        };
        body(&event, |bytes| Ok(wire::decode(bytes)?))
    }

    #[test]
    fn an_event_of_a_newer_version_is_not_yet_known() {
        let mut wire = vec![0];
        wire.extend(2_000_000_005_i32.to_be_bytes());
        wire.extend(b"a datum of a schema that is not known here");
        assert_eq!(body_of(&wire), Err(NoBody::NotYetKnown));
        let type_of_tomorrow = WireError::UnknownType("access.foreseen".to_owned());
        let type_of_tomorrow = Undecoded::from(type_of_tomorrow);
        assert_eq!(NoBody::from(type_of_tomorrow), NoBody::NotYetKnown);
    }

    #[test]
    fn what_is_no_event_is_undecodable() {
        let mut cut = vec![0];
        cut.extend(2_000_000_001_i32.to_be_bytes());
        for wire in [&[][..], b"{}", &cut] {
            assert_eq!(body_of(wire), Err(NoBody::Undecodable));
        }
    }
}
