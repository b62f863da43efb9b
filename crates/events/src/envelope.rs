//! What every canonical event says of itself before its body.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{EventType, Provider, Time};

/// The part that all events share; its fields stand first in every Avro record.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Envelope {
    /// Deterministic: the same for every redelivery of the event.
    #[serde(with = "uuid::serde::hyphenated")]
    pub event_id: Uuid,
    #[serde(rename = "type")]
    pub event_type: EventType,
    pub provider: Provider,
    /// The configured sender (`id` in `sources.yaml`).
    pub source: String,
    pub tenant: String,
    /// The provider's own id of the event, where it gives one.
    pub native_id: Option<String>,
    pub id_basis: IdBasis,
    /// The provider's own spelling of the type.
    pub native_type: String,
    pub occurred_at: Time,
    pub occurred_at_basis: TimeBasis,
    pub received_at: Time,
    pub origin: Origin,
    /// None for an event that Cardea made itself.
    pub raw: Option<RawPosition>,
    /// What the provider sent and no field holds.
    pub attributes: BTreeMap<String, String>,
}

/// Where the event's id comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IdBasis {
    #[default]
    Unknown,
    Provider,
    Derived,
}

/// Which clock told `occurred_at`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TimeBasis {
    #[default]
    Unknown,
    /// The body names the time.
    Payload,
    /// The signature covers a time, the body has none.
    Signature,
    /// Neither does; the time of receipt stands in.
    Received,
}

/// How the event came to be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Origin {
    #[default]
    Unknown,
    /// A webhook.
    Live,
    /// The daily comparison with the provider's list.
    Reconciled,
}

/// Where the raw delivery lies, and which of its events this is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RawPosition {
    /// Physical name of the raw topic.
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Place of the event within its delivery, from 0.
    pub index: i32,
}
