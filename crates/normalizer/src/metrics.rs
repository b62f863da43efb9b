//! What the normalizer counts.

use events::Provider;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use providers::Reason;
use service::metrics::Metric;

/// Canonical events that were committed.
pub const EVENTS: Metric = Metric {
    name: "cardea_normalizer_events_total",
    help: "Canonical events committed.",
    labels: &["provider"],
};
/// Events dropped because their id had come out before.
pub const DUPLICATES: Metric = Metric {
    name: "cardea_normalizer_duplicates_total",
    help: "Events dropped because their id had come out before.",
    labels: &["provider"],
};
/// Raw records that went to quarantine, by the class of the reason.
pub const QUARANTINED: Metric = Metric {
    name: "cardea_normalizer_quarantined_total",
    help: "Raw records sent to quarantine.",
    labels: &["provider", "reason"],
};
/// Event ids that this process remembers; they are what its memory grows with.
pub const SEEN_IDS: Metric = Metric {
    name: "cardea_normalizer_seen_ids",
    help: "Event ids remembered.",
    labels: &["provider"],
};
/// Transactions by how they ended: `committed`, or `refused`, whose records are read again.
pub const TRANSACTIONS: Metric = Metric {
    name: "cardea_normalizer_transactions_total",
    help: "Transactions by how they ended.",
    labels: &["outcome"],
};
/// A loss: raw records that retention took before they were read. A partition that is taken over
/// again before its next commit counts again.
pub const OVERTAKEN: Metric = Metric {
    name: "cardea_normalizer_overtaken_total",
    help: "Raw records that retention took before they were read.",
    labels: &["provider"],
};
/// Records of `seen` that no normalizer wrote.
pub const UNREADABLE: Metric = Metric {
    name: "cardea_normalizer_unreadable_total",
    help: "Records of seen that were not understood and passed over.",
    labels: &[],
};

/// The metrics, shared by all workers of a process.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: IntCounterVec,
    duplicates: IntCounterVec,
    quarantined: IntCounterVec,
    seen_ids: IntGaugeVec,
    overtaken: IntCounterVec,
    pub(crate) transactions_committed: IntCounter,
    pub(crate) transactions_refused: IntCounter,
    pub(crate) unreadable: IntCounter,
}

impl Metrics {
    /// Registers them; once a process.
    pub fn register(metrics: &service::Metrics) -> Self {
        let transactions = metrics.counters(&TRANSACTIONS);
        Self {
            events: metrics.counters(&EVENTS),
            duplicates: metrics.counters(&DUPLICATES),
            quarantined: metrics.counters(&QUARANTINED),
            seen_ids: metrics.gauges(&SEEN_IDS),
            overtaken: metrics.counters(&OVERTAKEN),
            transactions_committed: transactions.with_label_values(&["committed"]),
            transactions_refused: transactions.with_label_values(&["refused"]),
            unreadable: metrics.counter(&UNREADABLE),
        }
    }

    pub(crate) fn events(&self, provider: Provider) -> IntCounter {
        self.events.with_label_values(&[provider.name()])
    }

    pub(crate) fn duplicates(&self, provider: Provider) -> IntCounter {
        self.duplicates.with_label_values(&[provider.name()])
    }

    pub(crate) fn quarantined(&self, provider: Provider, reason: Reason) -> IntCounter {
        let labels = [provider.name(), reason.name()];
        self.quarantined.with_label_values(&labels)
    }

    pub(crate) fn seen_ids(&self, provider: Provider) -> IntGauge {
        self.seen_ids.with_label_values(&[provider.name()])
    }

    pub(crate) fn overtaken(&self, provider: Provider) -> IntCounter {
        self.overtaken.with_label_values(&[provider.name()])
    }
}
