//! A raw record as the spool keeps it: key, headers, body.

use bytes::Bytes;
use events::Time;
use kafka::RAW_BYTES_MAX;

/// Says of a raw record that it waited on disk: across copies of ingest it may follow a later one.
const SPOOLED: &str = "spooled";
const RECEIVED_AT: &str = "received_at";
const DELIVERY_ID: &str = "delivery_id";
const SOURCE: &str = "source";
/// More than Kafka's format adds to a header, and to a record.
const HEADER_OVERHEAD: usize = 16;
const RECORD_OVERHEAD: usize = 256;

/// All of a raw record but its topic and partition.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RawContent {
    pub(crate) key: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Bytes,
}

impl RawContent {
    /// Tells whether Kafka takes a record of this size, also when it comes from the spool: what is
    /// accepted there must not be refused later.
    pub(crate) fn fits(&self) -> bool {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD);
        let bytes = self.key.len() + self.body.len() + headers.sum::<usize>() + RECORD_OVERHEAD;
        i32::try_from(bytes).is_ok_and(|bytes| bytes <= RAW_BYTES_MAX)
    }

    /// Returns the headers as Kafka takes them.
    pub(crate) fn headers(&self) -> Vec<(&str, &[u8])> {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect()
    }

    /// Returns the headers of a record that comes from the spool.
    pub(crate) fn headers_spooled(&self) -> Vec<(&str, &[u8])> {
        let mut headers = self.headers();
        headers.push((SPOOLED, b"true"));
        headers
    }

    pub(crate) fn delivery_id(&self) -> Option<&str> {
        self.header(DELIVERY_ID)
    }

    pub(crate) fn source(&self) -> Option<&str> {
        self.header(SOURCE)
    }

    /// Returns the first header of that name, as text.
    fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }

    /// Returns when the delivery came.
    pub(crate) fn received_at(&self) -> Option<Time> {
        let micros = self.header(RECEIVED_AT)?.parse().ok()?;
        Time::from_micros(micros).ok()
    }

    /// Writes it as lengths and bytes; the body is what is left.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 1_024);
        put(&mut out, &self.key);
        out.extend_from_slice(&length(self.headers.len()));
        for (name, value) in &self.headers {
            put(&mut out, name.as_bytes());
            put(&mut out, value);
        }
        out.extend_from_slice(&self.body);
        out
    }

    /// Reads what [`RawContent::encode`] wrote.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let key = take(&mut rest)?.to_vec();
        let count = take_length(&mut rest)?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let name = String::from_utf8(take(&mut rest)?.to_vec()).ok()?;
            headers.push((name, take(&mut rest)?.to_vec()));
        }
        let body = Bytes::copy_from_slice(rest);
        Some(Self { key, headers, body })
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&length(bytes.len()));
    out.extend_from_slice(bytes);
}

fn length(bytes: usize) -> [u8; 4] {
    let length = u32::try_from(bytes).expect("heads and bodies of requests are bounded");
    length.to_le_bytes()
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(rest)?;
    rest.split_off(..length)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (length, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> RawContent {
        RawContent {
            key: b"hq door-1".to_vec(),
            headers: vec![
                ("delivery_id".to_owned(), b"7".to_vec()),
                (String::new(), Vec::new()),
            ],
            body: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_says_that_it_was_spooled() {
        let read = RawContent::decode(&content().encode()).unwrap();
        assert!(read == content());
        assert_eq!(read.delivery_id(), Some("7"));
        assert_eq!(
            read.headers_spooled().last(),
            Some(&("spooled", &b"true"[..]))
        );
    }

    #[test]
    fn what_ends_too_soon_is_no_record() {
        let whole = content().encode();
        for end in 0..whole.len() - 2 {
            assert!(RawContent::decode(&whole[..end]).is_none(), "{end}");
        }
    }
}
