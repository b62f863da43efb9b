//! What becomes of the deliveries of one raw partition, while Kafka is there and while it is not
//! (kafka-rules 11). Pure: it is told what happened and says what is to be done.
//!
//! Each delivery has a place. It is in flight while the producer has it, and has a copy while the
//! spool has it. Places are sent to Kafka in order, and a place that may still be in flight is never
//! sent again: so order is kept, and a broker that was frozen makes no duplicate.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::{Duration, Instant};

/// A record that is unacknowledged for so long flips its partition.
pub(crate) const FLIP_AFTER: Duration = Duration::from_millis(1_500);
/// After Kafka has refused a record for good.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Bytes of copies that are in flight at a time: what the producer holds is in memory.
const DRAINED_BYTES_MAX: u64 = 1_048_576;

/// Orders the deliveries of a partition.
pub(crate) type Place = u64;

/// The course of one partition; `S` says where a copy stands.
#[derive(Debug)]
pub(crate) struct Course<S> {
    mode: Mode,
    next: Place,
    flights: BTreeMap<Place, Flight>,
    copies: BTreeMap<Place, Copied<S>>,
    /// Copies up to there were sent since draining began.
    drained_to: Option<Place>,
    drained_bytes: u64,
    not_before: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Deliveries go to Kafka.
    Live,
    /// Deliveries go to the spool; the producer still has some.
    Spooling,
    /// Deliveries go to the spool, and from there to Kafka.
    Draining,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    since: Instant,
    /// Of a copy that was sent; else 0.
    drained_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
enum Copied<S> {
    /// On its way to the disk.
    Writing,
    /// On its way to the disk, and no longer needed there.
    Acknowledged,
    Written(S),
}

/// Where the next delivery to be drained is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next<S> {
    /// Its copy is still on its way to the disk.
    Memory(Place),
    Disk(Place, S),
}

impl<S> Next<S> {
    pub(crate) fn place(self) -> Place {
        match self {
            Self::Memory(place) | Self::Disk(place, _) => place,
        }
    }
}

