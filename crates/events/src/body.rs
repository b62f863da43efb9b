//! The four bodies. Enums start with the default that unknown symbols fall back to.
//!
//! Terms follow ONVIF (access control, door control) and the OCSF draft on physical access.

use serde::{Deserialize, Serialize};

use crate::{CanonicalTopic, Time};

/// What the event says beside its envelope; one record type a topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Access(Access),
    Credential(Credential),
    Device(Device),
    Account(Account),
}

impl Body {
    /// Returns the topic whose schema this body has.
    pub fn topic(&self) -> CanonicalTopic {
        match self {
            Self::Access(_) => CanonicalTopic::Access,
            Self::Credential(_) => CanonicalTopic::Credential,
            Self::Device(_) => CanonicalTopic::Device,
            Self::Account(_) => CanonicalTopic::Account,
        }
    }
}

/// Somebody asked to pass a portal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Access {
    pub decision: Decision,
    pub deny_reason: Option<DenyReason>,
    /// The provider's own words for the denial.
    pub deny_reason_raw: Option<String>,
    pub portal: Option<Portal>,
    pub device: Option<DeviceRef>,
    pub site: Option<Site>,
    pub person: Option<Person>,
    pub credential: Option<CredentialRef>,
}

/// A credential, a person or an entitlement (booking, membership, registration) changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    pub change: Change,
    /// The provider's own word for the state after the change.
    pub state: Option<String>,
    pub credential: Option<CredentialRef>,
    pub person: Option<Person>,
    pub entitlement: Option<Entitlement>,
    pub site: Option<Site>,
}

/// A portal or a device changed its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Device {
    pub portal: Option<Portal>,
    pub device: Option<DeviceRef>,
    pub site: Option<Site>,
    pub physical_state: PhysicalState,
    pub lock_state: LockState,
    pub alarm: Alarm,
    /// The provider's own word or number for the state.
    pub state_raw: Option<String>,
    pub connected: Option<bool>,
    pub database_active: Option<bool>,
    pub firmware: Option<String>,
    pub ip_address: Option<String>,
    pub readers: Vec<Reader>,
}

/// Administration: audit entries, templates, and what fits nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub change: Change,
    pub resource: Option<Resource>,
    pub actor: Option<Actor>,
    pub site: Option<Site>,
    pub message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Portal {
    pub id: String,
    pub name: Option<String>,
    pub direction: Direction,
    pub mode: PortalMode,
}

/// A controller, a reader or a gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceRef {
    pub id: String,
    pub name: Option<String>,
    pub serial: Option<String>,
    pub mac: Option<String>,
    pub model: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    pub id: Option<String>,
    pub name: Option<String>,
    /// IANA name of the time zone.
    pub timezone: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Person {
    pub id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub active: Option<bool>,
}

/// What is presented at a reader.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CredentialRef {
    pub id: Option<String>,
    /// The provider's own word: `KEYCARD`, `barcode`, `desfire`.
    pub kind: Option<String>,
    pub number: Option<String>,
    pub facility_code: Option<String>,
    pub status: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entitlement {
    pub kind: EntitlementKind,
    pub id: Option<String>,
    pub name: Option<String>,
    /// The provider's own word.
    pub status: Option<String>,
    pub starts_at: Option<Time>,
    pub ends_at: Option<Time>,
    pub attended: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reader {
    pub id: String,
    pub status: Option<String>,
    pub last_scan_at: Option<Time>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// The provider's own word: `CARD`, `card_template`.
    pub kind: String,
    pub id: Option<String>,
    pub name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// The provider's own word: `USER`, `SYSTEM`, `API_KEY`.
    pub kind: Option<String>,
    pub id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    #[default]
    Unknown,
    Granted,
    Denied,
}

/// ONVIF's seven reasons, and those that providers give beyond them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DenyReason {
    #[default]
    Other,
    CredentialNotEnabled,
    CredentialNotActive,
    CredentialExpired,
    InvalidPin,
    NotPermittedAtThisTime,
    Unauthorized,
    AntiPassback,
    Duress,
    OccupancyLimit,
    DoorLocked,
    Lockdown,
    UnknownCredential,
    InvalidFormat,
    EscortRequired,
    SecondCardRequired,
    HostDenied,
    UseLimit,
    Elevator,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    #[default]
    Unknown,
    In,
    Out,
}

/// ONVIF `DoorMode`, as far as providers tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PortalMode {
    #[default]
    Unknown,
    Locked,
    Unlocked,
    /// Opens for a valid credential.
    CardOnly,
    LockedDown,
    /// A lockdown ended; what the portal went back to is not told.
    Normal,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhysicalState {
    #[default]
    Unknown,
    Open,
    Closed,
    Fault,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LockState {
    #[default]
    Unknown,
    Locked,
    Unlocked,
    Fault,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Alarm {
    #[default]
    Unknown,
    Normal,
    ForcedOpen,
    HeldOpen,
    ForcedAndHeld,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntitlementKind {
    #[default]
    Unknown,
    Booking,
    CourseBooking,
    Membership,
    Service,
    Registration,
    Session,
}

/// What happened to the thing; OCSF entity management, widened by the life of a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Change {
    #[default]
    Unknown,
    Created,
    Updated,
    Activated,
    Suspended,
    Resumed,
    Revoked,
    Deleted,
    Expired,
    Failed,
    Cancelled,
    CheckedIn,
    Attached,
    PublishRequested,
    Published,
}
