//! What Genea tells of doors and readers.

use events::{Alarm, Body, Device, EventType, LockState, PhysicalState, Portal, PortalMode};

use super::{controller, portal, site};
use crate::json::Fields;

/// The sensor's action is the same for both alarms; the additional information tells them apart.
pub(super) fn alarm(payload: &mut Fields<'_>) -> (EventType, Body) {
    let forced = now("Forced Open State", payload);
    let held = now("Held Open State", payload);
    let (event_type, alarm) = match (forced, held) {
        (true, true) => (EventType::PortalForced, Alarm::ForcedAndHeld),
        (true, false) => (EventType::PortalForced, Alarm::ForcedOpen),
        (false, true) => (EventType::PortalHeld, Alarm::HeldOpen),
        (false, false) => (EventType::PortalChanged, Alarm::Unknown),
    };
    let body = Device {
        alarm,
        ..device(payload)
    };
    (event_type, Body::Device(body))
}

/// Reads `Prior : Yes, Current : No`.
fn now(state: &str, payload: &Fields<'_>) -> bool {
    let text = payload.text_at(&["additional_info", state]);
    let text = text.unwrap_or_default().to_ascii_lowercase();
    let current = text
        .split_once("current")
        .map_or("", |(_, current)| current);
    current.trim_matches([' ', ':']) == "yes"
}

pub(super) fn secured(payload: &mut Fields<'_>) -> (EventType, Body) {
    let body = Device {
        alarm: Alarm::Normal,
        ..device(payload)
    };
    (EventType::PortalSecured, Body::Device(body))
}

pub(super) fn unlocked(payload: &mut Fields<'_>) -> (EventType, Body) {
    let remote = (EventType::PortalUnlocked, LockState::Unlocked);
    mode(PortalMode::Unlocked, remote, payload)
}

pub(super) fn card_only(payload: &mut Fields<'_>) -> (EventType, Body) {
    let remote = (EventType::PortalLocked, LockState::Locked);
    mode(PortalMode::CardOnly, remote, payload)
}

/// The door's access mode; `remote` is what it means when an API key set it.
fn mode(
    mode: PortalMode,
    remote: (EventType, LockState),
    payload: &mut Fields<'_>,
) -> (EventType, Body) {
    let actor = payload.text_at(&["actor", "type"]);
    let (event_type, lock_state) = match actor.as_deref() {
        Some("API_KEY") => remote,
        Some(_) | None => (EventType::PortalModeChanged, LockState::Unknown),
    };
    let device = device(payload);
    let body = Device {
        portal: device.portal.map(|portal| Portal { mode, ..portal }),
        lock_state,
        ..device
    };
    (event_type, Body::Device(body))
}

pub(super) fn quick_grant(payload: &mut Fields<'_>) -> (EventType, Body) {
    let body = Device {
        state_raw: payload.text("event_message"),
        ..device(payload)
    };
    (EventType::PortalUnlocked, Body::Device(body))
}

pub(super) fn reader_status(payload: &mut Fields<'_>) -> (EventType, Body) {
    let body = Device {
        state_raw: payload.text("event_message"),
        ..device(payload)
    };
    (EventType::DeviceHealth, Body::Device(body))
}

fn device(payload: &mut Fields<'_>) -> Device {
    let status = payload.within("door", |door| door.text("door_status"));
    Device {
        physical_state: match status.flatten().as_deref() {
            Some("OPEN") => PhysicalState::Open,
            Some("CLOSED") => PhysicalState::Closed,
            Some(_) | None => PhysicalState::Unknown,
        },
        portal: portal(payload),
        device: controller(payload),
        site: site(payload),
        ..Device::default()
    }
}
