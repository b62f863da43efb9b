//! The keys with which providers prove their deliveries.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Provider;

/// One secret of a source, ready for use: the set-up of the HMAC is done once.
#[derive(Clone)]
pub struct Key {
    id: Arc<str>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    HmacSha256(Hmac<Sha256>),
    HmacSha1(Hmac<Sha1>),
    Token(SecretString),
}

/// How the bytes of an HMAC key are written in the secret's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretEncoding {
    #[default]
    Text,
    Base64,
}

/// A secret that cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    #[error("secret is empty")]
    Empty,
    #[error("secret is not base64")]
    NotBase64,
}

impl Key {
    /// Prepares a secret for the scheme of that provider.
    pub fn new(
        provider: Provider,
        id: &str,
        secret: &SecretString,
        encoding: SecretEncoding,
    ) -> Result<Self, BadSecret> {
        let text = secret.expose_secret();
        if text.is_empty() {
            return Err(BadSecret::Empty);
        }
        let bytes = match encoding {
            SecretEncoding::Text => text.as_bytes().to_vec(),
            SecretEncoding::Base64 => STANDARD.decode(text).map_err(|_| BadSecret::NotBase64)?,
        };
        let kind = match provider {
            Provider::Glofox | Provider::Alocity | Provider::Gxp => Kind::HmacSha256(
                Hmac::new_from_slice(&bytes).expect("HMAC takes keys of any length"),
            ),
            Provider::Genea => {
                Kind::HmacSha1(Hmac::new_from_slice(&bytes).expect("HMAC takes keys of any length"))
            }
            Provider::Accessgrid | Provider::Cvent => Kind::Token(secret.clone()),
        };
        Ok(Self {
            id: id.into(),
            kind,
        })
    }

    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Computes the MAC over the parts as if they stood in one piece; a token has none.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        match &self.kind {
            Kind::HmacSha256(hmac) => mac_of(hmac, parts),
            Kind::HmacSha1(hmac) => mac_of(hmac, parts),
            Kind::Token(_) => Vec::new(),
        }
    }

    /// Compares the MAC over the parts with a given one, in constant time.
    pub(crate) fn fits_mac(&self, parts: &[&[u8]], given: &[u8]) -> bool {
        self.fits_any_mac(parts, &[given])
    }

    /// Compares the MAC over the parts, computed once, with each of the given ones.
    pub(crate) fn fits_any_mac(&self, parts: &[&[u8]], given: &[impl AsRef<[u8]>]) -> bool {
        let own = self.mac(parts);
        let fits = |given: &[u8]| bool::from(own.as_slice().ct_eq(given));
        !own.is_empty() && given.iter().any(|given| fits(given.as_ref()))
    }

    /// Compares with a given token, in constant time: by digests, as they have one length.
    pub(crate) fn fits_token(&self, given: &[u8]) -> bool {
        match &self.kind {
            Kind::Token(own) => {
                let own = Sha256::digest(own.expose_secret());
                bool::from(own.as_slice().ct_eq(Sha256::digest(given).as_slice()))
            }
            Kind::HmacSha256(_) | Kind::HmacSha1(_) => false,
        }
    }

    /// Returns the token as it travels; an HMAC key never does.
    pub(crate) fn token(&self) -> &str {
        match &self.kind {
            Kind::Token(own) => own.expose_secret(),
            Kind::HmacSha256(_) | Kind::HmacSha1(_) => "",
        }
    }
}

fn mac_of<M: Mac + Clone>(keyed: &M, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
