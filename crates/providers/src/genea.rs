//! Genea (Sequr): access decisions, doors, controllers and audit entries.
//!
//! Open questions, and what is assumed:
//! - The official sample signs the re-serialised body, the page the body: the raw body, which is the
//!   same if Genea sends compact JSON.
//! - `location` is an object in the documents and an array live: both are read, of several
//!   locations the first.
//! - The full list of `event_action` is not public: an unknown one is `account.unknown`; a denial
//!   with an unknown suffix is a denial for another reason.
//! - A door's access mode is set by `SYSTEM` (its mode changed) or `API_KEY` (somebody locked or
//!   unlocked it from afar); from any other actor it counts as a change of the mode.
//! - `SEQUR_HOST_INITIATED_REQUEST_DOOR_USE_NOT_VERIFIED` is a quick grant by an operator, with its
//!   phase in the message only: nobody asked to pass, so the portal was unlocked.
//! - Of the payload of the older VertX hardware only a fragment is known, without a type: its
//!   `event_message` decides, and `Grant Access` is the one that is known.
//! - The name of an audited card is its number, as in the sample's message.
//! - Other actions than `CREATED`, `UPDATED` and `DELETED` on a card or a user are not public: they
//!   count as updates, and their message, which names persons and cards, is dropped as well.
//! - A body without `uuid` is not documented: with a time it is told from others by its content,
//!   without one every delivery is an event.

mod access;
mod audit;
mod door;

use events::{Account, Body, DeviceRef, EventType, Portal, Site, Time};

use crate::delivery::{Delivery, Headers, Proof, Refusal, prove};
use crate::draft::{Draft, Identity, Unmappable, key_of};
use crate::json::Fields;
use crate::{Answer, Key, Outcome, Raw};

const SIGNATURE: &str = "x-sequr-signature";
const GRANTED: &str = "SEQUR_ACCESS_GRANTED";
const DENIED: &str = "SEQUR_ACCESS_DENIED";

pub(crate) fn verify(delivery: &Delivery, live_keys: &[&Key]) -> Result<Proof, Refusal> {
    let given = delivery
        .headers
        .only(SIGNATURE)
        .and_then(|value| value.strip_prefix("sha1="))
        .and_then(|digits| hex::decode(digits).ok())
        .ok_or(Refusal::Unproven)?;
    prove("hmac-sha1-hex", None, live_keys, |key| {
        key.fits_mac(&[&delivery.body], &given)
    })
}

pub(crate) fn sign(key: &Key, body: &[u8]) -> Headers {
    let digits = hex::encode(key.mac(&[body]));
    Headers::from_iter([(SIGNATURE, format!("sha1={digits}"))])
}

fn portal(payload: &mut Fields<'_>) -> Option<Portal> {
    let portal = payload.within("door", |door| {
        let id = door.text("uuid")?;
        Some(Portal {
            id,
            name: door.text("name"),
            ..Portal::default()
        })
    });
    portal.flatten()
}

fn controller(payload: &mut Fields<'_>) -> Option<DeviceRef> {
    let device = payload.within("controller", |controller| {
        let id = controller.text("uuid")?;
        Some(DeviceRef {
            id,
            name: controller.text("name"),
            serial: controller.text("serial_number"),
            mac: controller.text("mac"),
            model: controller.text("model"),
        })
    });
    device.flatten()
}

fn site(payload: &mut Fields<'_>) -> Option<Site> {
    payload.first_of("location");
    let site = payload.within("location", |location| Site {
        id: location.text("uuid"),
        name: location.text("name"),
        timezone: location.text("timezone"),
    });
    site.filter(|site| *site != Site::default())
}

pub(crate) fn ordering_key(delivery: &Delivery) -> Result<String, Refusal> {
    let payload = Fields::parse(&delivery.body)?;
    Ok(key_of(&delivery.source, &entity(&payload)))
}

