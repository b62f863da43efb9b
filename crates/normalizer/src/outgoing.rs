//! From a raw delivery to the canonical records that it brings.

use events::schema::Ids;
use events::{Event, wire};
use kafka::{Failure, RECORD_BYTES_MAX, Record, Transactor};
use providers::{Mapped, Raw, Reason, Unmappable};

/// What a record needs beside its value, key and the provider's spelling of its type.
const HEADROOM_BYTES: usize = 64 * 1024;

/// One canonical record, ready to be written.
pub(crate) struct Outgoing {
    pub(crate) key: String,
    pub(crate) event: Event,
    pub(crate) value: Vec<u8>,
}

/// Maps and encodes all events of a delivery before any is written, so that a delivery comes out
/// whole or goes to quarantine whole.
pub(crate) fn outgoing_of(raw: &Raw<'_>, ids: Ids) -> Result<Vec<Outgoing>, Unmappable> {
    let mapped = providers::map(raw)?.into_iter();
    mapped.map(|mapped| encode(mapped, ids)).collect()
}

fn encode(mapped: Mapped, ids: Ids) -> Result<Outgoing, Unmappable> {
    let not_encodable = |detail: String| Unmappable {
        reason: Reason::NotEncodable,
        detail,
    };
    let Mapped { key, event } = mapped;
    let id = ids.of(event.body.topic());
    let value = wire::encode(&event, id).map_err(|error| not_encodable(error.to_string()))?;
    // A record that its topic does not take would be tried again for ever.
    let bytes = value.len() + key.len() + event.envelope.native_type.len();
    let bytes_max = usize::try_from(RECORD_BYTES_MAX).unwrap_or(usize::MAX) - HEADROOM_BYTES;
    if bytes > bytes_max {
        return Err(not_encodable(format!(
            "{bytes} bytes, {bytes_max} are the most"
        )));
    }
    Ok(Outgoing { key, event, value })
}

impl Outgoing {
    /// Adds the record to the open transaction.
    pub(crate) fn write(&self, out: &Transactor, topic: &str) -> Result<(), Failure> {
        let headers = wire::ce_headers(&self.event, &self.key);
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_bytes()));
        out.send(&Record {
            topic,
            partition: None,
            key: Some(self.key.as_bytes()),
            headers: &headers,
            value: Some(&self.value),
        })
    }
}
