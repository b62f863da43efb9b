//! Judges a share of the events: what the raw deliveries promise against what came out of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use events::{CanonicalTopic, Provider, Time};
use uuid::Uuid;

use super::findings::Findings;

/// One event of one raw record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) provider: Provider,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Place of the event within its delivery, from 0.
    pub(crate) index: i32,
}

/// Every `of`-th event or key, so that memory is bounded whatever the span: a span is read as many
/// times as it has shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) number: u64,
    pub(crate) of: u64,
}

impl Share {
    fn has_id(self, id: Uuid) -> bool {
        // Ids are digests: any part of one is as good as a hash.
        id.as_u64_pair().1 % self.of == self.number
    }

    fn has_key(self, key: &str) -> bool {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(key) % self.of == self.number
    }
}

/// What is known of the events of one share.
#[derive(Debug)]
pub(crate) struct Judge {
    share: Share,
    window_us: i64,
    room: usize,
    promised: HashMap<Uuid, Promise>,
    /// Where the last event of a key comes from.
    last: HashMap<(CanonicalTopic, String), Place>,
}

/// An event that one raw record or several tell of.
#[derive(Debug)]
struct Promise {
    first: Place,
    /// The stream time when it last had, or was allowed, to come out.
    at: Time,
    /// Told of within the span, not only before it.
    judged: bool,
    /// How often it may come out: once, and once more for each window that has passed.
    allowed: u32,
    came_out: u32,
}

/// A raw record tells of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) id: Uuid,
    pub(crate) place: Place,
    /// The highest time of receipt of the raw partition until then.
    pub(crate) stream_time: Time,
    /// Whether the record lies in the span, not in the window before it.
    pub(crate) in_span: bool,
}

/// A canonical record.
#[derive(Clone, Debug)]
pub(crate) struct CameOut<'a> {
    pub(crate) id: Uuid,
    pub(crate) topic: CanonicalTopic,
    pub(crate) key: &'a str,
    pub(crate) place: Place,
    /// Whether its raw record lies in what was read of raw.
    pub(crate) raw_was_read: bool,
}

impl Judge {
    /// Makes a judge that remembers so many events and keys at most.
    pub(crate) fn new(share: Share, window: Duration, room: usize) -> Self {
        Self {
            share,
            room,
            window_us: i64::try_from(window.as_micros()).unwrap_or(i64::MAX),
            promised: HashMap::new(),
            last: HashMap::new(),
        }
    }

    /// Tells whether there was more to remember than room for it: then it judges nothing.
    pub(crate) fn overfull(&self) -> bool {
        self.promised.len() + self.last.len() > self.room
    }

    /// Takes what raw tells; per raw partition in the order of offsets.
    pub(crate) fn told(&mut self, told: &Told, findings: &mut Findings) {
        if self.overfull() || !self.share.has_id(told.id) {
            return;
        }
        let Some(promise) = self.promised.get_mut(&told.id) else {
            let promise = Promise {
                first: told.place,
                at: told.stream_time,
                judged: told.in_span,
                allowed: 1,
                came_out: 0,
            };
            self.promised.insert(told.id, promise);
            return;
        };
        findings.redelivered += u64::from(told.in_span);
        if told
            .stream_time
            .micros()
            .saturating_sub(promise.at.micros())
            >= self.window_us
        {
            promise.at = told.stream_time;
            promise.allowed += 1;
        }
    }

    /// Takes what came out; per canonical partition in the order of offsets.
    pub(crate) fn came_out(&mut self, out: &CameOut<'_>, findings: &mut Findings) {
        if self.overfull() {
            return;
        }
        if self.share.has_id(out.id) {
            self.count(out, findings);
        }
        if self.share.has_key(out.key) {
            self.order(out, findings);
        }
    }

    fn count(&mut self, out: &CameOut<'_>, findings: &mut Findings) {
        let Some(promise) = self.promised.get_mut(&out.id) else {
            if out.raw_was_read {
                findings.unfounded.add(out.id, out.place);
            }
            return;
        };
        promise.came_out += 1;
        if promise.came_out > promise.allowed {
            findings.twice.add(out.id, out.place);
        } else if promise.came_out == 1 && promise.judged && promise.first != out.place {
            findings.not_the_first.add(out.id, out.place);
        }
    }

    fn order(&mut self, out: &CameOut<'_>, findings: &mut Findings) {
        let key = (out.topic, out.key.to_owned());
        let Some(last) = self.last.insert(key, out.place) else {
            return;
        };
        let together = (last.provider, last.partition) == (out.place.provider, out.place.partition);
        if !together || out.place <= last {
            findings.out_of_order.add(out.id, out.place);
        }
    }

