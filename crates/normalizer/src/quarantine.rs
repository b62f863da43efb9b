//! The quarantine: raw records that could not be mapped, with the reason.
//!
//! Key: the raw position, `<topic>/<partition>/<offset>`, so that a record can be resolved by a
//! tombstone (kafka-rules 19). Value: the body as it came. Headers: those of the raw record, then
//! `reason`, `detail`, `raw_topic`, `raw_partition`, `raw_offset` and `raw_key`.
//!
//! A record that is retried is written to its raw partition once more, with its position in the
//! header `retry_of`; whatever becomes of it then, the normalizer resolves the old one.

mod held;

use kafka::{BorrowedMessage, Failure, Message, Record, Transactor, headers_of};
use providers::Unmappable;

pub use held::{Held, NotRetried, Whole, each, list, retry};

const REASON: &str = "reason";
const DETAIL: &str = "detail";
const RAW_TOPIC: &str = "raw_topic";
const RAW_PARTITION: &str = "raw_partition";
const RAW_OFFSET: &str = "raw_offset";
const RAW_KEY: &str = "raw_key";
const RETRY_OF: &str = "retry_of";
/// What a raw record does not have before it is in quarantine.
const OWN: [&str; 7] = [
    REASON,
    DETAIL,
    RAW_TOPIC,
    RAW_PARTITION,
    RAW_OFFSET,
    RAW_KEY,
    RETRY_OF,
];

/// Writes a raw record and its reason to the quarantine.
pub(crate) fn write(
    out: &Transactor,
    topic: &str,
    raw: &BorrowedMessage<'_>,
    unmappable: &Unmappable,
) -> Result<(), Failure> {
    let (partition, offset) = (raw.partition().to_string(), raw.offset().to_string());
    let key = format!("{}/{partition}/{offset}", raw.topic());
    let own: [(&str, &[u8]); 6] = [
        (REASON, unmappable.reason.name().as_bytes()),
        (DETAIL, unmappable.detail.as_bytes()),
        (RAW_TOPIC, raw.topic().as_bytes()),
        (RAW_PARTITION, partition.as_bytes()),
        (RAW_OFFSET, offset.as_bytes()),
        (RAW_KEY, raw.key().unwrap_or_default()),
    ];
    let headers: Vec<(&str, &[u8])> = came_with(raw).chain(own).collect();
    out.send(&Record {
        topic,
        partition: None,
        key: Some(key.as_bytes()),
        headers: &headers,
        value: Some(raw.payload().unwrap_or_default()),
    })
}

/// Takes the record out of quarantine that a raw record with these headers retries, if it retries
/// one.
pub(crate) fn resolve(
    out: &Transactor,
    topic: &str,
    headers: &[(&str, &[u8])],
) -> Result<(), Failure> {
    let Some((_, retried)) = headers.iter().find(|(name, _)| *name == RETRY_OF) else {
        return Ok(());
    };
    out.send(&Record {
        topic,
        key: Some(retried),
        ..Record::default()
    })
}

/// The headers that the delivery was kept with.
fn came_with<'a>(record: &'a BorrowedMessage<'_>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    headers_of(record).filter(|(name, _)| !OWN.contains(name))
}

fn header<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a [u8]> {
    headers_of(record)
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}
