//! Reads the records that an audit takes.

use events::wire::WireError;
use events::{RawPosition, Time};
use ingest::request_log::Entry;
use jiff::Timestamp;
use kafka::{BorrowedMessage, Failure, Message, headers_of};
use providers::{Raw, Unmappable};
use serde::Deserialize;
use sink::SubscriptionId;
use uuid::Uuid;

use super::kept::Answered;
use super::share::Place;
use super::span::Span;

/// The header by which a raw record names the one that it retries.
pub(crate) const RETRY_OF: &str = "retry_of";
/// The answer to a delivery, not to a request that only asks for an answer.
const HANDSHAKE: &str = "handshake";

/// What an audit needs of a record of `attempts`.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) subscription: SubscriptionId,
    pub(crate) event_id: Uuid,
    pub(crate) outcome: String,
}

/// A raw record that can be mapped.
pub(crate) struct Mapped {
    pub(crate) received_at: Time,
    pub(crate) ids: Vec<Uuid>,
}

impl Span {
    /// Says where the log has a delivery; `None` where it does not say it.
    pub(crate) fn answered(&self, entry: &Entry) -> Option<(Uuid, Answered)> {
        let raw = entry.raw.as_ref()?;
        let answered = Answered {
            place: Place {
                provider: *self.raw_topics.get(&raw.topic)?,
                partition: raw.partition,
                offset: raw.offset.unwrap_or_default(),
                index: 0,
            },
            offset_known: raw.offset.is_some(),
        };
        Some((entry.delivery_id?, answered))
    }

    /// Reads a key of the quarantine: `<topic>/<partition>/<offset>`.
    pub(crate) fn place_of_key(&self, key: &[u8]) -> Option<Place> {
        let mut parts = std::str::from_utf8(key).ok()?.rsplitn(3, '/');
        let (offset, partition, topic) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Place {
            provider: *self.raw_topics.get(topic)?,
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
            index: 0,
        })
    }

    pub(crate) fn place_of(&self, record: &BorrowedMessage<'_>) -> Place {
        Place {
            provider: self.raw_topics[record.topic()],
            partition: record.partition(),
            offset: record.offset(),
            index: 0,
        }
    }
}

/// Tells whether a delivery was answered 2xx.
pub(crate) fn was_accepted(entry: &Entry) -> bool {
    (200..300).contains(&entry.status) && entry.outcome != HANDSHAKE
}

/// Splits the key of a retry or a dead letter: `<subscription>/<event id>`.
pub(crate) fn owed_of_key(key: &[u8]) -> Option<(SubscriptionId, Uuid)> {
    let (subscription, event) = std::str::from_utf8(key).ok()?.split_once('/')?;
    Some((subscription.parse().ok()?, event.parse().ok()?))
}

/// Maps a raw record, or one of the quarantine, whose raw record lies at `place`.
pub(crate) fn mapped(record: &BorrowedMessage<'_>, place: Place) -> Result<Mapped, Unmappable> {
    let position = RawPosition {
        topic: record.topic().to_owned(),
        partition: place.partition,
        offset: place.offset,
        index: 0,
    };
    let body = record.payload().unwrap_or_default();
    let raw = Raw::parse(place.provider, position, headers_of(record), body)?;
    let events = providers::map(&raw)?;
    Ok(Mapped {
        received_at: raw.received_at,
        ids: events
            .iter()
            .map(|mapped| mapped.event.envelope.event_id)
            .collect(),
    })
}

pub(crate) fn undecodable(record: &BorrowedMessage<'_>, error: &WireError) -> Failure {
    let (topic, number, offset) = (record.topic(), record.partition(), record.offset());
    Failure::fatal(format!("record {offset} of {topic}[{number}]: {error}"))
}

pub(crate) fn delivery_of(record: &BorrowedMessage<'_>) -> Option<Uuid> {
    std::str::from_utf8(header(record, "delivery_id")?)
        .ok()?
        .parse()
        .ok()
}

pub(crate) fn header<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a [u8]> {
    let mut headers = headers_of(record).filter(|(found, _)| *found == name);
    headers.next().map(|(_, value)| value)
}

/// When a record was written, by the clock of its writer.
pub(crate) fn stamp(record: &BorrowedMessage<'_>) -> Time {
    let millis = record.timestamp().to_millis().unwrap_or_default();
    Time::from_millis(millis).unwrap_or_else(|_| Time::from(Timestamp::UNIX_EPOCH))
}
