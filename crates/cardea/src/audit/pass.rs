//! Reads a span of the topics, once for each share of its events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use anyhow::bail;
use events::wire::WireError;
use events::{CanonicalTopic, Event, Provider, RawPosition, Time, Topic};
use indicatif::{ProgressBar, ProgressStyle};
use kafka::{
    BorrowedMessage, Cluster, Extent, Failure, Message, Partition, group_offsets, headers_of,
};
use providers::{Mapped, Raw, Unmappable};
use registry::{Resolver, Undecoded};

use super::findings::Findings;
use super::judge::{CameOut, Judge, Place, Share, Told};

/// Clocks of ingest and normalizer may differ by so much; their hosts stamp the records.
const SKEW: Duration = Duration::from_secs(10 * 60);
/// So many missing events are looked up in the quarantine; more are lost in any case.
const MISSING_MAX: usize = 1_000_000;

/// What the topics hold of a span of time.
pub(crate) struct Span {
    cluster: Cluster,
    raw: Extent,
    canonical: Extent,
    quarantine: Extent,
    /// How far the normalizer has come, by raw partition.
    reached: BTreeMap<Partition, i64>,
    raw_topics: BTreeMap<String, Provider>,
    canonical_topics: BTreeMap<String, CanonicalTopic>,
    from: Option<Time>,
    window: Duration,
}

impl Span {
    /// Finds what is to be read. Deliveries of the window before the span are read as well: an
    /// event that one of them told of has come out already.
    pub(crate) fn of(
        cluster: &Cluster,
        from: Option<Time>,
        to: Option<Time>,
        window: Duration,
    ) -> Result<Self, Failure> {
        let raw_topics: BTreeMap<_, _> = Provider::ALL
            .map(|provider| (cluster.topic(Topic::Raw(provider)), provider))
            .into();
        let canonical_topics: BTreeMap<_, _> = CanonicalTopic::ALL
            .map(|topic| (cluster.topic(Topic::Canonical(topic)), topic))
            .into();
        let raw: Vec<_> = raw_topics.keys().cloned().collect();
        let canonical: Vec<_> = canonical_topics.keys().cloned().collect();
        let quarantine = Provider::ALL.map(|provider| cluster.topic(Topic::Quarantine(provider)));
        let before = |time: Time, by: Duration| {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            time.saturating_add_micros(-micros).millis()
        };
        let back = window.saturating_add(SKEW);
        let raw_from = from.map(|from| before(from, back));

        // First how far the normalizer has come: all that it wrote until then is in the topics.
        let reached = group_offsets(cluster, &cluster.topic("normalizer"), &raw)?;
        Ok(Self {
            cluster: cluster.clone(),
            raw: Extent::of(cluster, &raw, raw_from, to.map(Time::millis))?,
            canonical: Extent::of(cluster, &canonical, raw_from, None)?,
            quarantine: Extent::of(cluster, &quarantine, raw_from, None)?,
            reached,
            raw_topics,
            canonical_topics,
            from,
            window,
        })
    }

    /// Reads all of it, in as many shares as the memory asks for.
    pub(crate) fn audit(&self, room: usize) -> anyhow::Result<Findings> {
        let events = self.raw.offsets().max(self.canonical.offsets());
        let room_of_one = u64::try_from(room).unwrap_or(u64::MAX);
        let mut of = events.div_ceil(room_of_one).max(1);
        loop {
            match self.shares(of, room)? {
                Some(findings) => return Ok(findings),
                // Deliveries of many events each: twice as many shares.
                None => of *= 2,
            }
        }
    }

    /// `None` if a share was larger than it may be.
    fn shares(&self, of: u64, room: usize) -> anyhow::Result<Option<Findings>> {
        let mut findings = Findings::default();
        let mut missing = Vec::new();
        let length = self.raw.offsets() + self.canonical.offsets() + self.quarantine.offsets();
        let progress = ProgressBar::new(length * of).with_style(
            ProgressStyle::with_template("{bar:30} {percent}% {eta} left")
                .expect("the template is right"),
        );
        let quarantined = self.quarantined(&progress)?;
        for number in 0..of {
            let mut judge = Judge::new(Share { number, of }, self.window, room);
            self.read_raw(
                &mut judge,
                &quarantined,
                number == 0,
                &mut findings,
                &progress,
            )?;
            self.read_canonical(&mut judge, &mut findings, &progress)?;
            if judge.overfull() {
                return Ok(None);
            }
            missing.extend(judge.end(&mut findings));
            if missing.len() > MISSING_MAX {
                bail!("more than {MISSING_MAX} events did not come out; audit a shorter span");
            }
        }
        for (id, place) in missing {
            findings.lost.add(id, place);
        }
        progress.finish_and_clear();
        Ok(Some(findings))
    }

    fn quarantined(&self, progress: &ProgressBar) -> anyhow::Result<HashSet<Place>> {
        let mut places = HashSet::new();
        self.quarantine.read(|record| {
            progress.inc(1);
            let place = record.key().and_then(|key| self.place_of_key(key));
            places.extend(place);
            Ok(())
        })?;
        Ok(places)
    }

