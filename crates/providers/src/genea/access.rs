//! Genea's access decisions.

use events::{Access, Account, Body, CredentialRef, Decision, DenyReason, EventType, Person};

use super::{controller, portal, site};
use crate::draft::{Reason, Unmappable};
use crate::json::Fields;

pub(super) fn granted(payload: &mut Fields<'_>) -> (EventType, Body) {
    let access = Access {
        decision: Decision::Granted,
        ..access(payload)
    };
    (EventType::AccessGranted, Body::Access(access))
}

pub(super) fn denied(suffix: &str, payload: &mut Fields<'_>) -> (EventType, Body) {
    let access = Access {
        decision: Decision::Denied,
        deny_reason: Some(deny_reason(suffix)),
        deny_reason_raw: Some(suffix.to_owned()).filter(|suffix| !suffix.is_empty()),
        ..access(payload)
    };
    (EventType::AccessDenied, Body::Access(access))
}

fn access(payload: &mut Fields<'_>) -> Access {
    Access {
        portal: portal(payload),
        device: controller(payload),
        site: site(payload),
        person: person(payload),
        credential: card(payload),
        ..Access::default()
    }
}

/// Reads the part of a denial's action after `SEQUR_ACCESS_DENIED_`.
fn deny_reason(suffix: &str) -> DenyReason {
    match suffix.to_ascii_uppercase().as_str() {
        "AFTER_EXPIRATION_DATE" => DenyReason::CredentialExpired,
        "BEFORE_ACTIVATION_DATE" => DenyReason::CredentialNotActive,
        "DEACTIVATED_CARD" => DenyReason::CredentialNotEnabled,
        "INVALID_PIN" | "INCOMPLETE_CARD_PIN_SEQ" => DenyReason::InvalidPin,
        "INVALID_TIME" => DenyReason::NotPermittedAtThisTime,
        "NO_DOOR_ACCESS" | "AREA_NOT_ENABLED" | "UNAUTHORIZED_ASSETS" => DenyReason::Unauthorized,
        "CARD_NOT_FOUND" => DenyReason::UnknownCredential,
        "INVALID_FORMAT" | "INVALID_FACILITY_CODE" | "INVALID_ISSUE_CODE" => {
            DenyReason::InvalidFormat
        }
        "ANTI_PASSBACK_VIOLATION" => DenyReason::AntiPassback,
        "DURESS_CODE_DETECTED" => DenyReason::Duress,
        "OCCUPANCY_LIMIT_REACHED" => DenyReason::OccupancyLimit,
        "ACCESS_POINT_LOCKED" => DenyReason::DoorLocked,
        "NO_ESCORT_CARD" => DenyReason::EscortRequired,
        "NO_SECOND_CARD" => DenyReason::SecondCardRequired,
        "HOST_APPROVAL_DENIED" | "HOST_APPROVAL_TIMEOUT" => DenyReason::HostDenied,
        "USE_LIMIT" | "COUNT_EXCEEDED" => DenyReason::UseLimit,
        suffix if suffix.starts_with("ELEVATOR_") => DenyReason::Elevator,
        // `AIRLOCK`, and what Genea may add.
        _ => DenyReason::Other,
    }
}

/// Maps what is known of the older payload, which has no type; without its message there is no
/// envelope that we know.
pub(super) fn fragment(
    payload: &mut Fields<'_>,
) -> Result<(String, (EventType, Body)), Unmappable> {
    let message = payload.text("event_message").ok_or_else(|| Unmappable {
        reason: Reason::UnknownEnvelope,
        detail: "`event_type`, `event_action` and `event_message` are missing".to_owned(),
    })?;
    if message != "Grant Access" {
        let body = Account {
            message: Some(message),
            ..Account::default()
        };
        // A message is text for people: it makes no type.
        let mapped = (EventType::AccountUnknown, Body::Account(body));
        return Ok(("event_message".to_owned(), mapped));
    }
    let mut access = Access {
        decision: Decision::Granted,
        ..access(payload)
    };
    if let Some(name) = payload.text("user_name") {
        access.person.get_or_insert_default().name = Some(name);
    }
    if let Some(number) = payload.text("Card Unique ID") {
        access.credential.get_or_insert_default().number = Some(number);
    }
    Ok((message, (EventType::AccessGranted, Body::Access(access))))
}

fn person(payload: &mut Fields<'_>) -> Option<Person> {
    let person = payload.within("actor", |actor| Person {
        id: actor.text("user_uuid"),
        name: actor.text("user_name"),
        email: actor.text("user_email"),
        active: None,
    })?;
    (person != Person::default()).then_some(person)
}

fn card(payload: &mut Fields<'_>) -> Option<CredentialRef> {
    payload.within("card", |card| CredentialRef {
        id: card.text("uuid"),
        kind: card.text("type"),
        number: card.text("card_number"),
        facility_code: card.text("facility_code"),
        status: card.text("status"),
    })
}
