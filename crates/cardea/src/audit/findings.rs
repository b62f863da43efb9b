//! What an audit found: counts, and the first offenders by id.

use std::fmt;

use events::Time;
use serde::Serialize;
use serde_json::{Value, json};
use sink::SubscriptionId;
use uuid::Uuid;

use super::delivered::Record;
use super::kept::Answered;
use super::share::Place;

/// How many offenders of a kind are named.
const NAMED_MAX: usize = 10;

/// The figures of an audit. Those of type [`Offenders`] refute a promise.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// From when on it judged, if not all that is kept.
    pub(crate) from: Option<Time>,
    /// Raw records of the span.
    pub(crate) raw: u64,
    /// Deliveries that the request log says were answered 2xx.
    pub(crate) answered: u64,
    /// Raw records that the normalizer has not reached.
    pub(crate) pending: u64,
    /// Raw records that are in quarantine.
    pub(crate) quarantined: u64,
    /// Distinct events that the raw records tell of.
    pub(crate) events: u64,
    /// Times that an event was told of again.
    pub(crate) redelivered: u64,
    /// Events that the sink has passed, once for each subscription that wants them.
    pub(crate) owed: u64,
    /// Those of them that wait for their next attempt.
    pub(crate) waiting: u64,
    /// Those of them that are dead letters.
    pub(crate) dead_letters: u64,
    /// Events that a subscription wants that may not have been known as it is now when they came.
    pub(crate) not_judged: u64,
    /// Events that the sink has not passed.
    pub(crate) not_passed: u64,
    /// Lines of logs that were not understood.
    pub(crate) unreadable: u64,
    /// Deliveries that were answered 2xx and are not in raw.
    pub(crate) not_kept: Offenders,
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
    /// Events that a subscription wants and of whose delivery nothing tells.
    pub(crate) undelivered: Offenders,
}

/// Records that refute a promise: all are counted, the first are named.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Offenders {
    pub(crate) count: u64,
    pub(crate) first: Vec<Offender>,
}

/// What is wrong, by its ids, and the record that tells of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Offender {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delivery_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription: Option<SubscriptionId>,
    pub(crate) record: String,
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in [self.delivery_id, self.event_id].into_iter().flatten() {
            write!(f, "{id} ")?;
        }
        f.write_str(&self.record)?;
        match self.subscription {
            Some(subscription) => write!(f, " to {subscription}"),
            None => Ok(()),
        }
    }
}

impl Offenders {
    pub(crate) fn add_event(&mut self, id: Uuid, place: Place) {
        self.push(|| Offender {
            event_id: Some(id),
            record: named(place),
            ..Offender::default()
        });
    }

    pub(crate) fn add_record(&mut self, place: Place) {
        self.push(|| Offender {
            record: named(place),
            ..Offender::default()
        });
    }

    pub(crate) fn add_delivery(&mut self, id: Uuid, answered: &Answered) {
        let Place {
            provider,
            partition,
            offset,
            index: _,
        } = answered.place;
        self.push(|| Offender {
            delivery_id: Some(id),
            record: match answered.offset_known {
                true => format!("raw.{provider}[{partition}]@{offset}"),
                false => format!("raw.{provider}[{partition}]"),
            },
            ..Offender::default()
        });
    }

    pub(crate) fn add_owed(&mut self, subscription: SubscriptionId, id: Uuid, record: Record) {
        let Record {
            topic,
            partition,
            offset,
        } = record;
        self.push(|| Offender {
            event_id: Some(id),
            subscription: Some(subscription),
            record: format!("{topic}[{partition}]@{offset}"),
            ..Offender::default()
        });
    }

    fn push(&mut self, offender: impl FnOnce() -> Offender) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(offender());
        }
    }
}

fn named(place: Place) -> String {
    let Place {
        provider,
        partition,
        offset,
        index,
    } = place;
    format!("raw.{provider}[{partition}]@{offset}#{index}")
}

impl Findings {
    /// Names what was read.
    pub(crate) fn counts(&self) -> [(&'static str, &'static str, u64); 12] {
        [
            ("raw", "raw deliveries", self.raw),
            ("answered", "in the request log as accepted", self.answered),
            ("pending", "not reached by the normalizer yet", self.pending),
            ("quarantined", "in quarantine", self.quarantined),
            ("events", "distinct events", self.events),
            ("redelivered", "delivered again", self.redelivered),
            ("not_passed", "not reached by the sink yet", self.not_passed),
            ("owed", "owed to subscriptions", self.owed),
            ("waiting", "waiting for their next attempt", self.waiting),
            ("dead_letters", "dead letters", self.dead_letters),
            (
                "not_judged",
                "wanted by a subscription as new as they",
                self.not_judged,
            ),
            ("unreadable", "log lines not understood", self.unreadable),
        ]
    }

    /// Names the promises with what refutes them.
    pub(crate) fn offences(&self) -> [(&'static str, &'static str, &Offenders); 8] {
        [
            ("P1", "answered 2xx, not in raw", &self.not_kept),
            ("P2", "lost", &self.lost),
            (
                "P2",
                "neither mapped nor in quarantine",
                &self.not_quarantined,
            ),
            ("P2", "come out twice", &self.twice),
            ("P2", "come out of no delivery", &self.unfounded),
            (
                "P5",
                "not delivered, not waiting, no dead letter",
                &self.undelivered,
            ),
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
        let mut found = json!({
            "holds": !self.refute(),
            "from": self.from,
            "offences": offences,
        });
        for (name, _, count) in self.counts() {
            found[name] = count.into();
        }
        found
    }
}
