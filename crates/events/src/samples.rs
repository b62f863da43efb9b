//! Events for tests: with every field filled, and with as few as may be.

use uuid::Uuid;

use crate::{
    Access, Account, Actor, Alarm, Body, CanonicalTopic, Change, Credential, CredentialRef,
    Decision, DenyReason, Device, DeviceRef, Direction, Entitlement, EntitlementKind, Envelope,
    Event, EventType, IdBasis, LockState, Origin, Person, PhysicalState, Portal, PortalMode,
    Provider, RawPosition, Reader, Resource, Site, Time, TimeBasis,
};

/// One full event of each topic, in the order of the topics.
pub(crate) fn full() -> Vec<Event> {
    CanonicalTopic::ALL.into_iter().map(full_of).collect()
}

pub(crate) fn full_of(topic: CanonicalTopic) -> Event {
    let (event_type, body) = match topic {
        CanonicalTopic::Access => (EventType::AccessDenied, Body::Access(access())),
        CanonicalTopic::Credential => {
            let body = Body::Credential(credential());
            (EventType::EntitlementCheckedIn, body)
        }
        CanonicalTopic::Device => (EventType::PortalForced, Body::Device(device())),
        CanonicalTopic::Account => (EventType::AuditUpdated, Body::Account(account())),
    };
    let envelope = Envelope {
        event_id: Uuid::from_u128(0x5fd0_aad3_d64a_8990_8414_d61e_0102_0304),
        event_type,
        provider: Provider::Genea,
        source: "hq-doors".to_owned(),
        tenant: "acme".to_owned(),
        native_id: text("5fd0aad3d64a99000414d61e"),
        id_basis: IdBasis::Provider,
        native_type: "SEQUR_ACCESS_DENIED".to_owned(),
        occurred_at: at("2026-05-12T18:00:00.123456Z"),
        occurred_at_basis: TimeBasis::Payload,
        received_at: at("2026-05-12T18:00:01Z"),
        origin: Origin::Live,
        raw: Some(RawPosition {
            topic: "cardea.raw.genea".to_owned(),
            partition: 11,
            offset: 5_000_000_000,
            index: 2,
        }),
        attributes: [("event_note".to_owned(), "dør 7 ✓".to_owned())].into(),
    };
    Event { envelope, body }
}

/// An event of that type with nothing that may be left out.
pub(crate) fn sparse(event_type: EventType) -> Event {
    let envelope = Envelope {
        event_id: Uuid::nil(),
        event_type,
        provider: Provider::Gxp,
        source: String::new(),
        tenant: String::new(),
        native_id: None,
        id_basis: IdBasis::default(),
        native_type: String::new(),
        occurred_at: at("1969-12-31T23:59:59.999999Z"),
        occurred_at_basis: TimeBasis::default(),
        received_at: at("1970-01-01T00:00:00Z"),
        origin: Origin::default(),
        raw: None,
        attributes: [].into(),
    };
    let body = match event_type.topic() {
        CanonicalTopic::Access => Body::Access(Access::default()),
        CanonicalTopic::Credential => Body::Credential(Credential::default()),
        CanonicalTopic::Device => Body::Device(Device::default()),
        CanonicalTopic::Account => Body::Account(Account::default()),
    };
    Event { envelope, body }
}

fn access() -> Access {
    Access {
        decision: Decision::Denied,
        deny_reason: Some(DenyReason::Elevator),
        deny_reason_raw: text("No elevator access"),
        portal: Some(portal()),
        device: Some(device_ref()),
        site: Some(site()),
        person: Some(person()),
        credential: Some(credential_ref()),
    }
}

fn credential() -> Credential {
    Credential {
        change: Change::CheckedIn,
        state: text("ATTENDED"),
        credential: Some(credential_ref()),
        person: Some(person()),
        entitlement: Some(Entitlement {
            kind: EntitlementKind::Session,
            id: text("64a1f0c2d3e4b5a697880010"),
            name: text("Morning class"),
            status: text("BOOKED"),
            starts_at: Some(at("2026-05-12T18:00:00Z")),
            ends_at: Some(at("2026-05-12T19:00:00Z")),
            attended: Some(true),
        }),
        site: Some(site()),
    }
}

fn device() -> Device {
    Device {
        portal: Some(portal()),
        device: Some(device_ref()),
        site: Some(site()),
        physical_state: PhysicalState::Fault,
        lock_state: LockState::Fault,
        alarm: Alarm::ForcedAndHeld,
        state_raw: text("13"),
        connected: Some(false),
        database_active: Some(true),
        firmware: text("1.29.1"),
        ip_address: text("192.0.2.7"),
        readers: vec![
            Reader {
                id: "reader-1".to_owned(),
                status: text("ONLINE"),
                last_scan_at: Some(at("2026-05-12T17:59:59Z")),
            },
            Reader {
                id: "reader-2".to_owned(),
                ..Reader::default()
            },
        ],
    }
}

fn account() -> Account {
    Account {
        change: Change::Published,
        resource: Some(Resource {
            kind: "card_template".to_owned(),
            id: text("0xd3adb00b5"),
            name: text("Employee badge"),
        }),
        actor: Some(Actor {
            kind: text("API_KEY"),
            id: text("key-1"),
            name: text("Bob"),
            email: text("bob@example.com"),
        }),
        site: Some(site()),
        message: text("Published the template"),
    }
}

fn portal() -> Portal {
    Portal {
        id: "door-1".to_owned(),
        name: text("Front door"),
        direction: Direction::Out,
        mode: PortalMode::Normal,
    }
}

fn device_ref() -> DeviceRef {
    DeviceRef {
        id: "6ab78574-2e6d-46c1-abdc-577000b15e53".to_owned(),
        name: text("Lobby"),
        serial: text("0001"),
        mac: text("00:0f:e5:0b:a5:4e"),
        model: text("LP1502"),
    }
}

fn site() -> Site {
    Site {
        id: text("site-1"),
        name: text("Headquarters"),
        timezone: text("America/New_York"),
    }
}

fn person() -> Person {
    Person {
        id: text("fc82ca24-123a-4f4c-8c0b-577000b15e53"),
        name: text("Bob"),
        email: text("bob@example.com"),
        active: Some(true),
    }
}

fn credential_ref() -> CredentialRef {
    CredentialRef {
        id: text("card-1"),
        kind: text("KEYCARD"),
        number: text("12006465125"),
        facility_code: text("42"),
        status: text("ACTIVE"),
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}
