//! The raw record: what ingest keeps of a delivery and the normalizer reads again.

use std::fmt;

use events::{Provider, RawPosition, Time};
use uuid::Uuid;

use crate::roster::Decision;
use crate::{Reason, Unmappable, Verified};

const DELIVERY_ID: &str = "delivery_id";
const SOURCE: &str = "source";
const TENANT: &str = "tenant";
const RECEIVED_AT: &str = "received_at";
const SIGNED_AT: &str = "signed_at";
const TAIL: &str = "tail";
const SCHEME: &str = "scheme";
const KEY_ID: &str = "key_id";
const DECISION: &str = "decision";
/// The headers that are read back.
const READ: [&str; 7] = [
    SOURCE,
    TENANT,
    DELIVERY_ID,
    RECEIVED_AT,
    SIGNED_AT,
    TAIL,
    DECISION,
];
/// Precedes the names of kept request headers.
const REQUEST_HEADER: &str = "http.";
/// The request headers that are kept. Whatever else comes stays out of Kafka: a bearer token, a
/// static token, a cookie, or the key itself, of which Alocity's page says that it is sent.
const KEPT_REQUEST_HEADERS: [&str; 11] = [
    "alocity-signature",
    "content-type",
    "request-id",
    "signature",
    "traceparent",
    "user-agent",
    "x-cvent-signature",
    "x-glofox-signature",
    "x-gxp-signature",
    "x-sequr-signature",
    "x-signature",
];

/// A delivery read back from its raw topic.
#[derive(Clone)]
pub struct Raw<'a> {
    pub provider: Provider,
    pub source: &'a str,
    pub tenant: &'a str,
    pub delivery_id: Uuid,
    pub received_at: Time,
    pub signed_at: Option<Time>,
    /// The path after the source.
    pub tail: &'a str,
    /// What ingest answered from the roster.
    pub decision: Option<Decision>,
    /// `index` is 0 here; each event gets its own.
    pub position: RawPosition,
    pub body: &'a [u8],
}

/// Returns the Kafka headers of a delivery's raw record; its value is the body as it came.
///
/// Times are microseconds since the epoch in decimal digits.
pub fn headers(
    verified: &Verified,
    delivery_id: Uuid,
    received_at: Time,
) -> Vec<(String, Vec<u8>)> {
    let delivery = verified.delivery();
    let own = [
        (DELIVERY_ID, delivery_id.to_string()),
        (SOURCE, delivery.source.to_string()),
        (TENANT, delivery.tenant.to_string()),
        (RECEIVED_AT, received_at.micros().to_string()),
        (TAIL, delivery.tail.clone()),
        (SCHEME, verified.scheme().to_owned()),
        (KEY_ID, verified.key_id().to_owned()),
    ];
    let signed = verified
        .signed_at()
        .map(|at| (SIGNED_AT, at.micros().to_string()));
    let kept = delivery
        .headers
        .iter()
        .filter(|(name, _)| KEPT_REQUEST_HEADERS.contains(name))
        .map(|(name, value)| (format!("{REQUEST_HEADER}{name}"), value.to_vec()));
    own.into_iter()
        .chain(signed)
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .chain(kept)
        .collect()
}

/// Returns the header that carries what ingest answered from the roster.
pub fn decision_header(decision: &Decision) -> (String, Vec<u8>) {
    (DECISION.to_owned(), decision.to_string().into_bytes())
}

impl<'a> Raw<'a> {
    /// Reads a raw record back. What ingest did not write is a `BadRecord`.
    pub fn parse(
        provider: Provider,
        position: RawPosition,
        headers: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
        body: &'a [u8],
    ) -> Result<Self, Unmappable> {
        // Once through them all: each costs a call into the Kafka client.
        let mut found: [Option<&[u8]>; READ.len()] = [None; READ.len()];
        for (name, value) in headers {
            if let Some(at) = READ.iter().position(|read| *read == name) {
                found[at].get_or_insert(value);
            }
        }
        let [
            source,
            tenant,
            delivery_id,
            received_at,
            signed_at,
            tail,
            decision,
        ] = found.map(|value| value.and_then(|value| std::str::from_utf8(value).ok()));
        let need =
            |name: &'static str, found: Option<&'a str>| found.ok_or_else(|| bad_record(name));
        let time = |name: &'static str, text: &str| {
            let micros = text.parse().map_err(|_| bad_record(name))?;
            Time::from_micros(micros).map_err(|_| bad_record(name))
        };
        Ok(Self {
            provider,
            source: need(SOURCE, source)?,
            tenant: need(TENANT, tenant)?,
            delivery_id: need(DELIVERY_ID, delivery_id)?
                .parse()
                .map_err(|_| bad_record(DELIVERY_ID))?,
            received_at: time(RECEIVED_AT, need(RECEIVED_AT, received_at)?)?,
            signed_at: signed_at.map(|text| time(SIGNED_AT, text)).transpose()?,
            tail: need(TAIL, tail)?,
            decision: decision
                .map(|text| text.parse().map_err(|_| bad_record(DECISION)))
                .transpose()?,
            position,
            body,
        })
    }
}

fn bad_record(header: &'static str) -> Unmappable {
    Unmappable {
        reason: Reason::BadRecord,
        detail: format!("header `{header}` is missing or unreadable"),
    }
}

/// Shows no content.
impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("provider", &self.provider)
            .field("source", &self.source)
            .field("delivery_id", &self.delivery_id)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::SecretString;

    use super::*;
    use crate::{Delivery, Headers, Key, SecretEncoding};

    #[test]
    fn a_token_never_gets_into_the_raw_record() {
        let token = "canary-token";
        for (provider, authorization) in [
            (Provider::Accessgrid, format!("Bearer {token}")),
            (Provider::Cvent, token.to_owned()),
        ] {
            let secret = SecretString::from(token);
            let key = Key::new(provider, "first", &secret, SecretEncoding::Text).unwrap();
            let delivery = Delivery {
                provider,
                source: Arc::from("hq"),
                tenant: Arc::from("acme"),
                tail: String::new(),
                headers: Headers::from_iter([
                    ("Authorization", authorization.as_str()),
                    ("Cookie", token),
                    ("X-Api-Key", token),
                    ("User-Agent", "sender/1"),
                ]),
                body: bytes::Bytes::new(),
            };
            let verified = crate::verify(delivery, &[&key]).unwrap();
            let headers = headers(&verified, Uuid::nil(), Time::from_seconds(0).unwrap());
            let kept = |name: &str| headers.iter().any(|(kept, _)| kept == name);
            assert!(kept("http.user-agent") && !kept("http.authorization"));
            let bytes: Vec<u8> = headers.into_iter().flat_map(|(_, value)| value).collect();
            assert!(!String::from_utf8(bytes).unwrap().contains(token));
        }
    }
}
