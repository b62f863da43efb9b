//! What an audit found: counts, and the first offenders by id.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::judge::Place;

/// How many offenders of a kind are named.
const NAMED_MAX: usize = 10;

/// The figures of an audit. Those of type [`Offenders`] refute a promise.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Raw records of the span.
    pub(crate) raw: u64,
    /// Raw records that the normalizer has not reached.
    pub(crate) pending: u64,
    /// Raw records that are in quarantine.
    pub(crate) quarantined: u64,
    /// Distinct events that the raw records tell of.
    pub(crate) events: u64,
    /// Times that an event was told of again.
    pub(crate) redelivered: u64,
    /// Events that did not come out.
    pub(crate) lost: Offenders,
    /// Raw records that cannot be mapped and are not in quarantine.
    pub(crate) not_quarantined: Offenders,
    /// Events that came out more often than they may.
    pub(crate) twice: Offenders,
    /// Events that no raw record tells of.
    pub(crate) unfounded: Offenders,
    /// Events that name another raw record than the first one that tells of them.
    pub(crate) not_the_first: Offenders,
    /// Events that came out before an earlier one of their key.
    pub(crate) out_of_order: Offenders,
}

/// Records that refute a promise: all are counted, the first are named.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Offenders {
    pub(crate) count: u64,
    pub(crate) first: Vec<Offender>,
}

/// One event, or raw record, by id and by where its delivery lies.
#[derive(Debug, Serialize)]
pub(crate) struct Offender {
    pub(crate) event_id: Option<Uuid>,
    pub(crate) raw: String,
}

impl Offenders {
    pub(crate) fn add(&mut self, id: Uuid, place: Place) {
        self.push(Some(id), place);
    }

    pub(crate) fn add_record(&mut self, place: Place) {
        self.push(None, place);
    }

    fn push(&mut self, event_id: Option<Uuid>, place: Place) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            let Place {
                provider,
                partition,
                offset,
                index,
            } = place;
            let raw = format!("raw.{}[{partition}]@{offset}#{index}", provider.name());
            self.first.push(Offender { event_id, raw });
        }
    }
}

impl Findings {
    /// Names the promises with what refutes them.
    pub(crate) fn offences(&self) -> [(&'static str, &'static str, &Offenders); 6] {
        [
            ("P2", "lost", &self.lost),
            (
                "P2",
                "neither mapped nor in quarantine",
                &self.not_quarantined,
            ),
            ("P2", "come out twice", &self.twice),
            ("P2", "come out of no delivery", &self.unfounded),
            ("P7", "come out of a later delivery", &self.not_the_first),
            ("P7", "come out before an earlier one", &self.out_of_order),
        ]
    }

    /// Tells whether a promise was broken.
    pub(crate) fn refute(&self) -> bool {
        self.offences().iter().any(|(_, _, found)| found.count > 0)
    }

    pub(crate) fn json(&self) -> Value {
        let offences: Vec<_> = self
            .offences()
            .iter()
            .map(|(promise, what, found)| {
                json!({"promise": promise, "what": what, "count": found.count, "first": found.first})
            })
            .collect();
        json!({
            "holds": !self.refute(),
            "raw": self.raw,
            "pending": self.pending,
            "quarantined": self.quarantined,
            "events": self.events,
            "redelivered": self.redelivered,
            "offences": offences,
        })
    }
}
