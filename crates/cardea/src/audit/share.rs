//! Shares of what is judged, so that memory is bounded whatever the span.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use events::Provider;
use uuid::Uuid;

/// One event of one raw record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) provider: Provider,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Place of the event within its delivery, from 0.
    pub(crate) index: i32,
}

impl Place {
    /// Tells whether the event is one of that raw record.
    pub(crate) fn is_of(self, record: Self) -> bool {
        record
            == Self {
                index: record.index,
                ..self
            }
    }
}

/// Every `of`-th event, key, delivery and record: a span is read as many times as it has shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) number: u64,
    pub(crate) of: u64,
}

impl Share {
    /// Tells whether an event, or a delivery, is in this share.
    pub(crate) fn has_id(self, id: Uuid) -> bool {
        // Ids are digests, or end in random digits: their second half is as good as a hash.
        id.as_u64_pair().1 % self.of == self.number
    }

    pub(crate) fn has_key(self, key: &str) -> bool {
        self.has(key)
    }

    /// Tells whether a raw record is in this share, whatever events it tells of.
    pub(crate) fn has_record(self, place: Place) -> bool {
        self.has(&(place.provider, place.partition, place.offset))
    }

    fn has(self, what: &(impl Hash + ?Sized)) -> bool {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(what) % self.of == self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_each_event_and_each_record_once() {
        for (number, id) in (0..100).map(|number| (number, Uuid::new_v4())) {
            let place = Place {
                provider: Provider::Genea,
                partition: 3,
                offset: number,
                index: 0,
            };
            let shares = (0..7).map(|number| Share { number, of: 7 });
            assert_eq!(shares.clone().filter(|share| share.has_id(id)).count(), 1);
            assert_eq!(shares.filter(|share| share.has_record(place)).count(), 1);
        }
    }
}
