//! From what a provider's file says of an event to the canonical event.

use std::collections::BTreeMap;

use events::{Body, Envelope, Event, EventType, IdBasis, Origin, RawPosition, Time, TimeBasis};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Raw;

const KEY_BYTES_MAX: usize = 1_024;

/// A canonical event and the Kafka key of its record.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    /// The source, then the portal, credential, person, device or account.
    pub key: String,
    pub event: Event,
}

/// What a provider's file says of one event.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) event_type: EventType,
    pub(crate) native_type: String,
    pub(crate) identity: Identity,
    /// The time in the payload; where it has none, the signed time or that of receipt stands in.
    pub(crate) occurred_at: Option<Time>,
    /// Without the source: `door/<uuid>`.
    pub(crate) key: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) body: Body,
}

/// What tells an event from every other of its source.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// The provider's own id, with the namespace it is unique in (the event type for Genea).
    Provider { namespace: String, id: String },
    /// The parts of the content which no two real events share.
    Derived(Vec<Vec<u8>>),
    /// Nothing in the content tells two events apart: every delivery is one of its own.
    Delivery,
}

/// Why a raw record has no canonical event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Unmappable {
    pub reason: Reason,
    /// Where and what, without any content of the delivery.
    pub detail: String,
}

/// The class of an [`Unmappable`], a closed set for metrics and filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The body is no JSON.
    NotJson,
    /// JSON, but no envelope that this provider is known to send.
    UnknownEnvelope,
    /// A field without which the event has no meaning is missing or has the wrong type.
    BadField,
    /// The raw record lacks a header that ingest always writes.
    BadRecord,
    /// An event that does not fit its schema or is larger than a topic takes.
    NotEncodable,
}

impl Reason {
    pub const ALL: [Self; 5] = [
        Self::NotJson,
        Self::UnknownEnvelope,
        Self::BadField,
        Self::BadRecord,
        Self::NotEncodable,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::UnknownEnvelope => "unknown_envelope",
            Self::BadField => "bad_field",
            Self::BadRecord => "bad_record",
            Self::NotEncodable => "not_encodable",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Completes the drafts of one delivery, in their order.
pub(crate) fn seal_all(raw: &Raw<'_>, drafts: Vec<Draft>) -> Vec<Mapped> {
    drafts
        .into_iter()
        .zip(0..)
        .map(|(draft, index)| seal(raw, index, draft))
        .collect()
}

fn seal(raw: &Raw<'_>, index: i32, draft: Draft) -> Mapped {
    let (occurred_at, occurred_at_basis) = match (draft.occurred_at, raw.signed_at) {
        (Some(at), _) => (at, TimeBasis::Payload),
        (None, Some(at)) => (at, TimeBasis::Signature),
        (None, None) => (raw.received_at, TimeBasis::Received),
    };
    let event_id = event_id(raw, index, &draft.identity);
    let (native_id, id_basis) = match draft.identity {
        Identity::Provider { id, .. } => (Some(id), IdBasis::Provider),
        Identity::Derived(_) | Identity::Delivery => (None, IdBasis::Derived),
    };
    let envelope = Envelope {
        event_id,
        event_type: draft.event_type,
        provider: raw.provider,
        source: raw.source.to_owned(),
        tenant: raw.tenant.to_owned(),
        native_id,
        id_basis,
        native_type: draft.native_type,
        occurred_at,
        occurred_at_basis,
        received_at: raw.received_at,
        origin: Origin::Live,
        raw: Some(RawPosition {
            index,
            ..raw.position.clone()
        }),
        attributes: draft.attributes,
    };
    Mapped {
        key: key_of(raw.source, &draft.key),
        event: Event {
            envelope,
            body: draft.body,
        },
    }
}

/// Returns a Kafka key: every key starts with its source, so that no two sources share one. An
/// entity as long as a body, which no provider sends, is hashed: keys are repeated in every record.
pub(crate) fn key_of(source: &str, entity: &str) -> String {
    if entity.len() > KEY_BYTES_MAX {
        return format!("{source}/{}", hex::encode(Sha256::digest(entity)));
    }
    [source, "/", entity].concat()
}

/// Joins the names of a person that came.
pub(crate) fn full_name(first: Option<String>, last: Option<String>) -> Option<String> {
    let names: Vec<String> = first.into_iter().chain(last).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Hashes provider, source, identity and index into a UUID (version 8, RFC 9562). Every part is
/// preceded by its length, so that no two lists of parts give the same bytes.
fn event_id(raw: &Raw<'_>, index: i32, identity: &Identity) -> Uuid {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(raw.provider.name().as_bytes());
    part(raw.source.as_bytes());
    match identity {
        Identity::Provider { namespace, id } => {
            part(b"provider");
            part(namespace.as_bytes());
            part(id.as_bytes());
        }
        Identity::Derived(parts) => {
            part(b"derived");
            parts.iter().for_each(|bytes| part(bytes));
        }
        Identity::Delivery => {
            part(b"delivery");
            part(raw.delivery_id.as_bytes());
        }
    }
    part(&index.to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes)
}
