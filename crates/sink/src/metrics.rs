//! What the sink counts.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};
use service::metrics::Metric;

use crate::verdict::{Reason, Verdict};

/// Canonical events that the sink has taken, wanted or not.
pub const EVENTS: Metric = Metric {
    name: "cardea_sink_events_total",
    help: "Canonical events taken.",
    labels: &[],
};
/// Records of canonical topics that are no canonical events, passed over.
pub const UNREADABLE: Metric = Metric {
    name: "cardea_sink_unreadable_total",
    help: "Records of canonical topics or of retries that were not understood and passed over.",
    labels: &[],
};
/// Attempts by what became of the event: `done`, `retry` or `dead_letter`.
pub const ATTEMPTS: Metric = Metric {
    name: "cardea_sink_attempts_total",
    help: "Outgoing requests, by what became of the event.",
    labels: &["outcome"],
};
/// How long attempts take.
pub const ATTEMPT_SECONDS: Metric = Metric {
    name: "cardea_sink_attempt_seconds",
    help: "Time from the beginning of an attempt to its answer.",
    labels: &[],
};
/// Dead letters by reason: `exhausted`, `gone`, `undecodable` or `unserved`.
pub const DEAD_LETTERS: Metric = Metric {
    name: "cardea_sink_dead_letters_total",
    help: "Events whose attempts are used up, by reason.",
    labels: &["reason"],
};
/// Events that were owed to a subscription when it was deleted.
pub const DROPPED: Metric = Metric {
    name: "cardea_sink_dropped_total",
    help: "Owed events dropped as their subscription was deleted.",
    labels: &[],
};
/// Events that wait for an attempt or are under way, at most about `--sink-owed`.
pub const OWED: Metric = Metric {
    name: "cardea_sink_owed",
    help: "Events that wait for an attempt or are under way, once for each subscription.",
    labels: &[],
};
/// Attempts that a crash would repeat, at most `--sink-window`.
pub const WINDOW_USED: Metric = Metric {
    name: "cardea_sink_window_used",
    help: "Attempts not yet durably recorded.",
    labels: &[],
};
/// Subscriptions that are served.
pub const SUBSCRIPTIONS: Metric = Metric {
    name: "cardea_sink_subscriptions",
    help: "Subscriptions served.",
    labels: &[],
};
/// Rows of `subscriptions` that are not understood, so not served.
pub const SUBSCRIPTIONS_REFUSED: Metric = Metric {
    name: "cardea_sink_subscriptions_refused",
    help: "Rows of the topic subscriptions that are not understood.",
    labels: &[],
};

/// The metrics of one process.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) events: IntCounter,
    pub(crate) unreadable: IntCounter,
    attempts: IntCounterVec,
    pub(crate) attempt_seconds: Histogram,
    dead_letters: IntCounterVec,
    pub(crate) dropped: IntCounter,
    pub(crate) owed: IntGauge,
    pub(crate) window_used: IntGauge,
    pub(crate) subscriptions: IntGauge,
    pub(crate) subscriptions_refused: IntGauge,
}

impl Metrics {
    pub fn register(metrics: &service::Metrics) -> Self {
        Self {
            events: metrics.counter(&EVENTS),
            unreadable: metrics.counter(&UNREADABLE),
            attempts: metrics.counters(&ATTEMPTS),
            attempt_seconds: metrics.seconds(&ATTEMPT_SECONDS),
            dead_letters: metrics.counters(&DEAD_LETTERS),
            dropped: metrics.counter(&DROPPED),
            owed: metrics.gauge(&OWED),
            window_used: metrics.gauge(&WINDOW_USED),
            subscriptions: metrics.gauge(&SUBSCRIPTIONS),
            subscriptions_refused: metrics.gauge(&SUBSCRIPTIONS_REFUSED),
        }
    }

    pub(crate) fn attempt(&self, verdict: Verdict) {
        self.attempts.with_label_values(&[verdict.name()]).inc();
    }

    pub(crate) fn dead_letter(&self, reason: Reason) {
        self.dead_letters.with_label_values(&[reason.name()]).inc();
    }
}