/// Returns what an event is ordered by: the door, or else what comes nearest to one.
fn entity(payload: &Fields<'_>) -> String {
    ["door", "controller", "audit_resource", "location"]
        .iter()
        .find_map(|kind| {
            let uuid = payload.text_at(&[kind, "uuid"])?;
            Some(format!("{kind}/{uuid}"))
        })
        .unwrap_or_default()
}

/// The uuid is unique within the event type: that of an audit entry is a small number. The entity
/// stands beside it, so that equal ids have equal ordering keys. Without a uuid, a body that names
/// its time is told from others by its content.
fn identity(
    payload: &mut Fields<'_>,
    entity: &str,
    occurred_at: Option<Time>,
    body: &[u8],
) -> Identity {
    let id = payload.text("uuid");
    let event_type = payload.text_at(&["event_type"]).unwrap_or_default();
    match (id, occurred_at) {
        (Some(id), _) => Identity::Provider {
            namespace: format!("{event_type}/{entity}"),
            id,
        },
        (None, Some(_)) => Identity::Derived(vec![body.to_vec()]),
        (None, None) => Identity::Delivery,
    }
}

pub(crate) fn map(raw: &Raw<'_>) -> Result<Vec<Draft>, Unmappable> {
    let mut payload = Fields::parse(raw.body)?;
    let key = entity(&payload);
    let occurred_at = payload.time("event_time");
    let occurred_at = occurred_at.or_else(|| payload.time("created_at"));
    let identity = identity(&mut payload, &key, occurred_at, raw.body);
    let event_type = payload.text("event_type");
    let action = payload.text("event_action");
    let (native_type, (event_type, body)) = match (event_type.as_deref(), action) {
        (Some("AUDIT"), Some(action)) => {
            let mapped = audit::map(&action, &mut payload);
            (format!("AUDIT.{action}"), mapped)
        }
        (_, Some(action)) => {
            let mapped = event(&action, &mut payload);
            (action, mapped)
        }
        (Some(event_type), None) => (event_type.to_owned(), unknown(&mut payload)),
        (None, None) => access::fragment(&mut payload)?,
    };
    Ok(vec![Draft {
        event_type,
        native_type,
        identity,
        occurred_at,
        key,
        attributes: payload.attributes(),
        body,
    }])
}

/// Maps the actions of doors, readers and those who pass them.
fn event(action: &str, payload: &mut Fields<'_>) -> (EventType, Body) {
    if action.starts_with(GRANTED) {
        return access::granted(payload);
    }
    if let Some(suffix) = action.strip_prefix(DENIED) {
        return access::denied(suffix.trim_start_matches('_'), payload);
    }
    match action {
        "SEQUR_DOOR_POSITION_SENSOR_ALARM" => door::alarm(payload),
        "SEQUR_DOOR_POSITION_SENSOR_SECURE" => door::secured(payload),
        "SEQUR_DOOR_ACCESS_MODE_UNLOCKED" => door::unlocked(payload),
        "SEQUR_DOOR_ACCESS_MODE_CARD_ONLY" => door::card_only(payload),
        "SEQUR_HOST_INITIATED_REQUEST_DOOR_USE_NOT_VERIFIED" => door::quick_grant(payload),
        "OSDP_READER_ONLINE_STATUS_UPDATE" => door::reader_status(payload),
        _ => unknown(payload),
    }
}

fn unknown(payload: &mut Fields<'_>) -> (EventType, Body) {
    let body = Account {
        message: payload.text("event_message"),
        site: site(payload),
        ..Account::default()
    };
    (EventType::AccountUnknown, Body::Account(body))
}

/// Genea counts 200 alone as success.
pub(crate) fn answer(outcome: &Outcome) -> Answer {
    outcome.plain()
}

#[cfg(test)]
mod tests {
    use events::DenyReason;

    use super::*;

