//! One raw partition: its course, and the deliveries that wait for an answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use events::{Provider, Time};
use kafka::{NotSent, PatientProducer, Record, SendError, Written};
use spool::{Entry, NotRead, NotStored, Slot, Spool};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::course::{Course, Mode, Next, Place};
use super::record::RawContent;
use crate::keep::NotKept;
use crate::metrics::IngestMetrics;

/// A producer whose reports find their way by themselves.
pub(crate) type RawProducer = PatientProducer<Token>;

/// What a record is sent with.
pub(crate) struct Token {
    partition: Arc<RawPartition>,
    place: Place,
}

/// Where a delivery is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    InKafka { offset: i64 },
    InSpool,
}

/// The raw partition, shared by requests, the producer's reports, the spool's and the one who drains.
pub(crate) struct RawPartition {
    pub(crate) topic: Arc<str>,
    pub(crate) number: i32,
    /// `None` of a topic that an installation with another prefix has left.
    provider: Option<Provider>,
    spool: Spool,
    metrics: IngestMetrics,
    state: Mutex<State>,
}

struct State {
    course: Course<Slot>,
    /// What is neither known to be in Kafka nor in the spool.
    waiting: BTreeMap<Place, Waiting>,
}

struct Waiting {
    content: Arc<RawContent>,
    told: oneshot::Sender<Result<Durable, NotKept>>,
}

/// How a step of draining ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// That many bytes were sent.
    Sent(u64),
    /// There is nothing to send now.
    Nothing,
}

/// Says a report to the delivery that it is about.
pub(crate) fn report(token: Token, ended: Result<Written, SendError>) {
    let Token { partition, place } = token;
    match ended {
        Ok(written) => partition.acknowledged(place, written),
        Err(error) => partition.failed(place, &error),
    }
}

impl RawPartition {
    pub(crate) fn new(
        (topic, number): (Arc<str>, i32),
        provider: Option<Provider>,
        spool: Spool,
        metrics: IngestMetrics,
        left: Vec<(Place, Slot)>,
    ) -> Self {
        for (_, slot) in &left {
            metrics.in_spool(provider, *slot);
        }
        Self {
            topic,
            number,
            provider,
            spool,
            metrics,
            state: Mutex::new(State {
                course: Course::new(left),
                waiting: BTreeMap::new(),
            }),
        }
    }

    /// Takes a delivery; the answer says where it is durable.
    pub(crate) fn accept(
        self: &Arc<Self>,
        producer: &RawProducer,
        content: RawContent,
    ) -> oneshot::Receiver<Result<Durable, NotKept>> {
        let (told, answer) = oneshot::channel();
        let content = Arc::new(content);
        let waiting = Waiting {
            content: Arc::clone(&content),
            told,
        };
        let mut state = self.state();
        let place = state.course.arrive();
        match state.course.mode() {
            Mode::Live => match self.send(producer, place, &content, &content.headers()) {
                Ok(()) => {
                    state.course.sent(place, Instant::now());
                    state.waiting.insert(place, waiting);
                }
                Err(NotSent::TooLarge) => tell(waiting, Err(NotKept::TooLarge)),
                // No room in the producer is no Kafka.
                Err(NotSent::Busy) => {
                    let mut due = state.course.flip();
                    self.metrics.flipped(self.provider);
                    due.push(place);
                    state.waiting.insert(place, waiting);
                    self.store(&mut state, due);
                }
            },
            Mode::Spooling | Mode::Draining => {
                state.waiting.insert(place, waiting);
                self.store(&mut state, vec![place]);
            }
        }
        answer
    }

    /// Turns to the spool if Kafka has kept silent for too long.
    pub(crate) fn tick(self: &Arc<Self>, now: Instant) {
        let mut state = self.state();
        let due = state.course.tick(now);
        if !due.is_empty() {
            self.metrics.flipped(self.provider);
            self.store(&mut state, due);
        }
    }

