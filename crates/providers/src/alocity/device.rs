//! Alocity's devices and the doors they serve.

use events::{Body, Device, DeviceRef, EventType, LockState, PhysicalState, Portal};

use crate::json::Fields;

/// A health check; an empty address means that the connection's state changed.
pub(super) fn health(payload: &mut Fields<'_>) -> (EventType, Body) {
    let ip_address = payload.text("ipAddress");
    let connected = payload.flag("isConnected");
    let event_type = match (&ip_address, connected) {
        (None, Some(true)) => EventType::DeviceOnline,
        (None, Some(false)) => EventType::DeviceOffline,
        (Some(_), _) | (_, None) => EventType::DeviceHealth,
    };
    let body = Device {
        device: device(payload),
        connected,
        database_active: payload.flag("databaseActive"),
        firmware: payload.text("firmwareVersion"),
        ip_address,
        ..Device::default()
    };
    (event_type, Body::Device(body))
}

pub(super) fn door_state(payload: &mut Fields<'_>) -> (EventType, Body) {
    let state_raw = payload.text("doorState");
    let word = state_raw
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let (event_type, physical_state) = match word.as_str() {
        "open" => (EventType::PortalOpened, PhysicalState::Open),
        "closed" => (EventType::PortalClosed, PhysicalState::Closed),
        _ => (EventType::PortalChanged, PhysicalState::Unknown),
    };
    let (portal, device) = door(payload);
    let body = Device {
        portal,
        device,
        physical_state,
        state_raw,
        ..Device::default()
    };
    (event_type, Body::Device(body))
}

pub(super) fn lock_state(payload: &mut Fields<'_>) -> (EventType, Body) {
    let state_raw = payload.text("lockState");
    let word = state_raw
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let (event_type, lock_state) = match word.as_str() {
        "locked" => (EventType::PortalLocked, LockState::Locked),
        "unlocked" => (EventType::PortalUnlocked, LockState::Unlocked),
        _ => (EventType::PortalChanged, LockState::Unknown),
    };
    let (portal, device) = door(payload);
    let body = Device {
        portal,
        device,
        lock_state,
        state_raw,
        ..Device::default()
    };
    (event_type, Body::Device(body))
}

/// Takes the serial number, which names the device and its door.
pub(super) fn door(payload: &mut Fields<'_>) -> (Option<Portal>, Option<DeviceRef>) {
    let device = device(payload);
    let portal = device.as_ref().map(|device| Portal {
        id: device.id.clone(),
        ..Portal::default()
    });
    (portal, device)
}

fn device(payload: &mut Fields<'_>) -> Option<DeviceRef> {
    let serial = payload.text("serialNumber")?;
    Some(DeviceRef {
        id: serial.clone(),
        serial: Some(serial),
        ..DeviceRef::default()
    })
}
