//! Reads a span of the topics, once for each share of it.

use std::collections::HashMap;

use events::{Event, Provider, Time};
use indicatif::{ProgressBar, ProgressStyle};
use ingest::request_log;
use kafka::{BorrowedMessage, Cluster, Extent, Failure, Message};
use providers::Unmappable;
use registry::{Resolver, Undecoded};
use sink::Traits;

use super::delivered::{Came, Record};
use super::findings::Findings;
use super::judge::{Judge, Telling};
use super::once::{CameOut, Held};
use super::records::{
    self, Attempt, Mapped, delivery_of, header, mapped, owed_of_key, stamp, undecodable,
};
use super::share::{Place, Share};
use super::span::Span;

/// Reads all of it, in as many shares as the memory asks for.
pub(crate) fn audit(cluster: &Cluster, span: &Span, room: usize) -> anyhow::Result<Findings> {
    let events = span.raw.offsets().max(span.canonical.offsets());
    let mut of = events.div_ceil(u64::try_from(room)?).max(1);
    loop {
        match in_shares(cluster, span, of, room)? {
            Some(findings) => return Ok(findings),
            // Deliveries of many events, or events of many subscriptions: twice as many shares.
            None => of *= 2,
        }
    }
}

/// `None` if a share was larger than it may be.
fn in_shares(
    cluster: &Cluster,
    span: &Span,
    of: u64,
    room: usize,
) -> anyhow::Result<Option<Findings>> {
    let mut pass = Pass {
        span,
        schemas: Resolver::new(cluster),
        findings: Findings {
            from: span.from,
            ..Findings::default()
        },
        progress: progress(span, of),
        first: true,
    };
    for number in 0..of {
        let mut judge = Judge::new(Share { number, of }, span.window, room);
        pass.read(&mut judge)?;
        if judge.overfull() {
            return Ok(None);
        }
        judge.end(&mut pass.findings);
        pass.first = false;
    }
    pass.progress.finish_and_clear();
    Ok(Some(pass.findings))
}

/// On a terminal only.
fn progress(span: &Span, of: u64) -> ProgressBar {
    let extents = [
        &span.requests,
        &span.quarantine,
        &span.raw,
        &span.canonical,
        &span.retries,
        &span.dead_letters,
        &span.attempts,
    ];
    let extents = extents.into_iter().chain(&span.raw_after);
    let length: u64 = extents.map(Extent::offsets).sum();
    let style = ProgressStyle::with_template("{bar:30} {percent}% {eta} left");
    ProgressBar::new(length * of).with_style(style.expect("the template is right"))
}

/// One reading of the span.
struct Pass<'a> {
    span: &'a Span,
    schemas: Resolver,
    findings: Findings,
    progress: ProgressBar,
    /// Whether it is the first share, in which each record is counted.
    first: bool,
}