impl<S: Copy> Course<S> {
    /// Begins with the copies that an earlier process left; these go first.
    pub(crate) fn new(left: impl IntoIterator<Item = (Place, S)>) -> Self {
        let copies: BTreeMap<_, _> = left
            .into_iter()
            .map(|(place, slot)| (place, Copied::Written(slot)))
            .collect();
        Self {
            mode: if copies.is_empty() {
                Mode::Live
            } else {
                Mode::Spooling
            },
            next: copies.last_key_value().map_or(0, |(last, _)| last + 1),
            flights: BTreeMap::new(),
            copies,
            drained_to: None,
            drained_bytes: 0,
            not_before: None,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns how many deliveries are in the spool, or on their way there.
    pub(crate) fn copies(&self) -> usize {
        self.copies.len()
    }

    /// Tells whether all is in Kafka that ever came.
    pub(crate) fn at_rest(&self) -> bool {
        self.flights.is_empty() && self.copies.is_empty()
    }

    /// Gives a delivery its place.
    pub(crate) fn arrive(&mut self) -> Place {
        let place = self.next;
        self.next += 1;
        place
    }

    /// The producer has taken a delivery.
    pub(crate) fn sent(&mut self, place: Place, now: Instant) {
        let flight = Flight {
            since: now,
            drained_bytes: 0,
        };
        self.flights.insert(place, flight);
    }

    /// The producer has taken the copy that [`Course::next`] named.
    pub(crate) fn sent_copy(&mut self, place: Place, bytes: u64, now: Instant) {
        let flight = Flight {
            since: now,
            drained_bytes: bytes,
        };
        self.flights.insert(place, flight);
        self.drained_bytes += bytes;
        self.drained_to = Some(place);
    }

    /// Returns what is to be stored, in order, if the oldest delivery waits too long.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Place> {
        let oldest = self.flights.first_key_value();
        let waits = oldest.is_some_and(|(_, flight)| now >= flight.since + FLIP_AFTER);
        match self.mode {
            Mode::Live if waits => self.flip(),
            Mode::Live | Mode::Spooling | Mode::Draining => Vec::new(),
        }
    }

    /// Turns to the spool; returns what is to be stored, in order: all in flight without a copy.
    pub(crate) fn flip(&mut self) -> Vec<Place> {
        self.mode = Mode::Spooling;
        let uncopied = |place: &Place| !self.copies.contains_key(place);
        self.flights.keys().copied().filter(uncopied).collect()
    }

    /// A delivery is on its way to the spool.
    pub(crate) fn storing(&mut self, place: Place) {
        self.copies.insert(place, Copied::Writing);
    }

    /// The spool has a delivery; returns the copy that is to be released, as Kafka has it too.
    pub(crate) fn stored(&mut self, place: Place, slot: S) -> Option<S> {
        match self.copies.get_mut(&place) {
            Some(copy @ Copied::Writing) => {
                *copy = Copied::Written(slot);
                None
            }
            Some(Copied::Acknowledged | Copied::Written(_)) | None => {
                self.copies.remove(&place);
                Some(slot)
            }
        }
    }

    /// The spool could not take a delivery; returns whether the producer still may bring it to
    /// Kafka.
    pub(crate) fn not_stored(&mut self, place: Place) -> bool {
        self.copies.remove(&place);
        self.flights.contains_key(&place)
    }

    /// Kafka has a delivery, or will never take it; returns the copy that is to be released.
    pub(crate) fn acknowledged(&mut self, place: Place) -> Option<S> {
        self.land(place);
        match self.copies.get_mut(&place)? {
            Copied::Written(slot) => {
                let slot = *slot;
                self.copies.remove(&place);
                Some(slot)
            }
            copy @ (Copied::Writing | Copied::Acknowledged) => {
                *copy = Copied::Acknowledged;
                None
            }
        }
    }

    /// The producer has given a delivery up; returns what is to be stored, in order. What stands
    /// behind it may have passed it, so nothing more is sent before all of that has ended.
    pub(crate) fn failed(&mut self, place: Place, now: Instant) -> Vec<Place> {
        let unsaved = !self.copies.contains_key(&place);
        self.land(place);
        self.not_before = Some(now + AGAIN_AFTER);
        let mut to_store = self.flip();
        if unsaved {
            to_store.push(place);
            to_store.sort_unstable();
        }
        to_store
    }

    /// A copy cannot be read.
    pub(crate) fn lost(&mut self, place: Place) {
        self.copies.remove(&place);
    }

    /// Returns the next delivery to be drained, once nothing that came before draining is in flight.
    /// When there is none left that was not sent, deliveries go to Kafka again, behind these.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Next<S>> {
        match self.mode {
            Mode::Live => return None,
            Mode::Spooling => {
                let too_early = self.not_before.is_some_and(|at| now < at);
                if too_early || !self.flights.is_empty() {
                    return None;
                }
                self.mode = Mode::Draining;
                self.drained_to = None;
            }
            Mode::Draining => {}
        }
        if self.drained_bytes >= DRAINED_BYTES_MAX {
            return None;
        }
        let from = self.drained_to.map_or(Unbounded, Excluded);
        for (place, copy) in self.copies.range((from, Unbounded)) {
            match copy {
                Copied::Acknowledged => {}
                Copied::Writing => return Some(Next::Memory(*place)),
                Copied::Written(slot) => return Some(Next::Disk(*place, *slot)),
            }
        }
        self.mode = Mode::Live;
        None
    }

    /// Returns the copy of the oldest delivery that is on disk.
    pub(crate) fn oldest(&self) -> Option<S> {
        self.copies.values().find_map(|copy| match copy {
            Copied::Written(slot) => Some(*slot),
            Copied::Writing | Copied::Acknowledged => None,
        })
    }

    fn land(&mut self, place: Place) {
        if let Some(flight) = self.flights.remove(&place) {
            self.drained_bytes -= flight.drained_bytes;
        }
    }
}

#[cfg(test)]
mod tests;