    /// Counts what came out as it had to; returns what did not come out.
    pub(crate) fn end(self, findings: &mut Findings) -> Vec<(Uuid, Place)> {
        let mut missing = Vec::new();
        for (id, promise) in self.promised {
            if !promise.judged {
                continue;
            }
            findings.events += 1;
            if promise.came_out == 0 {
                missing.push((id, promise.first));
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Share = Share { number: 0, of: 1 };
    const DAY: i64 = 86_400;

    fn place(offset: i64) -> Place {
        Place {
            provider: Provider::Genea,
            partition: 3,
            offset,
            index: 0,
        }
    }

    /// Judges events told of at these (id, offset, day) and come out as (id, offset).
    fn judge(told: &[(u128, i64, i64)], out: &[(u128, i64)]) -> (Findings, Vec<(Uuid, Place)>) {
        let mut findings = Findings::default();
        let mut judge = Judge::new(ALL, Duration::from_secs(7 * 86_400), 1_000);
        for (id, offset, day) in told {
            let told = Told {
                id: Uuid::from_u128(*id),
                place: place(*offset),
                stream_time: Time::from_seconds(day * DAY).unwrap(),
                in_span: true,
            };
            judge.told(&told, &mut findings);
        }
        for (id, offset) in out {
            let out = CameOut {
                id: Uuid::from_u128(*id),
                topic: CanonicalTopic::Access,
                key: "hq/door/1",
                place: place(*offset),
                raw_was_read: true,
            };
            judge.came_out(&out, &mut findings);
        }
        let missing = judge.end(&mut findings);
        (findings, missing)
    }

    #[test]
    fn once_each_in_order_is_as_promised() {
        let (findings, missing) = judge(&[(1, 0, 0), (2, 1, 0), (1, 2, 0)], &[(1, 0), (2, 1)]);
        assert!(missing.is_empty() && !findings.refute(), "{findings:?}");
        assert_eq!((findings.events, findings.redelivered), (2, 1));
    }

    #[test]
    fn what_did_not_come_out_is_missing() {
        let (_, missing) = judge(&[(1, 0, 0), (2, 1, 0)], &[(2, 1)]);
        assert_eq!(missing, [(Uuid::from_u128(1), place(0))]);
    }

    #[test]
    fn what_came_out_again_within_the_window_is_twice() {
        let told = [(1, 0, 0), (1, 1, 6)];
        assert_eq!(judge(&told, &[(1, 0), (1, 1)]).0.twice.count, 1);
    }

    #[test]
    fn after_the_window_an_event_may_come_out_again() {
        let told = [(1, 0, 0), (1, 1, 8)];
        assert!(!judge(&told, &[(1, 0), (1, 1)]).0.refute());
        assert!(!judge(&told, &[(1, 0)]).0.refute());
        assert!(judge(&told, &[(1, 0), (1, 1), (1, 1)]).0.refute());
    }

    #[test]
    fn what_no_delivery_tells_of_is_unfounded() {
        assert_eq!(judge(&[], &[(1, 0)]).0.unfounded.count, 1);
    }

    #[test]
    fn an_event_comes_of_the_first_delivery_that_tells_of_it() {
        let told = [(1, 0, 0), (1, 1, 0)];
        assert_eq!(judge(&told, &[(1, 1)]).0.not_the_first.count, 1);
    }

    #[test]
    fn events_of_one_key_that_overtook_each_other_are_found() {
        let told = [(1, 0, 0), (2, 1, 0)];
        assert_eq!(judge(&told, &[(2, 1), (1, 0)]).0.out_of_order.count, 1);
    }

    #[test]
    fn a_judge_remembers_no_more_than_it_may() {
        let mut judge = Judge::new(ALL, Duration::ZERO, 2);
        for number in 0..100 {
            let told = Told {
                id: Uuid::from_u128(number),
                place: place(0),
                stream_time: Time::from_seconds(0).unwrap(),
                in_span: true,
            };
            judge.told(&told, &mut Findings::default());
        }
        assert!(judge.overfull());
        assert_eq!(judge.promised.len(), 3);
    }

    #[test]
    fn shares_have_each_event_once() {
        for id in (0..100).map(|_| Uuid::new_v4()) {
            let shares = (0..7).map(|number| Share { number, of: 7 });
            assert_eq!(shares.filter(|share| share.has_id(id)).count(), 1);
        }
    }
}
