//! Judges one share of all that the topics hold.

use std::time::Duration;

use events::Time;
use uuid::Uuid;

use super::delivered::{Came, Delivered, Standing, Wish};
use super::findings::Findings;
use super::kept::{Answered, Kept};
use super::once::{CameOut, Held, Once, Told};
use super::share::{Place, Share};

/// What is known of one share; it remembers no more than it has room for.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) share: Share,
    room: usize,
    kept: Kept,
    once: Once,
    delivered: Delivered,
}

/// What a raw record tells of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling {
    pub(crate) place: Place,
    pub(crate) stream_time: Time,
    pub(crate) in_span: bool,
}

impl Judge {
    pub(crate) fn new(share: Share, window: Duration, room: usize) -> Self {
        Self {
            share,
            room,
            kept: Kept::default(),
            once: Once::new(window),
            delivered: Delivered::default(),
        }
    }

    /// Tells whether there was more to remember than room for it: then it judges nothing.
    pub(crate) fn overfull(&self) -> bool {
        self.kept.len() + self.once.len() + self.delivered.len() > self.room
    }

    /// Takes an entry of the request log.
    pub(crate) fn answered(&mut self, delivery: Uuid, answered: Answered, findings: &mut Findings) {
        if !self.overfull() && self.share.has_id(delivery) {
            findings.answered += u64::from(self.kept.answered(delivery, answered));
        }
    }

    /// Takes a raw record, whatever it tells of.
    pub(crate) fn found(&mut self, delivery: Uuid, place: Place) {
        self.kept.found(delivery, place);
    }

    /// Takes a record of the quarantine, with the events that its raw record tells of; those of a
    /// partition in the order of offsets.
    pub(crate) fn quarantined(&mut self, place: Place, ids: &[Uuid]) {
        let share = self.share;
        let concerned = share.has_record(place) || ids.iter().any(|id| share.has_id(*id));
        if !self.overfull() && concerned {
            self.once.quarantined(place, Held::Still);
        }
    }

    /// Takes a tombstone of the quarantine.
    pub(crate) fn resolved(&mut self, place: Place) {
        self.once.resolved(place);
    }

    /// Returns whether a raw record is or was in quarantine, as far as it concerns the share.
    pub(crate) fn held(&self, place: Place) -> Option<Held> {
        self.once.held(place)
    }

    /// Takes a raw record that cannot be mapped.
    pub(crate) fn unmappable(&mut self, place: Place) {
        if !self.overfull() && self.share.has_record(place) {
            self.once.unmappable(place);
        }
    }

    /// Takes what a raw record is that was written to retry the one at `place`.
    pub(crate) fn retried(&mut self, place: Place, ids: &[Uuid]) {
        let share = self.share;
        let ours = || ids.iter().copied().filter(|id| share.has_id(*id));
        if !self.overfull() && (share.has_record(place) || ours().next().is_some()) {
            self.once.retried(place, ours());
        }
    }

    /// Takes what a raw record tells; per raw partition in the order of offsets.
    pub(crate) fn told(&mut self, telling: Telling, ids: &[Uuid], findings: &mut Findings) {
        for (id, index) in ids.iter().zip(0..) {
            if self.overfull() || !self.share.has_id(*id) {
                continue;
            }
            let told = Told {
                id: *id,
                place: Place {
                    index,
                    ..telling.place
                },
                stream_time: telling.stream_time,
                in_span: telling.in_span,
            };
            self.once.told(&told, findings);
        }
    }

    /// Takes what came out of a raw record that was read; per canonical partition in the order of
    /// offsets.
    pub(crate) fn came_out(&mut self, out: &CameOut<'_>, findings: &mut Findings) {
        if self.overfull() {
            return;
        }
        if self.share.has_id(out.id) {
            self.once.came_out(out, findings);
        }
        if self.share.has_key(out.key) {
            self.once.ordered(out, findings);
        }
    }

    /// Takes an event that the sink has passed.
    pub(crate) fn passed(&mut self, came: &Came<'_>, wishes: &[Wish], findings: &mut Findings) {
        if !self.overfull() && self.share.has_id(came.id) {
            findings.not_judged += self.delivered.came(came, wishes);
        }
    }

    pub(crate) fn delivered(&mut self) -> &mut Delivered {
        &mut self.delivered
    }

    /// Adds what is known now to the findings.
    pub(crate) fn end(self, findings: &mut Findings) {
        for (delivery, answered) in self.kept.end() {
            findings.not_kept.add_delivery(delivery, &answered);
        }
        self.once.end(findings);
        for (subscription, event, record, standing) in self.delivered.end() {
            findings.owed += 1;
            match standing {
                Standing::Done => {}
                Standing::Waiting => findings.waiting += 1,
                Standing::Dead => findings.dead_letters += 1,
                Standing::Missing => findings.undelivered.add_owed(subscription, event, record),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use events::Provider;

    use super::*;

    #[test]
    fn a_judge_remembers_no_more_than_it_may() {
        let place = |offset| Place {
            provider: Provider::Genea,
            partition: 3,
            offset,
            index: 0,
        };
        let mut findings = Findings::default();
        for kind in 0..3 {
            let mut judge = Judge::new(Share { number: 0, of: 1 }, Duration::ZERO, 2);
            for offset in 0..100 {
                let id = Uuid::new_v4();
                match kind {
                    0 => {
                        let answered = Answered {
                            place: place(offset),
                            offset_known: true,
                        };
                        judge.answered(id, answered, &mut findings);
                    }
                    1 => judge.quarantined(place(offset), &[id]),
                    _ => {
                        let telling = Telling {
                            place: place(offset),
                            stream_time: Time::from_seconds(0).unwrap(),
                            in_span: true,
                        };
                        judge.told(telling, &[id, Uuid::new_v4()], &mut findings);
                    }
                }
            }
            assert!(judge.overfull());
            assert_eq!(judge.kept.len() + judge.once.len(), 3, "{kind}");
        }
    }
}
