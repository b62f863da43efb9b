//! What is decided about a request without its proof: pure, cheap first.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use events::Time;

use crate::refusal::Refused;
use crate::sources::Source;

/// A signed time may run ahead of our clock by this much.
const FUTURE_SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// Checks what can be known before the body is read.
pub(crate) fn admit(
    source: &Source,
    headers: &HeaderMap,
    peer: IpAddr,
    body_bytes_max: usize,
    now: Instant,
) -> Result<(), Refused> {
    if announced_bytes(headers).is_some_and(|bytes| bytes > body_bytes_max as u64) {
        return Err(Refused::TooLarge);
    }
    if !is_plain(headers) {
        return Err(Refused::Encoding);
    }
    if !source.allows(peer) {
        return Err(Refused::Forbidden);
    }
    source.take_turn(now).map_err(|wait| {
        let whole = wait + Duration::from_millis(999);
        let retry_after_s = u32::try_from(whole.as_secs()).unwrap_or(u32::MAX);
        Refused::TooMany { retry_after_s }
    })
}

/// Checks the time that the sender signed, where it signed one.
pub fn is_timely(signed_at: Time, received_at: Time, replay_window: Duration) -> bool {
    let age_micros = i128::from(received_at.micros()) - i128::from(signed_at.micros());
    let micros = |span: Duration| i128::try_from(span.as_micros()).unwrap_or(i128::MAX);
    age_micros <= micros(replay_window) && -age_micros <= micros(FUTURE_SKEW_MAX)
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The proof covers the bytes as sent, and undoing an encoding of unproven bytes is how
/// decompression bombs work: only bodies without one are taken.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|encoding| {
        encoding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"identity")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    #[test]
    fn a_signed_time_is_timely_up_to_the_window_and_a_little_ahead() {
        assert!(is_timely(at(1_000), at(1_060), WINDOW));
        assert!(!is_timely(at(1_000), at(1_061), WINDOW));
        assert!(is_timely(at(1_300), at(1_000), WINDOW));
        assert!(!is_timely(at(1_301), at(1_000), WINDOW));
        assert!(!is_timely(at(-9_999_999), at(9_999_999), Duration::ZERO));
    }

    #[test]
    fn only_a_body_without_an_encoding_is_plain() {
        let mut headers = HeaderMap::new();
        assert!(is_plain(&headers));
        headers.append(CONTENT_ENCODING, " Identity ".parse().unwrap());
        assert!(is_plain(&headers));
        headers.append(CONTENT_ENCODING, "gzip".parse().unwrap());
        assert!(!is_plain(&headers));
    }
}
