//! The canonical vocabulary: events, their types, the topics they live in, and their Avro form.

mod body;
mod envelope;
mod event;
mod event_type;
#[cfg(test)]
mod samples;
pub mod schema;
mod time;
mod topic;
pub mod wire;

pub use body::{
    Access, Account, Actor, Alarm, Body, Change, Credential, CredentialRef, Decision, DenyReason,
    Device, DeviceRef, Direction, Entitlement, EntitlementKind, LockState, Person, PhysicalState,
    Portal, PortalMode, Reader, Resource, Site,
};
pub use envelope::{Envelope, IdBasis, Origin, RawPosition, TimeBasis};
pub use event::Event;
pub use event_type::EventType;
pub use time::{Time, TimeError};
pub use topic::{CanonicalTopic, Provider, Topic, UnknownName};
