//! The Avro schemas and their ids.

mod compatibility;

use std::sync::LazyLock;

use apache_avro::Schema;

use crate::CanonicalTopic;

pub use compatibility::{Incompatible, objections};

/// One released version of a topic's schema.
#[derive(Debug)]
pub struct Versioned {
    pub topic: CanonicalTopic,
    /// Counts from 1 within the topic.
    pub version: i32,
    /// The id in the Confluent wire format, unique over all topics.
    pub id: i32,
    /// The text of the file.
    pub text: &'static str,
    pub schema: Schema,
}

/// Every version ever released; none is changed or removed, as their ids stand in records that are
/// still read. The ids start far above those that a registry gives out, so that ours never mean
/// another team's schema there.
///
/// A new version is a change of `schemas/<topic>.avsc`, a copy of it in `schemas/released` and a
/// new line here, with the next id.
static RELEASED: LazyLock<[Versioned; 4]> = LazyLock::new(|| {
    use CanonicalTopic::{Access, Account, Credential, Device};
    [
        released(
            2_000_000_001,
            Access,
            1,
            include_str!("../../../schemas/released/access.1.avsc"),
        ),
        released(
            2_000_000_002,
            Credential,
            1,
            include_str!("../../../schemas/released/credential.1.avsc"),
        ),
        released(
            2_000_000_003,
            Device,
            1,
            include_str!("../../../schemas/released/device.1.avsc"),
        ),
        released(
            2_000_000_004,
            Account,
            1,
            include_str!("../../../schemas/released/account.1.avsc"),
        ),
    ]
});

fn released(id: i32, topic: CanonicalTopic, version: i32, text: &'static str) -> Versioned {
    Versioned {
        topic,
        version,
        id,
        text,
        schema: Schema::parse_str(text).expect("embedded schemas are parsed by the tests"),
    }
}

/// Lists every version, the oldest of a topic first.
pub fn all() -> &'static [Versioned] {
    RELEASED.as_slice()
}

/// Returns the version that events of that topic are written with.
pub fn current(topic: CanonicalTopic) -> &'static Versioned {
    let latest = all().iter().rfind(|released| released.topic == topic);
    latest.expect("every topic has a released schema")
}

/// Finds the version by the id in the Confluent wire format.
pub fn by_id(id: i32) -> Option<&'static Versioned> {
    all().iter().find(|released| released.id == id)
}

/// The ids that events are written under: for each topic that of its current version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids([i32; CanonicalTopic::ALL.len()]);

impl Ids {
    /// Takes the ids in the order of [`CanonicalTopic::ALL`].
    pub const fn new(ids: [i32; CanonicalTopic::ALL.len()]) -> Self {
        Self(ids)
    }

    /// Returns the ids that Cardea ships.
    pub fn embedded() -> Self {
        Self(CanonicalTopic::ALL.map(|topic| current(topic).id))
    }

    pub const fn of(self, topic: CanonicalTopic) -> i32 {
        self.0[topic as usize]
    }
}

impl Versioned {
    /// Returns the schema without its layout, the keys in order: one text for one schema.
    pub fn compact(&self) -> String {
        let tree: serde_json::Value =
            serde_json::from_str(self.text).expect("embedded schemas are parsed by the tests");
        tree.to_string()
    }
}

/// The schema that an event was written with.
#[derive(Debug)]
pub enum Writer {
    Released(&'static Versioned),
    /// Of another release of Cardea.
    Other(Schema),
}

impl Writer {
    /// Reads a schema, whatever its layout and docs.
    pub fn parse(text: &str) -> Result<Self, NotASchema> {
        let schema = Schema::parse_str(text).map_err(|_| NotASchema)?;
        let mut newest_first = all().iter().rev();
        Ok(match newest_first.find(|known| known.schema == schema) {
            Some(known) => Self::Released(known),
            None => Self::Other(schema),
        })
    }

    pub fn schema(&self) -> &Schema {
        match self {
            Self::Released(known) => &known.schema,
            Self::Other(schema) => schema,
        }
    }

    /// Tells whether it is that very version.
    pub fn is(&self, version: &Versioned) -> bool {
        match self {
            Self::Released(known) => known.id == version.id,
            Self::Other(_) => false,
        }
    }
}

/// A text that is no Avro schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an avro schema")]
pub struct NotASchema;

/// Finds the newest version of a topic that the text describes, whatever its layout and docs.
pub fn find(topic: CanonicalTopic, text: &str) -> Result<Option<&'static Versioned>, NotASchema> {
    Ok(match Writer::parse(text)? {
        Writer::Released(known) if known.topic == topic => Some(known),
        Writer::Released(_) | Writer::Other(_) => None,
    })
}

/// Finds the current version of the record that a schema, known by its full name, describes.
pub(crate) fn current_of(writer: &Schema) -> Option<&'static Versioned> {
    CanonicalTopic::ALL
        .into_iter()
        .map(current)
        .find(|reader| reader.schema.name() == writer.name())
}

#[cfg(test)]
mod tests;
