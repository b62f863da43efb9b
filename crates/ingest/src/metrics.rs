//! What ingest counts.

use std::time::Duration;

use events::Provider;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use service::Metrics;
use service::http::{HttpMetrics, REASON};
use service::metrics::Metric;
use spool::{Slot, Stats};

/// Requests answered. `provider` is `none` where no source was found; `outcome` is `accepted`,
/// `handshake`, or the reason of the refusal.
pub const REQUESTS: Metric = Metric {
    name: "cardea_ingest_requests_total",
    help: "Requests answered, by provider and outcome.",
    labels: &["provider", "outcome"],
};
/// From a request's beginning to its answer.
pub const REQUEST_SECONDS: Metric = Metric {
    name: "cardea_ingest_request_seconds",
    help: "Time from the first byte of a request to its answer.",
    labels: &[],
};
/// From handing a record to the Kafka client to the acknowledgement of all in-sync replicas.
pub const ACK_SECONDS: Metric = Metric {
    name: "cardea_ingest_ack_seconds",
    help: "Time until Kafka acknowledged a raw record.",
    labels: &["provider"],
};
/// Bodies of accepted deliveries, as they came.
pub const BODY_BYTES: Metric = Metric {
    name: "cardea_ingest_body_bytes_total",
    help: "Bytes of the bodies of accepted deliveries.",
    labels: &["provider"],
};
/// Requests that the log does not tell of, as Kafka did not take its entries in time.
pub const REQUEST_LOG_DROPPED: Metric = Metric {
    name: "cardea_ingest_request_log_dropped_total",
    help: "Requests that are not in the request log, by outcome.",
    labels: &["outcome"],
};
/// Deliveries that wait on disk for Kafka.
pub const SPOOL_DELIVERIES: Metric = Metric {
    name: "cardea_ingest_spool_deliveries",
    help: "Deliveries in the spool.",
    labels: &["provider"],
};
/// What these deliveries take.
pub const SPOOL_BYTES: Metric = Metric {
    name: "cardea_ingest_spool_bytes",
    help: "Bytes of the deliveries in the spool.",
    labels: &["provider"],
};
/// What the spool takes, up to its bound: space comes back with whole segments.
pub const SPOOL_DISK_BYTES: Metric = Metric {
    name: "cardea_ingest_spool_disk_bytes",
    help: "Bytes that the spool takes on disk.",
    labels: &[],
};
/// How far Kafka is behind what was accepted.
pub const SPOOL_OLDEST_SECONDS: Metric = Metric {
    name: "cardea_ingest_spool_oldest_seconds",
    help: "Age of the oldest delivery in the spool.",
    labels: &[],
};
/// Raw partitions that turned to the spool, as Kafka did not acknowledge in time.
pub const SPOOL_FLIPS: Metric = Metric {
    name: "cardea_ingest_spool_flips_total",
    help: "Times that a raw partition turned to the spool.",
    labels: &["provider"],
};
/// Deliveries that were accepted as they were in the spool.
pub const SPOOLED: Metric = Metric {
    name: "cardea_ingest_spooled_total",
    help: "Deliveries accepted into the spool.",
    labels: &["provider"],
};
/// Deliveries of the spool that Kafka has acknowledged.
pub const DRAINED: Metric = Metric {
    name: "cardea_ingest_spool_drained_total",
    help: "Deliveries of the spool that Kafka has acknowledged.",
    labels: &["provider"],
};
/// A loss: entries whose checksum is wrong, or stretches of a file with several. `torn` is the end
/// of a file that a crash cut off, before any of it was accepted.
pub const SPOOL_UNREADABLE: Metric = Metric {
    name: "cardea_ingest_spool_unreadable_total",
    help: "Damaged parts of the spool.",
    labels: &["kind"],
};
/// Writes to the spool, and syncs, that failed; what waited for them was not accepted.
pub const SPOOL_FAILURES: Metric = Metric {
    name: "cardea_ingest_spool_failures_total",
    help: "Writes and syncs of the spool that failed.",
    labels: &[],
};
/// Rows of the roster, without those that the topic has not shown yet.
pub const ROSTER_ROWS: Metric = Metric {
    name: "cardea_ingest_roster_rows",
    help: "Attendees of the roster in memory.",
    labels: &[],
};
/// 0 before the roster is read for the first time, and when it does not fit into memory.
pub const ROSTER_WHOLE: Metric = Metric {
    name: "cardea_ingest_roster_whole",
    help: "1 if the whole roster is in memory.",
    labels: &[],
};
/// Requests between their head and their answer.
pub const IN_FLIGHT: Metric = Metric {
    name: "cardea_ingest_requests_in_flight",
    help: "Requests that are being worked on.",
    labels: &[],
};

/// Connections of senders.
pub const CONNECTIONS: Metric = Metric {
    name: "cardea_ingest_connections",
    help: "Connections that are open.",
    labels: &[],
};
/// Who was not heard: `crowd`, a connection of a sender that has too many; `busy`, a request beyond
/// what is worked on at a time, in all or for its sender; `tls`, a connection without a handshake.
pub const TURNED_AWAY: Metric = Metric {
    name: "cardea_ingest_turned_away_total",
    help: "Connections and requests that were not heard, by reason.",
    labels: &[REASON],
};