impl Pass<'_> {
    /// Nothing more is read once there is more than the judge has room for.
    fn read(&mut self, judge: &mut Judge) -> Result<(), Failure> {
        let parts = [
            Self::read_requests,
            Self::read_quarantine,
            Self::read_raw,
            Self::read_raw_after,
            Self::read_canonical,
            Self::read_deliveries,
        ];
        for part in parts {
            part(self, judge)?;
            if judge.overfull() {
                break;
            }
        }
        Ok(())
    }

    fn read_requests(&mut self, judge: &mut Judge) -> Result<(), Failure> {
        let span = self.span;
        span.requests.read(|record| {
            self.progress.inc(1);
            let (entries, unreadable) = request_log::read(record.payload().unwrap_or_default());
            self.count(|findings| &mut findings.unreadable, unreadable);
            for entry in entries
                .iter()
                .filter(|entry| records::was_accepted(entry) && span.has(entry.received_at))
            {
                match span.answered(entry) {
                    Some((delivery, answered)) => {
                        judge.answered(delivery, answered, &mut self.findings);
                    }
                    None => self.count(|findings| &mut findings.unreadable, 1),
                }
            }
            Ok(())
        })
    }

    fn read_quarantine(&mut self, judge: &mut Judge) -> Result<(), Failure> {
        self.span.quarantine.read(|record| {
            self.progress.inc(1);
            let place = record.key().and_then(|key| self.span.place_of_key(key));
            match (place, record.payload()) {
                (Some(place), Some(_)) => {
                    // It was kept with all that raw has of it.
                    let mapped = mapped(record, place).map(|mapped| mapped.ids);
                    judge.quarantined(place, &mapped.unwrap_or_default());
                }
                (Some(place), None) => judge.resolved(place),
                (None, _) => self.count(|findings| &mut findings.unreadable, 1),
            }
            Ok(())
        })
    }

    fn read_raw(&mut self, judge: &mut Judge) -> Result<(), Failure> {
        // The dedupe window is measured by the highest time of receipt of the partition.
        let mut stream_times: HashMap<(Provider, i32), Time> = HashMap::new();
        self.span.raw.read(|record| {
            self.progress.inc(1);
            let place = self.span.place_of(record);
            let in_span = self.span.has(stamp(record));
            let pending = !self
                .span
                .passed(record.topic(), place.partition, place.offset);
            let held = judge.held(place);
            if in_span {
                self.count(|findings| &mut findings.raw, 1);
                self.count(|findings| &mut findings.pending, u64::from(pending));
                let counted = held == Some(Held::Still) && judge.share.has_record(place);
                self.findings.quarantined += u64::from(counted);
            }
            if let Some(delivery) = delivery_of(record) {
                judge.found(delivery, place);
            }
            let mapped = mapped(record, place);
            self.take_retry(judge, record, &mapped);
            // What is, or was, in quarantine comes out of its retry, if it does.
            if pending || held.is_some() {
                return Ok(());
            }
            match mapped {
                Ok(mapped) => {
                    let stream_time = stream_times
                        .entry((place.provider, place.partition))
                        .or_insert(mapped.received_at);
                    *stream_time = mapped.received_at.max(*stream_time);
                    let telling = Telling {
                        place,
                        stream_time: *stream_time,
                        in_span,
                    };
                    judge.told(telling, &mapped.ids, &mut self.findings);
                }
                Err(_) if in_span => judge.unmappable(place),
                Err(_) => {}
            }
            Ok(())
        })
    }

    /// Only what was retried there concerns the span, and deliveries that were received in it: a
    /// record is stamped when it is written.
    fn read_raw_after(&mut self, judge: &mut Judge) -> Result<(), Failure> {
        let Some(after) = &self.span.raw_after else {
            return Ok(());
        };
        after.read(|record| {
            self.progress.inc(1);
            let place = self.span.place_of(record);
            if let Some(delivery) = delivery_of(record) {
                judge.found(delivery, place);
            }
            if header(record, records::RETRY_OF).is_some() {
                let mapped = mapped(record, place);
                self.take_retry(judge, record, &mapped);
            }
            Ok(())
        })
    }

    fn take_retry(
        &self,
        judge: &mut Judge,
        record: &BorrowedMessage<'_>,
        mapped: &Result<Mapped, Unmappable>,
    ) {
        let retried = header(record, records::RETRY_OF).and_then(|key| self.span.place_of_key(key));
        if let Some(retried) = retried {
            let ids = mapped.as_ref().map_or(&[][..], |mapped| &mapped.ids);
            judge.retried(retried, ids);
        }
    }

    fn read_canonical(&mut self, judge: &mut Judge) -> Result<(), Failure> {
        self.span.canonical.read(|record| {
            self.progress.inc(1);
            let bytes = record.payload().unwrap_or_default();
            let event =
                self.schemas
                    .decode(record.topic(), bytes)
                    .map_err(|error| match error {
                        Undecoded::Kafka(failure) => failure,
                        Undecoded::Wire(error) => undecodable(record, &error),
                    })?;
            self.take_delivery(judge, record, &event);
            self.take_event(judge, record, &event);
            Ok(())
        })
    }

    /// Judges P2 and P7. Events that Cardea made itself have no delivery behind them; what the
    /// normalizer wrote since the audit began is not judged.
    fn take_event(&mut self, judge: &mut Judge, record: &BorrowedMessage<'_>, event: &Event) {
        let envelope = &event.envelope;
        let Some(raw) = &envelope.raw else {
            return;
        };
        let was_read = self.span.raw.spans(&raw.topic, raw.partition, raw.offset);
        if !was_read || !self.span.passed(&raw.topic, raw.partition, raw.offset) {
            return;
        }
        let key = String::from_utf8_lossy(record.key().unwrap_or_default());
        let out = CameOut {
            id: envelope.event_id,
            topic: self.span.canonical_topics[record.topic()],
            key: &key,
            place: Place {
                provider: envelope.provider,
                partition: raw.partition,
                offset: raw.offset,
                index: raw.index,
            },
        };
        judge.came_out(&out, &mut self.findings);
    }

    /// Judges P5.
    fn take_delivery(&mut self, judge: &mut Judge, record: &BorrowedMessage<'_>, event: &Event) {
        let written_at = stamp(record);
        if !self.span.has(written_at) {
            return;
        }
        let (partition, offset) = (record.partition(), record.offset());
        if !self.span.passed(record.topic(), partition, offset) {
            return self.count(|findings| &mut findings.not_passed, 1);
        }
        let envelope = &event.envelope;
        let came = Came {
            id: envelope.event_id,
            traits: Traits {
                event_type: envelope.event_type.name(),
                provider: envelope.provider.name(),
                native_type: &envelope.native_type,
                source: &envelope.source,
            },
            written_at,
            record: Record {
                topic: self.span.canonical_topics[record.topic()],
                partition,
                offset,
            },
        };
        judge.passed(&came, &self.span.wishes, &mut self.findings);
    }

    fn read_deliveries(&mut self, judge: &mut Judge) -> Result<(), Failure> {
        if self.span.wishes.is_empty() {
            return Ok(());
        }
        self.span.retries.read(|record| {
            self.progress.inc(1);
            match record.key().and_then(owed_of_key) {
                Some(owed) => judge.delivered().row(owed, record.payload().is_some()),
                None => self.count(|findings| &mut findings.unreadable, 1),
            }
            Ok(())
        })?;
        self.span.dead_letters.read(|record| {
            self.progress.inc(1);
            match record.key().and_then(owed_of_key) {
                Some(owed) => judge.delivered().dead_letter(owed),
                None => self.count(|findings| &mut findings.unreadable, 1),
            }
            Ok(())
        })?;
        self.span.attempts.read(|record| {
            self.progress.inc(1);
            match serde_json::from_slice::<Attempt>(record.payload().unwrap_or_default()) {
                Ok(attempt) if attempt.outcome == "done" => {
                    judge
                        .delivered()
                        .done((attempt.subscription, attempt.event_id));
                }
                Ok(_) => {}
                Err(_) => self.count(|findings| &mut findings.unreadable, 1),
            }
            Ok(())
        })
    }

    /// Counts what each share reads only once.
    fn count(&mut self, figure: impl Fn(&mut Findings) -> &mut u64, more: u64) {
        if self.first {
            *figure(&mut self.findings) += more;
        }
    }
}
