//! P5: what a subscription wants reaches it, waits for it, or is a dead letter.

use std::collections::HashMap;

use events::{CanonicalTopic, Time};
use sink::{Subscription, SubscriptionId, Traits};
use uuid::Uuid;

/// A subscription, and from when on what it wants is owed to it.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) subscription: Subscription,
    /// Every sink knows it as it is now; what it was before is not known any more.
    pub(crate) since: Time,
}

/// A canonical record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) topic: CanonicalTopic,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// An event as the sink sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came<'a> {
    pub(crate) id: Uuid,
    pub(crate) traits: Traits<'a>,
    pub(crate) written_at: Time,
    pub(crate) record: Record,
}

/// How an event stands that a subscription wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing tells of it.
    Missing,
    Waiting,
    Dead,
    Done,
}

/// What is owed to the subscriptions, once for each of them.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    owed: HashMap<(SubscriptionId, Uuid), (Record, Standing)>,
}

impl Delivered {
    /// Takes an event that the sink has passed; returns for how many subscriptions it cannot be
    /// judged.
    pub(crate) fn came(&mut self, came: &Came<'_>, wishes: &[Wish]) -> u64 {
        let mut not_judged = 0;
        for Wish {
            subscription,
            since,
        } in wishes
        {
            if !subscription.wants(came.traits) {
                continue;
            }
            if came.written_at < *since {
                not_judged += 1;
                continue;
            }
            let owed = self.owed.entry((subscription.id, came.id));
            owed.or_insert((came.record, Standing::Missing));
        }
        not_judged
    }

    /// Takes a row of `retries`, or its tombstone; in order of offsets.
    pub(crate) fn row(&mut self, key: (SubscriptionId, Uuid), waits: bool) {
        if let Some((_, standing)) = self.owed.get_mut(&key) {
            *standing = match (*standing, waits) {
                (Standing::Missing | Standing::Waiting, true) => Standing::Waiting,
                (Standing::Missing | Standing::Waiting, false) => Standing::Missing,
                (settled @ (Standing::Dead | Standing::Done), _) => settled,
            };
        }
    }

    /// Takes a dead letter; one that was dealt with has been one.
    pub(crate) fn dead_letter(&mut self, key: (SubscriptionId, Uuid)) {
        self.settle(key, Standing::Dead);
    }

    /// Takes an attempt after which nothing was owed any more.
    pub(crate) fn done(&mut self, key: (SubscriptionId, Uuid)) {
        self.settle(key, Standing::Done);
    }

    fn settle(&mut self, key: (SubscriptionId, Uuid), settled: Standing) {
        if let Some((_, standing)) = self.owed.get_mut(&key) {
            *standing = settled;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.owed.len()
    }

    pub(crate) fn end(self) -> impl Iterator<Item = (SubscriptionId, Uuid, Record, Standing)> {
        self.owed
            .into_iter()
            .map(|((subscription, id), (record, standing))| (subscription, id, record, standing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Uuid = Uuid::from_u128(9);
    const RECORD: Record = Record {
        topic: CanonicalTopic::Access,
        partition: 3,
        offset: 17,
    };

    fn at(seconds: i64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    fn wish(event_types: &str, since: i64) -> Wish {
        let subscription = serde_json::json!({
            "id": "sub_00000000000000000000000000000007",
            "name": "receiver",
            "url": "https://example.org/hook",
            "event_types": [event_types],
            "state": "active",
            "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "created_at": "2026-05-12T18:00:00Z",
        });
        Wish {
            subscription: serde_json::from_value(subscription).unwrap(),
            since: at(since),
        }
    }

    fn came(wishes: &[Wish], written_at: i64) -> (Delivered, u64) {
        let mut delivered = Delivered::default();
        let came = Came {
            id: EVENT,
            traits: Traits {
                event_type: "access.granted",
                provider: "genea",
                native_type: "ACCESS",
                source: "hq",
            },
            written_at: at(written_at),
            record: RECORD,
        };
        let not_judged = delivered.came(&came, wishes);
        (delivered, not_judged)
    }

    /// How an event stands that one subscription wants, after this.
    fn standing(tell: impl Fn(&mut Delivered, (SubscriptionId, Uuid))) -> Standing {
        let wishes = [wish("*", 0)];
        let (mut delivered, _) = came(&wishes, 5);
        tell(&mut delivered, (wishes[0].subscription.id, EVENT));
        let (_, id, record, standing) = delivered.end().next().unwrap();
        assert_eq!((id, record), (EVENT, RECORD));
        standing
    }

    #[test]
    fn what_nothing_tells_of_is_missing() {
        assert_eq!(standing(|_, _| ()), Standing::Missing);
        let retried = |it: &mut Delivered, key| {
            it.row(key, true);
            it.row(key, false);
        };
        assert_eq!(standing(retried), Standing::Missing);
        let of_another =
            |it: &mut Delivered, (subscription, _)| it.done((subscription, Uuid::nil()));
        assert_eq!(standing(of_another), Standing::Missing);
    }

    #[test]
    fn what_was_delivered_waits_or_is_a_dead_letter_is_not_missing() {
        assert_eq!(standing(Delivered::done), Standing::Done);
        assert_eq!(standing(Delivered::dead_letter), Standing::Dead);
        assert_eq!(standing(|it, key| it.row(key, true)), Standing::Waiting);
        let retried = |it: &mut Delivered, key| {
            it.row(key, true);
            it.row(key, false);
            it.done(key);
        };
        assert_eq!(standing(retried), Standing::Done);
    }

    #[test]
    fn only_what_a_subscription_wants_and_could_know_is_owed_to_it() {
        assert_eq!(came(&[wish("access.denied", 0)], 5).0.len(), 0);
        let (delivered, not_judged) = came(&[wish("access.*", 6)], 5);
        assert_eq!((delivered.len(), not_judged), (0, 1));
        let (delivered, not_judged) = came(&[wish("access.*", 5)], 5);
        assert_eq!((delivered.len(), not_judged), (1, 0));
    }
}
