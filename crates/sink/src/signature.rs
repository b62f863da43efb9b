//! Standard Webhooks signatures, scheme `v1` (<https://www.standardwebhooks.com>).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// What the specification asks of a secret.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A text that is no secret of the scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `whsec_` and 24 to 64 bytes in base64")]
pub struct BadSecret;

/// What a subscription and its receiver share.
#[derive(Clone)]
pub struct Secret {
    text: SecretString,
    /// The key is set up once: a request only pays for its own bytes.
    keyed: Hmac<Sha256>,
}

impl Secret {
    /// Makes a secret of 32 random bytes.
    pub fn of(random: [u8; 32]) -> Self {
        let text = format!("{PREFIX}{}", BASE64_STANDARD.encode(random));
        Self::keyed(text.into(), &random)
    }

    pub fn parse(text: SecretString) -> Result<Self, BadSecret> {
        let encoded = text.expose_secret().strip_prefix(PREFIX).ok_or(BadSecret)?;
        let key = BASE64_STANDARD.decode(encoded).map_err(|_| BadSecret)?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(BadSecret);
        }
        Ok(Self::keyed(text, &key))
    }

    fn keyed(text: SecretString, key: &[u8]) -> Self {
        let keyed = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { text, keyed }
    }

    /// Shows the text of the secret: for the one who made the subscription, and for the topic.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns the value of `webhook-signature`; `timestamp` in seconds since the epoch.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = self.keyed.clone();
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_reference_vector_holds() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_made_secret_can_be_read_again() {
        let made = Secret::of([7; 32]);
        let read = Secret::parse(made.expose().into()).unwrap();
        assert_eq!(made.sign("a", 1, b"b"), read.sign("a", 1, b"b"));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_***", "MfKQ9r8GKYqr"] {
            assert!(Secret::parse(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(format!("{:?}", Secret::of([7; 32])), "Secret(…)");
    }
}
