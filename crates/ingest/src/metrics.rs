//! What ingest counts.

use events::Provider;
use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGauge};
use service::Metrics;
use service::metrics::Metric;

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
/// Requests between their head and their answer.
pub const IN_FLIGHT: Metric = Metric {
    name: "cardea_ingest_requests_in_flight",
    help: "Requests that are being worked on.",
    labels: &[],
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
        }
    }

    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(crate) fn answered(&self, provider: Option<Provider>, outcome: &'static str) {
        let provider = provider.map_or("none", Provider::name);
        self.requests.with_label_values(&[provider, outcome]).inc();
    }

    pub(crate) fn log_dropped(&self, outcome: &str) {
        self.log_dropped.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn acknowledged(&self, provider: Provider, seconds: f64, body_bytes: usize) {
        let labels = [provider.name()];
        self.ack_seconds.with_label_values(&labels).observe(seconds);
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        self.body_bytes.with_label_values(&labels).inc_by(bytes);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
