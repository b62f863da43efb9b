//! A delivery before and after its proof.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use events::{Provider, Time};

use crate::Key;

/// Request headers that are kept: lower-case names, values as they came, duplicates in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

/// One webhook request as it came; nothing of it is proven.
#[derive(Clone)]
pub struct Delivery {
    pub provider: Provider,
    pub source: Arc<str>,
    pub tenant: Arc<str>,
    /// The path after the source, without slashes at either end: `access-event`.
    pub tail: String,
    pub headers: Headers,
    pub body: Bytes,
}

/// A request that may ask for an answer instead of bringing an event.
#[derive(Clone, Copy)]
pub struct Handshake<'a> {
    pub method: &'a http::Method,
    pub headers: &'a Headers,
    pub body: &'a [u8],
}

/// Why a delivery is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No proof, a wrong one, or more than one: the caller is told nothing more.
    #[error("proof missing or wrong")]
    Unproven,
    /// Proven, but no sender of this provider expects such a body to be taken.
    #[error("body malformed: {field}: {reason}")]
    Malformed {
        field: &'static str,
        reason: &'static str,
    },
}

/// What proved a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Name of the scheme, such as `hmac-sha256-hex`.
    pub(crate) scheme: &'static str,
    /// Id of the key that fits.
    pub(crate) key_id: Arc<str>,
    /// The time that the proof covers, where it covers one.
    pub(crate) signed_at: Option<Time>,
}

/// Proves a delivery by the first of the live keys that fits.
pub(crate) fn prove(
    scheme: &'static str,
    signed_at: Option<Time>,
    live_keys: &[&Key],
    fits: impl Fn(&Key) -> bool,
) -> Result<Proof, Refusal> {
    let key = live_keys.iter().find(|key| fits(key));
    let key = key.ok_or(Refusal::Unproven)?;
    Ok(Proof {
        scheme,
        key_id: key.id().clone(),
        signed_at,
    })
}

/// A delivery that is proven to come from its source. Only [`crate::verify`] makes one, and only
/// from one can a raw record be made.
#[derive(Clone, Debug)]
pub struct Verified {
    delivery: Delivery,
    proof: Proof,
}

impl Verified {
    pub(crate) fn new(delivery: Delivery, proof: Proof) -> Self {
        Self { delivery, proof }
    }

    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub fn scheme(&self) -> &'static str {
        self.proof.scheme
    }

    pub fn key_id(&self) -> &str {
        &self.proof.key_id
    }

    pub fn signed_at(&self) -> Option<Time> {
        self.proof.signed_at
    }
}

impl Headers {
    /// Takes names in any case.
    pub fn push(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Returns the value of a header that came exactly once and is text. A header that came twice
    /// is as good as none: which of the two a proof covers would be a guess.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        match values.next() {
            Some(_) => None,
            None => std::str::from_utf8(value).ok(),
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

impl<N: AsRef<str>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value);
        }
        headers
    }
}

/// Shows names only: values are proofs and tokens.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Shows neither header values nor the body.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("provider", &self.provider)
            .field("source", &self.source)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Handshake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