    #[test]
    fn every_known_action_has_its_event_type() {
        let table = [
            ("SEQUR_ACCESS_GRANTED", EventType::AccessGranted),
            (
                "SEQUR_ACCESS_GRANTED_ACCESS_POINT_UNLOCKED",
                EventType::AccessGranted,
            ),
            ("SEQUR_ACCESS_DENIED", EventType::AccessDenied),
            ("SEQUR_DOOR_POSITION_SENSOR_ALARM", EventType::PortalChanged),
            (
                "SEQUR_DOOR_POSITION_SENSOR_SECURE",
                EventType::PortalSecured,
            ),
            (
                "SEQUR_DOOR_ACCESS_MODE_UNLOCKED",
                EventType::PortalModeChanged,
            ),
            (
                "SEQUR_DOOR_ACCESS_MODE_CARD_ONLY",
                EventType::PortalModeChanged,
            ),
            (
                "SEQUR_HOST_INITIATED_REQUEST_DOOR_USE_NOT_VERIFIED",
                EventType::PortalUnlocked,
            ),
            ("OSDP_READER_ONLINE_STATUS_UPDATE", EventType::DeviceHealth),
            ("SEQUR_SOMETHING_NEW", EventType::AccountUnknown),
        ];
        for (action, event_type) in table {
            let (found, body) = event(action, &mut Fields::default());
            assert_eq!(found, event_type, "{action}");
            assert_eq!(body.topic(), event_type.topic(), "{action}");
        }
    }

    #[test]
    fn every_known_denial_has_its_reason() {
        let table = [
            ("ACCESS_POINT_LOCKED", DenyReason::DoorLocked),
            ("AFTER_EXPIRATION_DATE", DenyReason::CredentialExpired),
            ("AIRLOCK", DenyReason::Other),
            ("ANTI_PASSBACK_VIOLATION", DenyReason::AntiPassback),
            ("AREA_NOT_ENABLED", DenyReason::Unauthorized),
            ("BEFORE_ACTIVATION_DATE", DenyReason::CredentialNotActive),
            ("CARD_NOT_FOUND", DenyReason::UnknownCredential),
            ("COUNT_EXCEEDED", DenyReason::UseLimit),
            ("DEACTIVATED_CARD", DenyReason::CredentialNotEnabled),
            ("DURESS_code_DETECTED", DenyReason::Duress),
            ("ELEVATOR_FLOOR", DenyReason::Elevator),
            ("ELEVATOR_FLOOR_UNAUTHORIZED", DenyReason::Elevator),
            ("ELEVATOR_TIMEOUT", DenyReason::Elevator),
            ("ELEVATOR_UNKNOWN_ERROR", DenyReason::Elevator),
            ("HOST_APPROVAL_DENIED", DenyReason::HostDenied),
            ("HOST_APPROVAL_TIMEOUT", DenyReason::HostDenied),
            ("INCOMPLETE_CARD_PIN_SEQ", DenyReason::InvalidPin),
            ("INVALID_FACILITY_code", DenyReason::InvalidFormat),
            ("INVALID_FORMAT", DenyReason::InvalidFormat),
            ("INVALID_ISSUE_code", DenyReason::InvalidFormat),
            ("INVALID_PIN", DenyReason::InvalidPin),
            ("INVALID_TIME", DenyReason::NotPermittedAtThisTime),
            ("NO_DOOR_ACCESS", DenyReason::Unauthorized),
            ("NO_ESCORT_CARD", DenyReason::EscortRequired),
            ("NO_SECOND_CARD", DenyReason::SecondCardRequired),
            ("OCCUPANCY_LIMIT_REACHED", DenyReason::OccupancyLimit),
            ("UNAUTHORIZED_ASSETS", DenyReason::Unauthorized),
            ("USE_LIMIT", DenyReason::UseLimit),
        ];
        for (suffix, reason) in table {
            let action = format!("{DENIED}_{suffix}");
            let Body::Access(access) = event(&action, &mut Fields::default()).1 else {
                panic!("{suffix} is no access event");
            };
            assert_eq!(access.deny_reason, Some(reason), "{suffix}");
            assert_eq!(access.deny_reason_raw.as_deref(), Some(suffix));
        }
    }
}
