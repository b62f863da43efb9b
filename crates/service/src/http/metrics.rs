//! What a server counts. Whoever serves an address names and registers the metrics.

use prometheus::{IntCounterVec, IntGauge, Opts};

/// The one label of [`HttpMetrics::turned_away`].
pub const REASON: &str = "reason";

/// Registered nowhere by default.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    /// Connections that are open.
    pub connections: IntGauge,
    /// Connections and requests that were not heard: `crowd`, its sender has too many connections;
    /// `busy`, there are too many requests, in all or of that sender; `tls`, no handshake.
    pub turned_away: IntCounterVec,
}

/// Why somebody was not heard.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    Crowd,
    Busy,
    Tls,
}

impl HttpMetrics {
    pub(crate) fn turn_away(&self, reason: Reason) {
        self.turned_away.with_label_values(&[reason.name()]).inc();
    }
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Crowd => "crowd",
            Self::Busy => "busy",
            Self::Tls => "tls",
        }
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let name = |name| Opts::new(name, name);
        Self {
            connections: IntGauge::with_opts(name("connections")).expect("a lawful name"),
            turned_away: IntCounterVec::new(name("turned_away"), &[REASON]).expect("lawful names"),
        }
    }
}
