//! The records that the sink writes.
//!
//! A row of `retries.<topic>` and a dead letter: key `<subscription>/<event id>`, value the event
//! in the Confluent wire format, byte for byte as in its canonical topic. Headers, all text:
//! `version` (1), `attempts` (begun so far), `first_attempt_at` (RFC 3339), `event_key` (the key of
//! the canonical record); a row has `due_at`, a dead letter `topic` (the canonical one), `reason`
//! and, after an attempt, `status` or `fault`. So nothing but the record is needed to try again.
//!
//! A record of `attempts`: key `<subscription>`, value a JSON object.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::Time;
use kafka::Partition;
use serde::Serialize;
use uuid::Uuid;

use crate::ledger::{Event, Owed};
use crate::subscription::SubscriptionId;
use crate::verdict::{Ending, Reason, Verdict};

const VERSION: &str = "1";

pub(crate) type Header = (&'static str, Cow<'static, [u8]>);

/// A row that no sink of this version wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {0} is missing or not understood")]
pub(crate) struct Unreadable(&'static str);

/// What one record of `attempts` says: of every outgoing request, but nothing of its content.
#[derive(Debug, Serialize)]
struct AttemptRow {
    subscription: SubscriptionId,
    event_id: Uuid,
    attempt: u32,
    started_at: Time,
    duration_ms: u64,
    outcome: &'static str,
    status: Option<u16>,
    fault: Option<&'static str>,
}

pub(crate) fn key(owed: &Owed) -> String {
    format!("{}/{}", owed.subscription, owed.event.id)
}

/// Returns the headers of a row of `retries`.
pub(crate) fn retry_headers(owed: &Owed, due_at: Time) -> Vec<Header> {
    let mut headers = headers_of(owed);
    headers.push(text("due_at", due_at));
    headers
}

/// Returns the headers of a dead letter; `ending` is that of its last attempt.
pub(crate) fn dead_letter_headers(
    owed: &Owed,
    reason: Reason,
    ending: Option<Ending>,
) -> Vec<Header> {
    let mut headers = headers_of(owed);
    headers.push(text("topic", &owed.partition.topic));
    headers.push(text("reason", reason.name()));
    if let Some(status) = ending.and_then(Ending::status) {
        headers.push(text("status", status));
    }
    if let Some(fault) = ending.and_then(Ending::fault) {
        headers.push(text("fault", fault.name()));
    }
    headers
}

fn headers_of(owed: &Owed) -> Vec<Header> {
    vec![
        text("version", VERSION),
        text("attempts", owed.attempts),
        text("first_attempt_at", owed.first_attempt_at),
        ("event_key", Cow::Owned(owed.event.key.to_vec())),
    ]
}

fn text(name: &'static str, value: impl ToString) -> Header {
    (name, Cow::Owned(value.to_string().into_bytes()))
}

/// Returns the value of a record of `attempts`.
pub(crate) fn attempt_json(
    owed: &Owed,
    began_at: Time,
    took: Duration,
    ending: Ending,
    verdict: Verdict,
) -> Vec<u8> {
    let row = AttemptRow {
        subscription: owed.subscription,
        event_id: owed.event.id,
        attempt: owed.attempts,
        started_at: began_at,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        outcome: verdict.name(),
        status: ending.status(),
        fault: ending.fault().map(|fault| fault.name()),
    };
    serde_json::to_vec(&row).expect("numbers, names and times are JSON")
}

/// Splits the key of a row.
pub(crate) fn parse_key(key: &[u8]) -> Result<(SubscriptionId, Uuid), Unreadable> {
    let parts = std::str::from_utf8(key)
        .ok()
        .and_then(|k| k.split_once('/'));
    let (subscription, event) = parts.ok_or(Unreadable("key"))?;
    let subscription = subscription.parse().map_err(|_| Unreadable("key"))?;
    let event = event.parse().map_err(|_| Unreadable("key"))?;
    Ok((subscription, event))
}

/// Reads a row of `retries`: what is owed, and when it is due.
pub(crate) fn parse_retry<'a>(
    partition: &Partition,
    (subscription, event_id): (SubscriptionId, Uuid),
    header: impl Fn(&str) -> Option<&'a [u8]>,
    value: &[u8],
) -> Result<(Owed, Time), Unreadable> {
    let text = |name: &'static str| {
        let bytes = header(name).ok_or(Unreadable(name))?;
        std::str::from_utf8(bytes).map_err(|_| Unreadable(name))
    };
    if text("version")? != VERSION {
        return Err(Unreadable("version"));
    }
    let time = |name: &'static str| text(name)?.parse::<Time>().map_err(|_| Unreadable(name));
    let attempts = text("attempts")?.parse();
    let event = Event {
        id: event_id,
        key: Bytes::copy_from_slice(header("event_key").ok_or(Unreadable("event_key"))?),
        wire: Bytes::copy_from_slice(value),
    };
    let owed = Owed {
        partition: partition.clone(),
        subscription,
        event: Arc::new(event),
        attempts: attempts.map_err(|_| Unreadable("attempts"))?,
        first_attempt_at: time("first_attempt_at")?,
    };
    Ok((owed, time("due_at")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Fault;

    fn owed() -> Owed {
        Owed {
            partition: Partition {
                topic: "cardea.access".into(),
                number: 3,
            },
            subscription: Uuid::from_u128(7).into(),
            event: Arc::new(Event {
                id: Uuid::from_u128(9),
                key: Bytes::from_static(b"hq/door/1"),
                wire: Bytes::from_static(&[0, 0, 0, 1, 2, 255]),
            }),
            attempts: 2,
            first_attempt_at: "2026-05-12T18:00:00Z".parse().unwrap(),
        }
    }

    fn shown(headers: &[Header]) -> Vec<String> {
        let show = |(name, value): &Header| format!("{name}: {}", String::from_utf8_lossy(value));
        headers.iter().map(show).collect()
    }

    fn read(headers: &[Header]) -> Result<(Owed, Time), Unreadable> {
        let owed = owed();
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_ref())
        };
        let key = parse_key(key(&owed).as_bytes())?;
        parse_retry(&owed.partition, key, header, &owed.event.wire)
    }

    #[test]
    fn a_row_can_be_read_again() {
        let due_at = "2026-05-12T18:00:05.25Z".parse().unwrap();
        let headers = retry_headers(&owed(), due_at);
        assert_eq!(read(&headers), Ok((owed(), due_at)));
    }

    #[test]
    fn a_row_without_one_of_its_headers_is_refused() {
        let whole = retry_headers(&owed(), "2026-05-12T18:00:05Z".parse().unwrap());
        for missing in 0..whole.len() {
            let mut headers = whole.clone();
            let (name, _) = headers.remove(missing);
            assert_eq!(read(&headers), Err(Unreadable(name)));
        }
    }

    #[test]
    fn keys_of_others_are_refused() {
        let keys = ["", "sub_x/y", "00000000000000000000000000000007"];
        for key in keys {
            assert_eq!(parse_key(key.as_bytes()), Err(Unreadable("key")));
        }
    }

    #[test]
    fn records_look_like_this() {
        let owed = owed();
        let due_at = "2026-05-12T18:00:05Z".parse().unwrap();
        let failed = Ending::Failed(Fault::Timeout);
        let answered = Ending::Answered {
            status: 500,
            retry_after: None,
        };
        let attempt = attempt_json(
            &owed,
            due_at,
            Duration::from_micros(1_500),
            answered,
            Verdict::DeadLetter(Reason::Exhausted),
        );
        insta::assert_debug_snapshot!((
            key(&owed),
            shown(&retry_headers(&owed, due_at)),
            shown(&dead_letter_headers(
                &owed,
                Reason::Exhausted,
                Some(answered)
            )),
            shown(&dead_letter_headers(&owed, Reason::Exhausted, Some(failed))),
            String::from_utf8(attempt).unwrap(),
        ));
    }
}
