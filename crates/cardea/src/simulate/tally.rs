//! Counts how the deliveries of a simulation ended.

use serde::Serialize;

use super::plan::Kind;

/// How one delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Accepted,
    /// Answered for good that it is not taken.
    Refused,
    /// No answer, or one that asks to come again.
    Unavailable,
}

/// Counts of one source, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) unavailable: u64,
    /// Requests that repeated one which was not taken.
    pub(crate) retried: u64,
    /// Redeliveries among the accepted: their events happened before.
    pub(crate) duplicates: u64,
    /// Late uploads among the accepted.
    pub(crate) late: u64,
    /// Deliveries that ended otherwise than their proof deserves.
    pub(crate) wrong: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, kind: Kind, ending: Ending, retries: u32) {
        self.sent += 1;
        self.retried += u64::from(retries);
        match ending {
            Ending::Accepted => self.accepted += 1,
            Ending::Refused => self.refused += 1,
            Ending::Unavailable => self.unavailable += 1,
        }
        match (kind, ending) {
            (Kind::Redelivered, Ending::Accepted) => self.duplicates += 1,
            (Kind::Late, Ending::Accepted) => self.late += 1,
            (Kind::Live, Ending::Accepted) | (Kind::Forged, Ending::Refused) => {}
            (Kind::Forged, Ending::Accepted) => self.wrong += 1,
            (Kind::Live | Kind::Late | Kind::Redelivered, Ending::Refused) => self.wrong += 1,
            (_, Ending::Unavailable) => self.wrong += 1,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.retried += other.retried;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.wrong += other.wrong;
    }

    pub(crate) const COLUMNS: [&str; 8] = [
        "SENT",
        "ACCEPTED",
        "REFUSED",
        "UNAVAILABLE",
        "RETRIED",
        "DUPLICATES",
        "LATE",
        "WRONG",
    ];

    /// Returns the counts in the order of the columns.
    pub(crate) fn cells(&self) -> [u64; 8] {
        [
            self.sent,
            self.accepted,
            self.refused,
            self.unavailable,
            self.retried,
            self.duplicates,
            self.late,
            self.wrong,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(kind: Kind, ending: Ending) -> Tally {
        let mut tally = Tally::default();
        tally.count(kind, ending, 0);
        tally
    }

    #[test]
    fn a_forged_delivery_is_wrong_unless_it_is_refused() {
        assert_eq!(tally(Kind::Forged, Ending::Refused).wrong, 0);
        assert_eq!(tally(Kind::Forged, Ending::Accepted).wrong, 1);
        assert_eq!(tally(Kind::Forged, Ending::Unavailable).wrong, 1);
    }

    #[test]
    fn a_proven_delivery_is_wrong_unless_it_is_accepted() {
        for kind in [Kind::Live, Kind::Late, Kind::Redelivered] {
            assert_eq!(tally(kind, Ending::Accepted).wrong, 0);
            assert_eq!(tally(kind, Ending::Refused).wrong, 1);
            assert_eq!(tally(kind, Ending::Unavailable).wrong, 1);
        }
    }

    #[test]
    fn the_total_is_the_sum_of_its_parts() {
        let mut total = tally(Kind::Late, Ending::Accepted);
        total.add(&tally(Kind::Redelivered, Ending::Accepted));
        assert_eq!(total.cells(), [2, 2, 0, 0, 0, 1, 1, 0]);
    }
}