/// The metrics of one ingest.
#[derive(Clone, Debug)]
pub struct IngestMetrics {
    requests: IntCounterVec,
    pub(crate) request_seconds: Histogram,
    ack_seconds: HistogramVec,
    body_bytes: IntCounterVec,
    log_dropped: IntCounterVec,
    in_flight: IntGauge,
    http: HttpMetrics,
    spool_deliveries: IntGaugeVec,
    spool_bytes: IntGaugeVec,
    spool_disk_bytes: IntGauge,
    spool_oldest_seconds: IntGauge,
    spool_flips: IntCounterVec,
    spooled: IntCounterVec,
    drained: IntCounterVec,
    spool_unreadable: IntCounterVec,
    spool_failures: IntCounter,
    roster_rows: IntGauge,
    roster_whole: IntGauge,
}

/// A request that is being worked on; a sender that hangs up ends it as well.
pub(crate) struct InFlight(IntGauge);

impl IngestMetrics {
    /// Registers them; once a process.
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counters(&REQUESTS),
            request_seconds: metrics.seconds(&REQUEST_SECONDS),
            ack_seconds: metrics.seconds_by(&ACK_SECONDS),
            body_bytes: metrics.counters(&BODY_BYTES),
            log_dropped: metrics.counters(&REQUEST_LOG_DROPPED),
            in_flight: metrics.gauge(&IN_FLIGHT),
            http: HttpMetrics {
                connections: metrics.gauge(&CONNECTIONS),
                turned_away: metrics.counters(&TURNED_AWAY),
            },
            spool_deliveries: metrics.gauges(&SPOOL_DELIVERIES),
            spool_bytes: metrics.gauges(&SPOOL_BYTES),
            spool_disk_bytes: metrics.gauge(&SPOOL_DISK_BYTES),
            spool_oldest_seconds: metrics.gauge(&SPOOL_OLDEST_SECONDS),
            spool_flips: metrics.counters(&SPOOL_FLIPS),
            spooled: metrics.counters(&SPOOLED),
            drained: metrics.counters(&DRAINED),
            spool_unreadable: metrics.counters(&SPOOL_UNREADABLE),
            spool_failures: metrics.counter(&SPOOL_FAILURES),
            roster_rows: metrics.gauge(&ROSTER_ROWS),
            roster_whole: metrics.gauge(&ROSTER_WHOLE),
        }
    }

    pub(crate) fn http(&self) -> HttpMetrics {
        self.http.clone()
    }

    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(crate) fn answered(&self, provider: Option<Provider>, outcome: &'static str) {
        let provider = label(provider);
        self.requests.with_label_values(&[provider, outcome]).inc();
    }

    pub(crate) fn roster(&self, rows: usize, whole: bool) {
        self.roster_rows
            .set(i64::try_from(rows).unwrap_or(i64::MAX));
        self.roster_whole.set(whole.into());
    }

    pub(crate) fn log_dropped(&self, outcome: &str) {
        self.log_dropped.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn in_spool(&self, provider: Option<Provider>, slot: Slot) {
        let labels = [label(provider)];
        self.spool_deliveries.with_label_values(&labels).inc();
        let bytes = self.spool_bytes.with_label_values(&labels);
        bytes.add(slot.bytes().into());
    }

    pub(crate) fn out_of_spool(&self, provider: Option<Provider>, slot: Slot) {
        let labels = [label(provider)];
        self.spool_deliveries.with_label_values(&labels).dec();
        let bytes = self.spool_bytes.with_label_values(&labels);
        bytes.sub(slot.bytes().into());
    }

    pub(crate) fn flipped(&self, provider: Option<Provider>) {
        self.spool_flips.with_label_values(&[label(provider)]).inc();
    }

    pub(crate) fn spooled(&self, provider: Option<Provider>) {
        self.spooled.with_label_values(&[label(provider)]).inc();
    }

    pub(crate) fn drained(&self, provider: Option<Provider>) {
        self.drained.with_label_values(&[label(provider)]).inc();
    }

    /// Takes what the spool has come to, and what it had come to when it was last asked.
    pub(crate) fn spool(&self, before: &Stats, now: &Stats) {
        let unreadable = |kind: &str| self.spool_unreadable.with_label_values(&[kind]);
        unreadable("damaged").inc_by(now.unreadable - before.unreadable);
        unreadable("torn").inc_by(now.torn - before.torn);
        self.spool_failures.inc_by(now.failures - before.failures);
        let bytes = i64::try_from(now.bytes).unwrap_or(i64::MAX);
        self.spool_disk_bytes.set(bytes);
    }

    pub(crate) fn oldest_in_spool(&self, age: Duration) {
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        self.spool_oldest_seconds.set(seconds);
    }

    pub(crate) fn accepted(&self, provider: Provider, body_bytes: usize) {
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        let counter = self.body_bytes.with_label_values(&[provider.name()]);
        counter.inc_by(bytes);
    }

    pub(crate) fn acknowledged(&self, provider: Provider, seconds: f64) {
        let histogram = self.ack_seconds.with_label_values(&[provider.name()]);
        histogram.observe(seconds);
    }
}

fn label(provider: Option<Provider>) -> &'static str {
    provider.map_or("none", Provider::name)
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
