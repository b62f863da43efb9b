//! The signature check of Standard Webhooks 1.0, symmetric scheme `v1`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use sha2::Sha256;

const TOLERANCE_S: u64 = 5 * 60;

/// Why a webhook is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A header is missing or is not what the standard says.
    Malformed,
    /// Signed too long ago, or in the future.
    Stale,
    /// No signature in the list is ours.
    Mismatch,
    /// Our own secret is not `whsec_` and base64.
    Secret,
}

/// Checks the three headers against the body's bytes; returns the webhook's id.
pub(crate) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &str,
    now_s: u64,
) -> Result<String, Refusal> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .ok_or(Refusal::Malformed)
    };
    let (id, timestamp, signatures) = (
        text("webhook-id")?,
        text("webhook-timestamp")?,
        text("webhook-signature")?,
    );

    let signed_at_s: u64 = timestamp.parse().map_err(|_| Refusal::Malformed)?;
    if signed_at_s.abs_diff(now_s) > TOLERANCE_S {
        return Err(Refusal::Stale);
    }
    let key = secret
        .trim()
        .strip_prefix("whsec_")
        .ok_or(Refusal::Secret)?;
    let key = STANDARD.decode(key).map_err(|_| Refusal::Secret)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| Refusal::Secret)?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    let given = signatures
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"));
    let mut given = given.filter_map(|signature| STANDARD.decode(signature).ok());
    if given.any(|signature| mac.clone().verify_slice(&signature).is_ok()) {
        Ok(id.to_owned())
    } else {
        Err(Refusal::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED_AT_S: u64 = 1_614_265_330;

    fn headers(signatures: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            "webhook-id",
            "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap(),
        );
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        headers.insert("webhook-signature", signatures.parse().unwrap());
        headers
    }

    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_example_of_the_specification_is_taken() {
        for list in [
            SIGNATURE.to_owned(),
            format!("v1a,AAAA v1,AAAA {SIGNATURE}"),
        ] {
            let id = verify(&headers(&list), BODY, SECRET, SIGNED_AT_S);
            assert_eq!(id.as_deref(), Ok("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        }
    }

    #[test]
    fn another_body_secret_or_signature_is_refused() {
        let signed = headers(SIGNATURE);
        let other = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(
            verify(&signed, b"{}", SECRET, SIGNED_AT_S),
            Err(Refusal::Mismatch)
        );
        assert_eq!(
            verify(&signed, BODY, other, SIGNED_AT_S),
            Err(Refusal::Mismatch)
        );
        assert_eq!(
            verify(&headers("v1,AAAA"), BODY, SECRET, SIGNED_AT_S),
            Err(Refusal::Mismatch)
        );
        assert_eq!(
            verify(&HeaderMap::new(), BODY, SECRET, SIGNED_AT_S),
            Err(Refusal::Malformed)
        );
        assert_eq!(verify(&signed, BODY, "", SIGNED_AT_S), Err(Refusal::Secret));
    }

    #[test]
    fn a_signature_is_good_for_five_minutes() {
        let signed = headers(SIGNATURE);
        assert!(verify(&signed, BODY, SECRET, SIGNED_AT_S + 300).is_ok());
        assert_eq!(
            verify(&signed, BODY, SECRET, SIGNED_AT_S + 301),
            Err(Refusal::Stale)
        );
        assert_eq!(
            verify(&signed, BODY, SECRET, SIGNED_AT_S - 301),
            Err(Refusal::Stale)
        );
    }
}
