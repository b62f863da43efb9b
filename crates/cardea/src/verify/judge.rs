//! Why a delivery is accepted or refused. The caller owns the secret, so unlike ingest's answer
//! this one may tell; it never shows a secret or a proof.

use std::fmt;
use std::time::Duration;

use events::{EventType, IdBasis, Time};
use providers::{Delivery, Key, Mapped, Provider, Refusal, Verified};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::mapping;

/// When a delivery is judged, and how old a signed time may be then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) now: Time,
    pub(crate) replay_window: Duration,
}

/// What ingest and normalizer would make of a delivery.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub(crate) enum Judgement {
    Refused {
        reasons: Vec<String>,
    },
    Accepted {
        scheme: &'static str,
        key_id: String,
        signed_at: Option<Time>,
        ordering_key: String,
        events: Vec<Outcome>,
        /// Why there are no events.
        quarantined: Option<String>,
    },
}

/// One event that the delivery becomes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    #[serde(rename = "type")]
    event_type: EventType,
    native_type: String,
    key: String,
    event_id: Uuid,
    id_basis: IdBasis,
}

/// Judges a delivery by the source's live keys, and tells how it fails.
pub(crate) fn judge(delivery: &Delivery, live_keys: &[&Key], clock: Clock) -> Judgement {
    let verified = match providers::verify(delivery.clone(), live_keys) {
        Ok(verified) => verified,
        Err(Refusal::Unproven) => {
            let reasons = objections(delivery, live_keys, clock.now);
            return Judgement::Refused { reasons };
        }
        Err(refusal @ Refusal::Malformed { .. }) => return refused(&refusal),
    };
    if let Some(at) = verified.signed_at()
        && !ingest::is_timely(at, clock.now, clock.replay_window)
    {
        let reason = format!("signed at {at}, which is too long ago or ahead of our clock");
        return Judgement::Refused {
            reasons: vec![reason],
        };
    }
    match providers::ordering_key(&verified) {
        Ok(ordering_key) => accepted(&verified, ordering_key, clock.now),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Judgement {
    Judgement::Refused {
        reasons: vec![refusal.to_string()],
    }
}

fn accepted(verified: &Verified, ordering_key: String, now: Time) -> Judgement {
    let delivery = verified.delivery();
    let (events, quarantined) = match mapping::map(delivery, verified.signed_at(), now) {
        Ok(mapped) => (mapped.into_iter().map(Outcome::of).collect(), None),
        Err(unmappable) => (Vec::new(), Some(unmappable.to_string())),
    };
    Judgement::Accepted {
        scheme: verified.scheme(),
        key_id: verified.key_id().to_owned(),
        signed_at: verified.signed_at(),
        ordering_key,
        events,
        quarantined,
    }
}

impl Outcome {
    fn of(mapped: Mapped) -> Self {
        let envelope = mapped.event.envelope;
        Self {
            event_type: envelope.event_type,
            native_type: envelope.native_type,
            key: mapped.key,
            event_id: envelope.event_id,
            id_basis: envelope.id_basis,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            event_type,
            native_type,
            key,
            event_id,
            id_basis: _,
        } = self;
        write!(f, "{event_type} ({native_type}), key {key}, id {event_id}")
    }
}

/// Says what is wrong with a delivery that no live key proves.
fn objections(delivery: &Delivery, live_keys: &[&Key], now: Time) -> Vec<String> {
    let Some(key) = live_keys.first() else {
        return vec!["the source has no live secret".to_owned()];
    };
    let provider = delivery.provider;
    // What the provider would have sent names the headers that must be there.
    let proof = providers::sign(provider, &delivery.tail, key, &delivery.body, now);
    let names = proof.iter().map(|(name, _)| name);
    let absent: Vec<String> = names.filter_map(|name| absence(delivery, name)).collect();
    if !absent.is_empty() {
        return absent;
    }
    if let Some(change) = change_that_fits(delivery, live_keys) {
        return vec![format!(
            "the proof fits the body {change}: it must be kept byte for byte"
        )];
    }
    let (keys, usual) = (live_keys.len(), usual_form(provider));
    vec![format!(
        "the proof fits none of the live secrets ({keys}): it was made with another one or over \
         another body, or is malformed (usually `{usual}`)"
    )]
}

fn absence(delivery: &Delivery, name: &str) -> Option<String> {
    let given = delivery.headers.iter().filter(|(key, _)| *key == name);
    match given.count() {
        0 => Some(format!("header `{name}` is missing")),
        1 => None,
        count => Some(format!(
            "header `{name}` came {count} times instead of once"
        )),
    }
}

/// Finds a common accident that happens to bodies on their way into a file.
fn change_that_fits(delivery: &Delivery, live_keys: &[&Key]) -> Option<&'static str> {
    let text = std::str::from_utf8(&delivery.body).ok()?;
    let json: Option<&RawValue> = serde_json::from_str(text).ok();
    let changes = [
        (
            "without what follows its last character",
            Some(text.trim_end().to_owned()),
        ),
        ("with a line break at its end", Some(format!("{text}\n"))),
        ("with unix line breaks", Some(text.replace("\r\n", "\n"))),
        (
            "without blanks between its fields",
            json.map(without_blanks),
        ),
    ];
    changes.into_iter().find_map(|(change, body)| {
        let changed = Delivery {
            body: body?.into(),
            ..delivery.clone()
        };
        let fits = providers::verify(changed, live_keys).is_ok();
        fits.then_some(change)
    })
}

/// Removes what stands between the tokens; the order of fields stays.
fn without_blanks(json: &RawValue) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |c: &char| {
        let keep = in_text || !c.is_ascii_whitespace();
        if *c == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && *c == '\\' && !escaped;
        keep
    };
    json.get().chars().filter(keep).collect()
}

fn usual_form(provider: Provider) -> &'static str {
    match provider {
        Provider::Glofox => "signature: <64 hex digits>",
        Provider::Alocity => "Alocity-Signature: t:<seconds>,sig:<base64>",
        Provider::Gxp => "X-GxP-Signature: sha256=<64 hex digits>",
        Provider::Genea => "X-Sequr-Signature: sha1=<40 hex digits>",
        Provider::Accessgrid => "Authorization: Bearer <token>",
        Provider::Cvent => "Authorization: <token>",
    }
}

#[cfg(test)]
mod tests;
