//! An event: envelope and body as one flat record.

use crate::{Body, Envelope};

/// One canonical event. Avro and JSON show it flat: the envelope's fields, then the body's.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub envelope: Envelope,
    pub body: Body,
}
