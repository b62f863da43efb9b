//! Deliveries as the tests need them.

use events::{RawPosition, Time};
use providers::{
    Delivery, Headers, Key, Mapped, Provider, Raw, Refusal, SecretEncoding, Unmappable, Verified,
};
use uuid::Uuid;

pub(crate) fn key(provider: Provider, id: &str, secret: &str) -> Key {
    Key::new(provider, id, &secret.into(), SecretEncoding::Text).expect("a fit secret")
}

pub(crate) fn at(text: &str) -> Time {
    text.parse().expect("an RFC 3339 time")
}

/// A request with these headers to the source `demo`.
pub(crate) fn delivery(
    provider: Provider,
    tail: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Delivery {
    Delivery {
        provider,
        source: "demo".into(),
        tenant: "acme".into(),
        tail: tail.to_owned(),
        headers: headers.iter().map(|(n, v)| (n, v.as_bytes())).collect(),
        body: body.to_owned().into(),
    }
}

/// A delivery that is proven.
pub(crate) fn verified(provider: Provider, tail: &str, body: &str) -> Verified {
    let key = key(provider, "key-1", "a-secret");
    let mut delivery = delivery(provider, tail, &[], body);
    delivery.headers = providers::sign(
        provider,
        tail,
        &key,
        body.as_bytes(),
        at("2026-01-01T00:00:00Z"),
    );
    providers::verify(delivery, &[&key]).expect("signed by ourselves")
}

/// The ordering key of a proven delivery.
pub(crate) fn ordering_key(provider: Provider, tail: &str, body: &str) -> Result<String, Refusal> {
    providers::ordering_key(&verified(provider, tail, body))
}

/// The events of a raw record whose delivery has that id.
pub(crate) fn map_as(
    delivery_id: Uuid,
    provider: Provider,
    tail: &str,
    body: &str,
) -> Result<Vec<Mapped>, Unmappable> {
    providers::map(&Raw {
        provider,
        source: "demo",
        tenant: "acme",
        delivery_id,
        received_at: at("2026-01-01T00:00:02Z"),
        signed_at: None,
        tail,
        position: RawPosition {
            topic: format!("cardea.raw.{provider}"),
            partition: 0,
            offset: 0,
            index: 0,
        },
        body: body.as_bytes(),
    })
}

pub(crate) fn map(provider: Provider, tail: &str, body: &str) -> Result<Vec<Mapped>, Unmappable> {
    map_as(Uuid::nil(), provider, tail, body)
}

/// The canonical types that come out.
pub(crate) fn types(provider: Provider, tail: &str, body: &str) -> Vec<&'static str> {
    let events = map(provider, tail, body).expect("mappable");
    events
        .iter()
        .map(|mapped| mapped.event.envelope.event_type.name())
        .collect()
}

/// The event ids that come out of a delivery with that id.
pub(crate) fn event_ids(
    delivery_id: u128,
    provider: Provider,
    tail: &str,
    body: &str,
) -> Vec<Uuid> {
    let events = map_as(Uuid::from_u128(delivery_id), provider, tail, body).expect("mappable");
    events
        .iter()
        .map(|mapped| mapped.event.envelope.event_id)
        .collect()
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(n, v)| (n, v.as_bytes())).collect()
}
