//! An event: envelope and body as one flat record.

use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Access, Account, Body, CanonicalTopic, Credential, Device, Envelope};

/// One canonical event. Avro and JSON show it flat: the envelope's fields, then the body's.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub envelope: Envelope,
    pub body: Body,
}

impl Event {
    /// Reads an Avro record that has the current schema of its topic.
    pub(crate) fn from_avro(
        topic: CanonicalTopic,
        record: &apache_avro::types::Value,
    ) -> Result<Self, apache_avro::Error> {
        // Envelope and body read the same record, each ignoring the other's fields.
        let envelope = apache_avro::from_value(record)?;
        let body = match topic {
            CanonicalTopic::Access => Body::Access(apache_avro::from_value(record)?),
            CanonicalTopic::Credential => Body::Credential(apache_avro::from_value(record)?),
            CanonicalTopic::Device => Body::Device(apache_avro::from_value(record)?),
            CanonicalTopic::Account => Body::Account(apache_avro::from_value(record)?),
        };
        Ok(Self { envelope, body })
    }
}

/// Reads the JSON form; the type tells the body.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = serde_json::Value::deserialize(deserializer)?;
        let envelope = Envelope::deserialize(&record).map_err(D::Error::custom)?;
        let body = match envelope.event_type.topic() {
            CanonicalTopic::Access => Access::deserialize(&record).map(Body::Access),
            CanonicalTopic::Credential => Credential::deserialize(&record).map(Body::Credential),
            CanonicalTopic::Device => Device::deserialize(&record).map(Body::Device),
            CanonicalTopic::Account => Account::deserialize(&record).map(Body::Account),
        };
        let body = body.map_err(D::Error::custom)?;
        Ok(Self { envelope, body })
    }
}

/// Writes the fields in the order of the schema, which the Avro writer relies on. By hand, as
/// serde flattens into a map, and that writer takes no map for a record.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body_fields = match self.body {
            Body::Access(_) => Access::FIELDS,
            Body::Credential(_) => Credential::FIELDS,
            Body::Device(_) => Device::FIELDS,
            Body::Account(_) => Account::FIELDS,
        };
        let mut record = serializer.serialize_struct("Event", Envelope::FIELDS + body_fields)?;
        self.envelope.write(&mut record)?;
        match &self.body {
            Body::Access(body) => body.write(&mut record)?,
            Body::Credential(body) => body.write(&mut record)?,
            Body::Device(body) => body.write(&mut record)?,
            Body::Account(body) => body.write(&mut record)?,
        }
        record.end()
    }
}

impl Envelope {
    const FIELDS: usize = 14;

    fn write<R: SerializeStruct>(&self, record: &mut R) -> Result<(), R::Error> {
        record.serialize_field("event_id", self.event_id.as_hyphenated())?;
        record.serialize_field("type", &self.event_type)?;
        record.serialize_field("provider", self.provider.name())?;
        record.serialize_field("source", &self.source)?;
        record.serialize_field("tenant", &self.tenant)?;
        record.serialize_field("native_id", &self.native_id)?;
        record.serialize_field("id_basis", &self.id_basis)?;
        record.serialize_field("native_type", &self.native_type)?;
        record.serialize_field("occurred_at", &self.occurred_at)?;
        record.serialize_field("occurred_at_basis", &self.occurred_at_basis)?;
        record.serialize_field("received_at", &self.received_at)?;
        record.serialize_field("origin", &self.origin)?;
        record.serialize_field("raw", &self.raw)?;
        record.serialize_field("attributes", &self.attributes)
    }
}

/// Lists the fields of a body in the schema's order; one that is forgotten here does not build.
macro_rules! body_fields {
    ($body:ident { $($field:ident),* $(,)? }) => {
        impl $body {
            const FIELDS: usize = [$(stringify!($field)),*].len();

            fn write<R: SerializeStruct>(&self, record: &mut R) -> Result<(), R::Error> {
                let Self { $($field),* } = self;
                $(record.serialize_field(stringify!($field), $field)?;)*
                Ok(())
            }
        }
    };
}

body_fields!(Access {
    decision,
    deny_reason,
    deny_reason_raw,
    portal,
    device,
    site,
    person,
    credential,
});

body_fields!(Credential {
    change,
    state,
    credential,
    person,
    entitlement,
    site,
});

body_fields!(Device {
    portal,
    device,
    site,
    physical_state,
    lock_state,
    alarm,
    state_raw,
    connected,
    database_active,
    firmware,
    ip_address,
    readers,
});

body_fields!(Account {
    change,
    resource,
    actor,
    site,
    message,
});

#[cfg(test)]
mod tests;