    /// Reads a key of the quarantine: `<topic>/<partition>/<offset>`.
    fn place_of_key(&self, key: &[u8]) -> Option<Place> {
        let mut parts = std::str::from_utf8(key).ok()?.rsplitn(3, '/');
        let (offset, partition, topic) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Place {
            provider: *self.raw_topics.get(topic)?,
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
            index: 0,
        })
    }

    fn read_raw(
        &self,
        judge: &mut Judge,
        quarantined: &HashSet<Place>,
        first_time: bool,
        findings: &mut Findings,
        progress: &ProgressBar,
    ) -> Result<(), Failure> {
        // The dedupe window is measured by the highest time of receipt of the partition.
        let mut stream_times: HashMap<(Provider, i32), Time> = HashMap::new();
        self.raw.read(|record| {
            progress.inc(1);
            let place = Place {
                provider: self.raw_topics[record.topic()],
                partition: record.partition(),
                offset: record.offset(),
                index: 0,
            };
            let stamp = record.timestamp().to_millis().unwrap_or(i64::MAX);
            let in_span = self.from.is_none_or(|from| stamp >= from.millis());
            let pending = !self.has_reached(record);
            if first_time && in_span {
                findings.raw += 1;
                findings.pending += u64::from(pending);
                findings.quarantined += u64::from(quarantined.contains(&place));
            }
            // What is, or was, in quarantine comes out of its retry, if it does.
            if pending || quarantined.contains(&place) {
                return Ok(());
            }
            match mapped(record, place) {
                Ok((received_at, events)) => {
                    let stream_time = stream_times
                        .entry((place.provider, place.partition))
                        .or_insert(received_at);
                    *stream_time = received_at.max(*stream_time);
                    for (mapped, index) in events.iter().zip(0..) {
                        let told = Told {
                            id: mapped.event.envelope.event_id,
                            place: Place { index, ..place },
                            stream_time: *stream_time,
                            in_span,
                        };
                        judge.told(&told, findings);
                    }
                }
                Err(_) if first_time && in_span => {
                    findings.not_quarantined.add_record(place);
                }
                Err(_) => {}
            }
            Ok(())
        })
    }

    fn has_reached(&self, record: &BorrowedMessage<'_>) -> bool {
        let partition = Partition {
            topic: record.topic().into(),
            number: record.partition(),
        };
        let reached = self.reached.get(&partition);
        reached.is_some_and(|next| record.offset() < *next)
    }

    fn read_canonical(
        &self,
        judge: &mut Judge,
        findings: &mut Findings,
        progress: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut schemas = Resolver::new(&self.cluster);
        self.canonical.read(|record| {
            progress.inc(1);
            let topic = self.canonical_topics[record.topic()];
            let bytes = record.payload().unwrap_or_default();
            let event = schemas
                .decode(record.topic(), bytes)
                .map_err(|error| match error {
                    Undecoded::Kafka(failure) => failure,
                    Undecoded::Wire(error) => undecodable(record, &error),
                })?;
            let Event { envelope, .. } = event;
            // Events that Cardea made itself have no delivery behind them.
            let Some(raw) = envelope.raw else {
                return Ok(());
            };
            let key = String::from_utf8_lossy(record.key().unwrap_or_default());
            let out = CameOut {
                id: envelope.event_id,
                topic,
                key: &key,
                place: Place {
                    provider: envelope.provider,
                    partition: raw.partition,
                    offset: raw.offset,
                    index: raw.index,
                },
                raw_was_read: self.raw.spans(&raw.topic, raw.partition, raw.offset)
                    && self.reached_place(&raw),
            };
            judge.came_out(&out, findings);
            Ok(())
        })
    }

    /// What the normalizer wrote since the audit began is not judged.
    fn reached_place(&self, raw: &RawPosition) -> bool {
        let partition = Partition {
            topic: raw.topic.as_str().into(),
            number: raw.partition,
        };
        let reached = self.reached.get(&partition);
        reached.is_some_and(|next| raw.offset < *next)
    }
}

fn undecodable(record: &BorrowedMessage<'_>, error: &WireError) -> Failure {
    let (topic, number, offset) = (record.topic(), record.partition(), record.offset());
    Failure::fatal(format!("record {offset} of {topic}[{number}]: {error}"))
}

/// Maps a raw record, with the time of its receipt.
fn mapped(record: &BorrowedMessage<'_>, place: Place) -> Result<(Time, Vec<Mapped>), Unmappable> {
    let position = RawPosition {
        topic: record.topic().to_owned(),
        partition: place.partition,
        offset: place.offset,
        index: 0,
    };
    let body = record.payload().unwrap_or_default();
    let raw = Raw::parse(place.provider, position, headers_of(record), body)?;
    let received_at = raw.received_at;
    Ok((received_at, providers::map(&raw)?))
}
