//! Confluent wire format: a zero byte, the schema's id (big-endian), the Avro datum.

mod cloudevents;
mod datum;

use std::io::{self, Read};

use apache_avro::Schema;
use apache_avro::types::Value;

use crate::{CanonicalTopic, Event, EventType, Provider, schema};

pub use cloudevents::{ce_headers, cloudevent_json};

const MAGIC: u8 = 0;
const PREFIX_BYTES: usize = 5;

/// No event is larger; a topic takes records of 4 MiB, of which key and headers need a part. The
/// Avro reader is held to it as well, as it trusts the lengths it reads.
const EVENT_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Bytes that are no event, or an event that has no bytes.
///
/// The Avro library's own errors quote the content and are dropped: no content in a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("event type {event_type} has no place in topic {topic}")]
    TypeInWrongTopic {
        event_type: EventType,
        topic: CanonicalTopic,
    },
    #[error("not in the confluent wire format")]
    NotFramed,
    #[error("schema id {0} is not known")]
    UnknownSchema(i32),
    /// Written by a newer version: readers are upgraded before writers.
    #[error("event type `{0}` is not known")]
    UnknownType(String),
    #[error("provider `{0}` is not known")]
    UnknownProvider(String),
    #[error("larger than {EVENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the datum does not fit its schema")]
    Malformed,
}

/// Encodes an event under an id that stands for its topic's current schema.
pub fn encode(event: &Event, schema_id: i32) -> Result<Vec<u8>, WireError> {
    let topic = event.body.topic();
    let event_type = event.envelope.event_type;
    if event_type.topic() != topic {
        return Err(WireError::TypeInWrongTopic { event_type, topic });
    }
    let mut bytes = Vec::with_capacity(512);
    bytes.push(MAGIC);
    bytes.extend(schema_id.to_be_bytes());
    datum::write(event, &mut bytes).map_err(|_| WireError::Malformed)?;
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(WireError::TooLarge);
    }
    Ok(bytes)
}

/// Decodes an event that was written under one of the embedded ids.
pub fn decode(bytes: &[u8]) -> Result<Event, WireError> {
    decode_with(bytes, |id| schema::by_id(id).map(|found| &found.schema))
}

/// Decodes an event whose writer's schema the lookup finds, and resolves it to the current one:
/// a symbol unknown here becomes its enum's default, an unknown field is passed over.
///
/// Give out the embedded schema where it is the same, as that needs no resolution.
pub fn decode_with<'s>(
    bytes: &[u8],
    schema_of: impl Fn(i32) -> Option<&'s Schema>,
) -> Result<Event, WireError> {
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(WireError::TooLarge);
    }
    let (id, datum) = unframe(bytes)?;
    let writer = schema_of(id).ok_or(WireError::UnknownSchema(id))?;
    let reader = schema::current_of(writer).ok_or(WireError::UnknownSchema(id))?;
    let resolved = (!std::ptr::eq(writer, &reader.schema)).then_some(&reader.schema);

    let record = read(datum, writer, resolved)?;
    let event_type = event_type_of(&record)?;
    if event_type.topic() != reader.topic {
        let topic = reader.topic;
        return Err(WireError::TypeInWrongTopic { event_type, topic });
    }
    check_provider(&record)?;
    Event::from_avro(reader.topic, &record).map_err(|_| WireError::Malformed)
}

fn unframe(bytes: &[u8]) -> Result<(i32, &[u8]), WireError> {
    let (prefix, datum) = bytes
        .split_first_chunk::<PREFIX_BYTES>()
        .ok_or(WireError::NotFramed)?;
    match *prefix {
        [MAGIC, a, b, c, d] => Ok((i32::from_be_bytes([a, b, c, d]), datum)),
        _ => Err(WireError::NotFramed),
    }
}

fn read(datum: &[u8], writer: &Schema, reader: Option<&Schema>) -> Result<Value, WireError> {
    apache_avro::util::max_allocation_bytes(EVENT_BYTES_MAX);
    let mut datum = Datum {
        rest: datum,
        cut: false,
    };
    let record = apache_avro::from_avro_datum(writer, &mut datum, reader);
    match record {
        Ok(record) if datum.rest.is_empty() && !datum.cut => Ok(record),
        Ok(_) | Err(_) => Err(WireError::Malformed),
    }
}

/// Remembers a read past the end: the Avro reader takes what a cut datum lacks for null.
struct Datum<'a> {
    rest: &'a [u8],
    cut: bool,
}

impl Read for Datum<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.rest.read(buffer)?;
        self.cut |= read < buffer.len();
        Ok(read)
    }
}

fn event_type_of(record: &Value) -> Result<EventType, WireError> {
    let name = text_of(record, "type")?;
    name.parse()
        .map_err(|_| WireError::UnknownType(name.to_owned()))
}

fn check_provider(record: &Value) -> Result<(), WireError> {
    let name = text_of(record, "provider")?;
    match name.parse::<Provider>() {
        Ok(_) => Ok(()),
        Err(_) => Err(WireError::UnknownProvider(name.to_owned())),
    }
}

fn text_of<'r>(record: &'r Value, name: &str) -> Result<&'r str, WireError> {
    let Value::Record(fields) = record else {
        return Err(WireError::Malformed);
    };
    let text = fields.iter().find_map(|(field, value)| match value {
        Value::String(text) if field == name => Some(text.as_str()),
        _ => None,
    });
    text.ok_or(WireError::Malformed)
}

#[cfg(test)]
mod tests;
