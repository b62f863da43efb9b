//! Entries of Alocity's access log. Their fields are guessed, their results documented.

use std::borrow::Cow;

use events::{
    Access, Body, CredentialRef, Decision, DenyReason, Device, EventType, Portal, PortalMode, Time,
};

use super::device::door;
use super::{card_numbers, person};
use crate::json::Fields;

/// Likely names of the result; the first that is there counts.
pub(super) const RESULTS: [&str; 3] = ["resultType", "result", "accessLogResultType"];
const TIMES: [&str; 4] = ["timestamp", "dateTime", "createdAt", "time"];

/// The documented results; 5 is not among them.
enum Result {
    Granted,
    Denied(DenyReason),
    /// A lockdown starts or ends: no decision, although it is logged as access.
    Lockdown(PortalMode),
    Doorbell,
    Unknown,
}

impl Result {
    /// Takes the number or the documented name.
    fn parse(text: &str) -> Self {
        let word: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        match word.to_ascii_lowercase().as_str() {
            "0" | "accessgranted" => Self::Granted,
            "1" | "notschedule" => Self::Denied(DenyReason::NotPermittedAtThisTime),
            "2" | "unknownuser" => Self::Denied(DenyReason::UnknownCredential),
            "3" | "deviceinlockdown" => Self::Denied(DenyReason::Lockdown),
            // A face that is no living one.
            "4" | "nonliveuser" => Self::Denied(DenyReason::Other),
            "6" | "cardformaterror" => Self::Denied(DenyReason::InvalidFormat),
            "7" | "lockdownstart" => Self::Lockdown(PortalMode::LockedDown),
            "8" | "lockdownend" => Self::Lockdown(PortalMode::Normal),
            "9" | "doorbell" => Self::Doorbell,
            _ => Self::Unknown,
        }
    }
}

pub(super) fn time(log: &mut Fields<'_>) -> Option<Time> {
    TIMES.iter().find_map(|name| log.time_utc(name))
}

pub(super) fn map(log: &mut Fields<'_>) -> (EventType, Body) {
    // The result stays an attribute: it tells a doorbell from a result that is not documented.
    let result_raw = RESULTS.iter().find_map(|name| log.text_at(&[name]));
    let result_raw = result_raw.map(Cow::into_owned);
    let (event_type, decision, deny_reason) =
        match Result::parse(result_raw.as_deref().unwrap_or_default()) {
            Result::Granted => (EventType::AccessGranted, Decision::Granted, None),
            Result::Denied(reason) => (EventType::AccessDenied, Decision::Denied, Some(reason)),
            Result::Doorbell | Result::Unknown => {
                (EventType::AccessRequested, Decision::Unknown, None)
            }
            Result::Lockdown(mode) => return lockdown(mode, result_raw, log),
        };
    let (portal, device) = door(log);
    let credential = card_numbers(log);
    let body = Access {
        decision,
        deny_reason,
        deny_reason_raw: deny_reason.and(result_raw),
        portal,
        device,
        site: None,
        person: log.text("userId").map(person),
        credential: (credential != CredentialRef::default()).then_some(credential),
    };
    (event_type, Body::Access(body))
}

fn lockdown(
    mode: PortalMode,
    state_raw: Option<String>,
    log: &mut Fields<'_>,
) -> (EventType, Body) {
    let (portal, device) = door(log);
    let body = Device {
        portal: portal.map(|portal| Portal { mode, ..portal }),
        device,
        state_raw,
        ..Device::default()
    };
    (EventType::PortalModeChanged, Body::Device(body))
}
