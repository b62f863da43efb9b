//! An entry as it stands in a segment: marker, checksum, length, content.
//!
//! The marker is the segment's own random number, so that no content can pass for an entry when a
//! damaged segment is searched for the next one.

use std::fmt;

/// The random number of a segment.
pub(crate) type Marker = [u8; 8];

const CHECKSUM_AT: usize = 8;
const LENGTH_AT: usize = 12;
const CONTENT_AT: usize = 16;

/// One thing that is kept. Its queue is that of a topic's partition.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Orders the entries of one partition; no two are equal there.
    pub place: u64,
    pub topic: String,
    pub partition: i32,
    pub payload: Vec<u8>,
}

/// What a search through a segment comes upon.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Entry {
        offset: usize,
        bytes: usize,
        entry: Entry,
    },
    /// Bytes that are no entry, up to the next one or the end.
    Unreadable { offset: usize, bytes: usize },
    /// The end, where an entry is not there as a whole: it was never told to be durable.
    Torn { offset: usize, bytes: usize },
}

/// Writes an entry behind what is in `out`.
pub(crate) fn encode(marker: Marker, entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&marker);
    out.extend_from_slice(&[0; 4]);
    let length = u32::try_from(bytes(entry) - CONTENT_AT).expect("a Kafka record is far smaller");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&entry.place.to_le_bytes());
    out.extend_from_slice(&entry.partition.to_le_bytes());
    let topic = u16::try_from(entry.topic.len()).expect("a topic's name has at most 249 bytes");
    out.extend_from_slice(&topic.to_le_bytes());
    out.extend_from_slice(entry.topic.as_bytes());
    out.extend_from_slice(&entry.payload);
    let checksum = crc32fast::hash(&out[start + LENGTH_AT..]);
    out[start + CHECKSUM_AT..start + LENGTH_AT].copy_from_slice(&checksum.to_le_bytes());
}

/// Returns how many bytes an entry takes in a segment.
pub(crate) fn bytes(entry: &Entry) -> usize {
    CONTENT_AT + 8 + 4 + 2 + entry.topic.len() + entry.payload.len()
}

/// Reads the entry at the beginning of `frame`, and how many bytes it took.
pub(crate) fn decode(marker: Marker, frame: &[u8]) -> Option<(Entry, usize)> {
    if frame.get(..CHECKSUM_AT)? != marker {
        return None;
    }
    let checksum = u32::from_le_bytes(array(frame, CHECKSUM_AT)?);
    let length = u32::from_le_bytes(array(frame, LENGTH_AT)?) as usize;
    let end = CONTENT_AT.checked_add(length)?;
    if crc32fast::hash(frame.get(LENGTH_AT..end)?) != checksum {
        return None;
    }
    let content = &frame[CONTENT_AT..end];
    let topic_end = 14 + usize::from(u16::from_le_bytes(array(content, 12)?));
    let entry = Entry {
        place: u64::from_le_bytes(array(content, 0)?),
        partition: i32::from_le_bytes(array(content, 8)?),
        topic: String::from_utf8(content.get(14..topic_end)?.to_vec()).ok()?,
        payload: content[topic_end..].to_vec(),
    };
    Some((entry, end))
}

/// Reads a whole segment; what is damaged costs no more than itself.
pub(crate) fn pieces(marker: Marker, segment: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut offset = 0;
    while offset < segment.len() {
        let rest = &segment[offset..];
        if let Some((entry, bytes)) = decode(marker, rest) {
            pieces.push(Piece::Entry {
                offset,
                bytes,
                entry,
            });
            offset += bytes;
            continue;
        }
        let next = (1..rest.len()).find(|at| decode(marker, &rest[*at..]).is_some());
        let bytes = next.unwrap_or(rest.len());
        pieces.push(match next {
            None if !is_whole(rest) => Piece::Torn { offset, bytes },
            Some(_) | None => Piece::Unreadable { offset, bytes },
        });
        offset += bytes;
    }
    pieces
}

/// Tells whether all bytes of an entry are there, right or wrong. A power cut may leave zeros.
fn is_whole(rest: &[u8]) -> bool {
    let length = array(rest, LENGTH_AT).map(|length| u32::from_le_bytes(length) as usize);
    let fits = length.is_some_and(|length| CONTENT_AT.saturating_add(length) <= rest.len());
    fits && rest[..CHECKSUM_AT] != [0; CHECKSUM_AT]
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Shows no content.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("place", &self.place)
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKER: Marker = *b"a marker";

    fn entry(place: u64, payload: &[u8]) -> Entry {
        Entry {
            place,
            topic: "cardea.raw.genea".to_owned(),
            partition: 7,
            payload: payload.to_vec(),
        }
    }

    fn segment(entries: &[Entry]) -> Vec<u8> {
        let mut segment = Vec::new();
        for entry in entries {
            encode(MARKER, entry, &mut segment);
        }
        segment
    }

    fn read(segment: &[u8]) -> (Vec<Entry>, usize) {
        let (mut entries, mut unreadable) = (Vec::new(), 0);
        for piece in pieces(MARKER, segment) {
            match piece {
                Piece::Entry { entry, .. } => entries.push(entry),
                Piece::Unreadable { .. } | Piece::Torn { .. } => unreadable += 1,
            }
        }
        (entries, unreadable)
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let entries = [
            entry(1, b"first"),
            entry(2, b""),
            entry(u64::MAX, &[0; 999]),
        ];
        assert_eq!(read(&segment(&entries)), (entries.to_vec(), 0));
    }

    #[test]
    fn content_that_looks_like_an_entry_of_another_segment_is_none() {
        let mut forged = Vec::new();
        encode(*b"guessed.", &entry(9, b"forged"), &mut forged);
        let entries = [entry(1, &forged), entry(2, b"second")];
        let mut segment = segment(&entries);
        segment[CONTENT_AT] ^= 1;
        assert_eq!(read(&segment), (vec![entry(2, b"second")], 1));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_costs_its_own_entry_only(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8),
            bit in any::<prop::sample::Index>(),
        ) {
            let entries: Vec<_> = (0..).zip(&payloads).map(|(at, it)| entry(at, it)).collect();
            let whole = segment(&entries);
            let bit = bit.index(whole.len() * 8);
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut end = 0;
            let hit = entries.iter().position(|entry| {
                end += bytes(entry);
                bit / 8 < end
            });
            let mut left = entries;
            left.remove(hit.unwrap());
            prop_assert_eq!(read(&flipped), (left, 1));
        }

        #[test]
        fn of_a_torn_segment_all_whole_entries_are_read(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let entries: Vec<_> = (0..).zip(&payloads).map(|(at, it)| entry(at, it)).collect();
            let whole = segment(&entries);
            let cut = cut.index(whole.len());
            let mut end = 0;
            let left: Vec<_> = entries
                .into_iter()
                .take_while(|entry| {
                    end += bytes(entry);
                    end <= cut
                })
                .collect();
            let torn = usize::from(left.iter().map(bytes).sum::<usize>() < cut);
            prop_assert_eq!(read(&whole[..cut]), (left, torn));
        }
    }
}
