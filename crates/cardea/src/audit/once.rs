//! P2 and P7: what the raw deliveries promise against what came out of them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use events::{CanonicalTopic, Time};
use uuid::Uuid;

use super::findings::Findings;
use super::share::Place;

/// What is known of events and of raw records.
#[derive(Debug)]
pub(crate) struct Once {
    window_us: i64,
    promised: HashMap<Uuid, Promise>,
    /// Where the last event of a key comes from.
    last: HashMap<(CanonicalTopic, String), Place>,
    /// Raw records that are or were in quarantine.
    quarantined: HashMap<Place, Held>,
    /// Raw records that went through the normalizer once more.
    retried: HashSet<Place>,
    /// Raw records that cannot be mapped and must have been in quarantine.
    unmappable: HashSet<Place>,
}

/// Whether a raw record is in quarantine still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Still,
    Resolved,
}

/// An event that one raw record or several tell of.
#[derive(Debug)]
struct Promise {
    first: Place,
    /// Whether it must come out of the first record: not if that was in quarantine.
    first_counts: bool,
    /// Records that tell of it and were not in quarantine; without one it need not come out.
    told: u32,
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

/// A canonical record whose raw record was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CameOut<'a> {
    pub(crate) id: Uuid,
    pub(crate) topic: CanonicalTopic,
    pub(crate) key: &'a str,
    pub(crate) place: Place,
}

