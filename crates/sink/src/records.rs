//! Reads the records that the sink takes.

use bytes::Bytes;
use events::{Time, wire};
use kafka::{BorrowedMessage, Headers as _, Message as _, Partition};
use uuid::Uuid;

use crate::filter::Traits;
use crate::ledger::{Event, Owed};
use crate::rows::{BadRow, parse_key, parse_retry};
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
pub(crate) fn read_row(partition: &Partition, record: &BorrowedMessage<'_>) -> Result<Row, BadRow> {
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

/// Returns the event as a CloudEvent in structured mode; `None` if it cannot be decoded.
pub(crate) fn body(event: &Event) -> Option<Bytes> {
    let key = std::str::from_utf8(&event.key).ok()?;
    let decoded = wire::decode(&event.wire).ok()?;
    let json = serde_json::to_vec(&wire::cloudevent_json(&decoded, key)).ok()?;
    Some(json.into())
}