    /// Sends the next delivery that waits in the spool, if its turn has come.
    pub(crate) fn drain(self: &Arc<Self>, producer: &RawProducer, now: Instant) -> Step {
        let next = self.state().course.next(now);
        let (place, content, bytes) = match next {
            None => return Step::Nothing,
            Some(Next::Memory(place)) => {
                let state = self.state();
                let Some(waiting) = state.waiting.get(&place) else {
                    // Stored meanwhile: the next look finds it on disk.
                    return Step::Sent(0);
                };
                let content = Arc::clone(&waiting.content);
                (place, content, 0)
            }
            Some(Next::Disk(place, slot)) => match self.read(slot) {
                Ok(content) => (place, Arc::new(content), u64::from(slot.bytes())),
                Err(NotRead::Disk(error)) => {
                    warn!(topic = &*self.topic, partition = self.number, place, %error,
                          "disk does not give a delivery, it is asked again");
                    return Step::Nothing;
                }
                Err(NotRead::Damaged) => {
                    error!(
                        topic = &*self.topic,
                        partition = self.number,
                        place,
                        "a delivery in the spool is damaged and lost"
                    );
                    self.spool.count_damaged();
                    self.state().course.lost(place);
                    self.release(slot);
                    return Step::Sent(0);
                }
            },
        };
        let mut state = self.state();
        // Meanwhile the producer may have failed.
        let turn = state.course.next(now).map(Next::place);
        if turn != Some(place) {
            return Step::Nothing;
        }
        let headers = content.headers_spooled();
        match self.send(producer, place, &content, &headers) {
            Ok(()) => {
                state.course.sent_copy(place, bytes, now);
                Step::Sent(bytes)
            }
            Err(NotSent::Busy | NotSent::TooLarge) => Step::Nothing,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.state().course.mode()
    }

    pub(crate) fn copies(&self) -> usize {
        self.state().course.copies()
    }

    pub(crate) fn at_rest(&self) -> bool {
        self.state().course.at_rest()
    }

    /// Returns when the oldest delivery came that waits on disk.
    pub(crate) fn oldest_at(&self) -> Option<Time> {
        let slot = self.state().course.oldest()?;
        self.read(slot).ok()?.received_at()
    }

    fn send(
        self: &Arc<Self>,
        producer: &RawProducer,
        place: Place,
        content: &RawContent,
        headers: &[(&str, &[u8])],
    ) -> Result<(), NotSent> {
        let record = Record {
            topic: &self.topic,
            partition: Some(self.number),
            key: Some(&content.key),
            headers,
            value: Some(&content.body),
        };
        let token = Token {
            partition: Arc::clone(self),
            place,
        };
        producer.send(&record, token)
    }

    /// Orders deliveries to be written to disk; under the lock, so that their order is kept.
    fn store(self: &Arc<Self>, state: &mut State, due: Vec<Place>) {
        for place in due {
            let Some(waiting) = state.waiting.get(&place) else {
                continue;
            };
            let entry = Entry {
                place,
                topic: self.topic.to_string(),
                partition: self.number,
                payload: waiting.content.encode(),
            };
            state.course.storing(place);
            let partition = Arc::clone(self);
            let ordered = self
                .spool
                .append(entry, move |outcome| partition.stored(place, outcome));
            if let Err(refused) = ordered {
                self.not_stored(state, place, &refused);
            }
        }
    }

    fn stored(&self, place: Place, outcome: Result<Slot, NotStored>) {
        let mut state = self.state();
        match outcome {
            Ok(slot) => {
                self.metrics.in_spool(self.provider, slot);
                if let Some(slot) = state.course.stored(place, slot) {
                    self.release(slot);
                }
                if let Some(waiting) = state.waiting.remove(&place) {
                    self.metrics.spooled(self.provider);
                    tell(waiting, Ok(Durable::InSpool));
                }
            }
            Err(refused) => self.not_stored(&mut state, place, &refused),
        }
    }

    /// What the producer still has may yet be acknowledged; all else is refused.
    fn not_stored(&self, state: &mut State, place: Place, refused: &NotStored) {
        if state.course.not_stored(place) {
            return;
        }
        if let Some(waiting) = state.waiting.remove(&place) {
            let refused = match refused {
                NotStored::Full => NotKept::SpoolFull,
                NotStored::Failed => NotKept::Unavailable,
            };
            tell(waiting, Err(refused));
        }
    }

    fn acknowledged(&self, place: Place, written: Written) {
        let mut state = self.state();
        if let Some(slot) = state.course.acknowledged(place) {
            self.metrics.drained(self.provider);
            self.release(slot);
        }
        if let Some(waiting) = state.waiting.remove(&place) {
            let offset = written.offset;
            tell(waiting, Ok(Durable::InKafka { offset }));
        }
    }

    fn failed(self: &Arc<Self>, place: Place, error: &SendError) {
        let mut state = self.state();
        // What was not accepted is refused; an accepted delivery stays and is tried again.
        if matches!(error, SendError::TooLarge)
            && let Some(waiting) = state.waiting.remove(&place)
        {
            if let Some(slot) = state.course.acknowledged(place) {
                self.release(slot);
            }
            tell(waiting, Err(NotKept::TooLarge));
            return;
        }
        let due = state.course.failed(place, Instant::now());
        self.store(&mut state, due);
    }

    fn read(&self, slot: Slot) -> Result<RawContent, NotRead> {
        let entry = self.spool.read(slot)?;
        RawContent::decode(&entry.payload).ok_or(NotRead::Damaged)
    }

    fn release(&self, slot: Slot) {
        self.metrics.out_of_spool(self.provider, slot);
        self.spool.release(slot);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request may be gone.
fn tell(waiting: Waiting, outcome: Result<Durable, NotKept>) {
    waiting.told.send(outcome).ok();
}