impl Once {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window_us: i64::try_from(window.as_micros()).unwrap_or(i64::MAX),
            promised: HashMap::new(),
            last: HashMap::new(),
            quarantined: HashMap::new(),
            retried: HashSet::new(),
            unmappable: HashSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        let of_events = self.promised.len() + self.last.len();
        of_events + self.quarantined.len() + self.retried.len() + self.unmappable.len()
    }

    /// Takes what the quarantine says of a raw record, before raw is read.
    pub(crate) fn quarantined(&mut self, place: Place, held: Held) {
        self.quarantined.insert(place, held);
    }

    pub(crate) fn resolved(&mut self, place: Place) {
        if let Some(held) = self.quarantined.get_mut(&place) {
            *held = Held::Resolved;
        }
    }

    pub(crate) fn held(&self, place: Place) -> Option<Held> {
        self.quarantined.get(&place).copied()
    }

    /// Takes a raw record that cannot be mapped and is not known to be in quarantine.
    pub(crate) fn unmappable(&mut self, place: Place) {
        self.unmappable.insert(place);
    }

    /// Takes a raw record that was written because the one at `place`, which tells of the same
    /// events, was in quarantine. What the quarantine says of that may be compacted away.
    pub(crate) fn retried(&mut self, place: Place, ids: impl Iterator<Item = Uuid>) {
        self.unmappable.remove(&place);
        let known = self.quarantined.contains_key(&place);
        if !self.retried.insert(place) || known {
            return;
        }
        for id in ids {
            if let Some(promise) = self.promised.get_mut(&id) {
                promise.told = promise.told.saturating_sub(1);
                promise.first_counts &= !promise.first.is_of(place);
            }
        }
    }

    /// Takes what raw tells; per raw partition in the order of offsets.
    pub(crate) fn told(&mut self, told: &Told, findings: &mut Findings) {
        let Some(promise) = self.promised.get_mut(&told.id) else {
            let promise = Promise {
                first: told.place,
                first_counts: true,
                told: 1,
                at: told.stream_time,
                judged: told.in_span,
                allowed: 1,
                came_out: 0,
            };
            self.promised.insert(told.id, promise);
            return;
        };
        promise.told += 1;
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
        let Some(promise) = self.promised.get_mut(&out.id) else {
            findings.unfounded.add_event(out.id, out.place);
            return;
        };
        promise.came_out += 1;
        if promise.came_out > promise.allowed {
            findings.twice.add_event(out.id, out.place);
        } else if promise.came_out == 1
            && promise.judged
            && promise.first_counts
            && promise.first != out.place
        {
            findings.not_the_first.add_event(out.id, out.place);
        }
    }

    /// Takes what came out for its key; per canonical partition in the order of offsets.
    pub(crate) fn ordered(&mut self, out: &CameOut<'_>, findings: &mut Findings) {
        let key = (out.topic, out.key.to_owned());
        let Some(last) = self.last.insert(key, out.place) else {
            return;
        };
        let together = (last.provider, last.partition) == (out.place.provider, out.place.partition);
        if !together || out.place <= last {
            findings.out_of_order.add_event(out.id, out.place);
        }
    }

    /// Counts what came out as it had to, and adds what did not to the findings.
    pub(crate) fn end(self, findings: &mut Findings) {
        for (id, promise) in self.promised {
            if !promise.judged || promise.told == 0 {
                continue;
            }
            findings.events += 1;
            if promise.came_out == 0 {
                findings.lost.add_event(id, promise.first);
            }
        }
        for place in self.unmappable {
            findings.not_quarantined.add_record(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use events::Provider;

    use super::*;

    const DAY: i64 = 86_400;

    fn place(offset: i64) -> Place {
        Place {
            provider: Provider::Genea,
            partition: 3,
            offset,
            index: 0,
        }
    }

    fn once() -> Once {
        Once::new(Duration::from_secs(7 * 86_400))
    }

    fn tell(once: &mut Once, (id, offset, day): (u128, i64, i64), findings: &mut Findings) {
        let told = Told {
            id: Uuid::from_u128(id),
            place: place(offset),
            stream_time: Time::from_seconds(day * DAY).unwrap(),
            in_span: true,
        };
        once.told(&told, findings);
    }

    /// What is found when events come out as these (id, offset).
    fn end(mut once: Once, out: &[(u128, i64)], mut findings: Findings) -> Findings {
        for (id, offset) in out {
            let out = CameOut {
                id: Uuid::from_u128(*id),
                topic: CanonicalTopic::Access,
                key: "hq/door/1",
                place: place(*offset),
            };
            once.came_out(&out, &mut findings);
            once.ordered(&out, &mut findings);
        }
        once.end(&mut findings);
        findings
    }

    /// Judges events told of at these (id, offset, day) and come out as (id, offset).
    fn judge(told: &[(u128, i64, i64)], out: &[(u128, i64)]) -> Findings {
        let (mut once, mut findings) = (once(), Findings::default());
        for told in told {
            tell(&mut once, *told, &mut findings);
        }
        end(once, out, findings)
    }

    #[test]
    fn once_each_in_order_is_as_promised() {
        let findings = judge(&[(1, 0, 0), (2, 1, 0), (1, 2, 0)], &[(1, 0), (2, 1)]);
        assert!(!findings.refute(), "{findings:?}");
        assert_eq!((findings.events, findings.redelivered), (2, 1));
    }

    #[test]
    fn what_did_not_come_out_is_lost() {
        let findings = judge(&[(1, 0, 0), (2, 1, 0)], &[(2, 1)]);
        let lost = &findings.lost.first[0];
        assert_eq!(lost.event_id, Some(Uuid::from_u128(1)));
        assert_eq!(lost.record, "raw.genea[3]@0#0");
    }

    #[test]
    fn what_came_out_again_within_the_window_is_twice() {
        let told = [(1, 0, 0), (1, 1, 6)];
        assert_eq!(judge(&told, &[(1, 0), (1, 1)]).twice.count, 1);
    }

    #[test]
    fn after_the_window_an_event_may_come_out_again() {
        let told = [(1, 0, 0), (1, 1, 8)];
        assert!(!judge(&told, &[(1, 0), (1, 1)]).refute());
        assert!(!judge(&told, &[(1, 0)]).refute());
        assert!(judge(&told, &[(1, 0), (1, 1), (1, 1)]).refute());
    }

    #[test]
    fn what_no_delivery_tells_of_is_unfounded() {
        assert_eq!(judge(&[], &[(1, 0)]).unfounded.count, 1);
    }

    #[test]
    fn an_event_comes_of_the_first_delivery_that_tells_of_it() {
        let told = [(1, 0, 0), (1, 1, 0)];
        assert_eq!(judge(&told, &[(1, 1)]).not_the_first.count, 1);
    }

    #[test]
    fn events_of_one_key_that_overtook_each_other_are_found() {
        let told = [(1, 0, 0), (2, 1, 0)];
        assert_eq!(judge(&told, &[(2, 1), (1, 0)]).out_of_order.count, 1);
    }

    #[test]
    fn a_record_that_cannot_be_mapped_was_in_quarantine_or_it_is_an_offence() {
        let mut lost = once();
        lost.unmappable(place(5));
        assert_eq!(end(lost, &[], Findings::default()).not_quarantined.count, 1);
        // What the quarantine said is compacted away, but raw has what was retried.
        let mut retried = once();
        retried.unmappable(place(5));
        retried.retried(place(5), std::iter::empty());
        assert!(!end(retried, &[], Findings::default()).refute());
    }

    #[test]
    fn an_event_of_a_retried_record_comes_out_of_the_retry() {
        let id = || std::iter::once(Uuid::from_u128(1));
        for quarantine_tells in [true, false] {
            let (mut once, mut findings) = (once(), Findings::default());
            match quarantine_tells {
                true => once.quarantined(place(0), Held::Resolved),
                false => tell(&mut once, (1, 0, 0), &mut findings),
            }
            once.retried(place(0), id());
            tell(&mut once, (1, 7, 0), &mut findings);
            let findings = end(once, &[(1, 7)], findings);
            assert!(!findings.refute(), "{findings:?}");
        }
    }

    #[test]
    fn an_event_of_a_retried_record_must_come_out_and_one_that_waits_for_it_need_not() {
        let id = || std::iter::once(Uuid::from_u128(1));
        let (mut retried, mut findings) = (once(), Findings::default());
        tell(&mut retried, (1, 0, 0), &mut findings);
        retried.retried(place(0), id());
        tell(&mut retried, (1, 7, 0), &mut findings);
        assert_eq!(end(retried, &[], findings).lost.count, 1);

        // Retried in vain, twice: its second copy is in quarantine.
        let (mut waiting, mut findings) = (once(), Findings::default());
        waiting.quarantined(place(7), Held::Still);
        tell(&mut waiting, (1, 0, 0), &mut findings);
        waiting.retried(place(0), id());
        waiting.retried(place(0), id());
        let findings = end(waiting, &[], findings);
        assert!(!findings.refute(), "{findings:?}");
        assert_eq!(findings.events, 0);
    }
}
