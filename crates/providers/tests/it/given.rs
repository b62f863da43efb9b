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

/// The key that `signed` signs with.
pub(crate) fn own_key(provider: Provider) -> Key {
    key(provider, "key-1", "a-secret")
}

/// A delivery that is signed.
pub(crate) fn signed(provider: Provider, tail: &str, body: &[u8]) -> Delivery {
    let key = own_key(provider);
    Delivery {
        headers: providers::sign(provider, tail, &key, body, at("2026-01-01T00:00:00Z")),
        body: body.to_vec().into(),
        ..delivery(provider, tail, &[], "")
    }
}

/// A delivery that is proven.
pub(crate) fn verified(provider: Provider, tail: &str, body: &[u8]) -> Verified {
    let delivery = signed(provider, tail, body);
    providers::verify(delivery, &[&own_key(provider)]).expect("signed by ourselves")
}

/// The ordering key of a proven delivery.
pub(crate) fn ordering_key(provider: Provider, tail: &str, body: &str) -> Result<String, Refusal> {
    providers::ordering_key(&verified(provider, tail, body.as_bytes()))
}

/// The raw record of a delivery, received two seconds after it was signed.
pub(crate) fn raw(verified: &Verified) -> Raw<'_> {
    let delivery = verified.delivery();
    Raw {
        provider: delivery.provider,
        source: &delivery.source,
        tenant: &delivery.tenant,
        delivery_id: Uuid::nil(),
        received_at: at("2026-01-01T00:00:02Z"),
        signed_at: verified.signed_at(),
        tail: &delivery.tail,
        decision: None,
        position: RawPosition {
            topic: format!("cardea.raw.{}", delivery.provider),
            partition: 0,
            offset: 0,
            index: 0,
        },
        body: &delivery.body,
    }
}

/// The events of a delivery with that id.
pub(crate) fn map_as(
    delivery_id: Uuid,
    provider: Provider,
    tail: &str,
    body: &str,
) -> Result<Vec<Mapped>, Unmappable> {
    let verified = verified(provider, tail, body.as_bytes());
    providers::map(&Raw {
        delivery_id,
        ..raw(&verified)
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
