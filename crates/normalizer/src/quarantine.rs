//! The quarantine: raw records that could not be mapped, with the reason.
//!
//! Key: the raw position, `<topic>/<partition>/<offset>`, so that a record can be resolved by a
//! tombstone (kafka-rules 19). Value: the body as it came. Headers: those of the raw record, then
//! `reason`, `detail`, `raw_topic`, `raw_partition` and `raw_offset`.

use kafka::{BorrowedMessage, Failure, Headers as _, Message, Record, Transactor};
use providers::Unmappable;

/// Writes a raw record and its reason to the quarantine.
pub(crate) fn write(
    out: &Transactor,
    topic: &str,
    raw: &BorrowedMessage<'_>,
    unmappable: &Unmappable,
) -> Result<(), Failure> {
    let (partition, offset) = (raw.partition().to_string(), raw.offset().to_string());
    let key = format!("{}/{partition}/{offset}", raw.topic());
    let own: [(&str, &[u8]); 5] = [
        ("reason", unmappable.reason.name().as_bytes()),
        ("detail", unmappable.detail.as_bytes()),
        ("raw_topic", raw.topic().as_bytes()),
        ("raw_partition", partition.as_bytes()),
        ("raw_offset", offset.as_bytes()),
    ];
    let came_with = raw.headers().into_iter().flat_map(|headers| headers.iter());
    let headers: Vec<(&str, &[u8])> = came_with
        .map(|header| (header.key, header.value.unwrap_or_default()))
        .chain(own)
        .collect();
    out.send(&Record {
        topic,
        partition: None,
        key: Some(key.as_bytes()),
        headers: &headers,
        value: Some(raw.payload().unwrap_or_default()),
    })
}
