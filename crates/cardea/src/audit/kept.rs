//! P1: what was answered 2xx is in raw.

use std::collections::HashMap;

use uuid::Uuid;

use super::share::Place;

/// Deliveries that were answered 2xx and have not been found in raw yet.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    missing: HashMap<Uuid, Answered>,
}

/// What the request log says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) place: Place,
    /// Whether the log says the offset as well; it does not where Kafka did not say it.
    pub(crate) offset_known: bool,
}

impl Kept {
    /// Takes an entry of the log; `false` if it was there already: a batch may be written twice.
    pub(crate) fn answered(&mut self, delivery: Uuid, answered: Answered) -> bool {
        self.missing.insert(delivery, answered).is_none()
    }

    /// Takes a raw record.
    pub(crate) fn found(&mut self, delivery: Uuid, place: Place) {
        let at_its_place = self.missing.get(&delivery).is_some_and(|answered| {
            let partition = (place.provider, place.partition);
            let same_offset = !answered.offset_known || answered.place.offset == place.offset;
            (answered.place.provider, answered.place.partition) == partition && same_offset
        });
        if at_its_place {
            self.missing.remove(&delivery);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.missing.len()
    }

    /// Returns what was not found.
    pub(crate) fn end(self) -> impl Iterator<Item = (Uuid, Answered)> {
        self.missing.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use events::Provider;

    use super::*;

    const FIRST: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn place(partition: i32, offset: i64) -> Place {
        Place {
            provider: Provider::Genea,
            partition,
            offset,
            index: 0,
        }
    }

    /// Returns whether a delivery that is logged at 3/17 counts as kept by that raw record.
    fn kept(offset_known: bool, delivery: Uuid, place_found: Place) -> bool {
        let mut kept = Kept::default();
        let answered = Answered {
            place: place(3, 17),
            offset_known,
        };
        assert!(kept.answered(FIRST, answered) && !kept.answered(FIRST, answered));
        kept.found(delivery, place_found);
        kept.end().next().is_none()
    }

    #[test]
    fn a_delivery_at_its_place_is_kept() {
        assert!(kept(true, FIRST, place(3, 17)));
        assert!(kept(false, FIRST, place(3, 99)));
    }

    #[test]
    fn a_delivery_that_is_elsewhere_or_nowhere_is_not_kept() {
        assert!(!kept(true, FIRST, place(3, 18)));
        assert!(!kept(true, FIRST, place(4, 17)));
        assert!(!kept(false, FIRST, place(4, 17)));
        assert!(!kept(true, OTHER, place(3, 17)));
    }
}
