//! The registry of a process. Each program declares its metrics as constants in its `metrics.rs`
//! and registers them once; what is registered can be listed, so that the documentation is
//! compared with it.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// Upper bounds for waits from half a millisecond to ten seconds.
const LATENCY_SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// One metric: its name, what it counts, and what it is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub help: &'static str,
    /// Names of the labels; their values come from closed sets.
    pub labels: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The metrics of a process.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    registry: Registry,
    registered: Arc<Mutex<Vec<(Kind, Metric)>>>,
}

impl Metrics {
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a counter without labels.
    pub fn counter(&self, metric: &Metric) -> IntCounter {
        let made = IntCounter::with_opts(opts(metric));
        self.register(Kind::Counter, metric, made)
    }

    /// Registers a counter for each combination of labels.
    pub fn counters(&self, metric: &Metric) -> IntCounterVec {
        let made = IntCounterVec::new(opts(metric), metric.labels);
        self.register(Kind::Counter, metric, made)
    }

    /// Registers a gauge without labels.
    pub fn gauge(&self, metric: &Metric) -> IntGauge {
        let made = IntGauge::with_opts(opts(metric));
        self.register(Kind::Gauge, metric, made)
    }

    /// Registers a gauge for each combination of labels.
    pub fn gauges(&self, metric: &Metric) -> IntGaugeVec {
        let made = IntGaugeVec::new(opts(metric), metric.labels);
        self.register(Kind::Gauge, metric, made)
    }

    /// Registers a histogram of seconds without labels.
    pub fn seconds(&self, metric: &Metric) -> Histogram {
        let opts = HistogramOpts::from(opts(metric)).buckets(LATENCY_SECONDS.to_vec());
        self.register(Kind::Histogram, metric, Histogram::with_opts(opts))
    }

    /// Registers a histogram of seconds for each combination of labels.
    pub fn seconds_by(&self, metric: &Metric) -> HistogramVec {
        let opts = HistogramOpts::from(opts(metric)).buckets(LATENCY_SECONDS.to_vec());
        let made = HistogramVec::new(opts, metric.labels);
        self.register(Kind::Histogram, metric, made)
    }

    /// Lists what is registered, by name.
    pub fn describe(&self) -> Vec<(Kind, Metric)> {
        let mut all = self.registered().clone();
        all.sort_by_key(|(_, metric)| metric.name);
        all
    }

    /// Returns all values in the text format of Prometheus.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("registered metrics have consistent names and labels")
    }

    fn register<C>(&self, kind: Kind, metric: &Metric, made: prometheus::Result<C>) -> C
    where
        C: Collector + Clone + 'static,
    {
        let made = made.expect("metric constants are well formed");
        self.registry
            .register(Box::new(made.clone()))
            .expect("each metric constant is registered once a process");
        self.registered().push((kind, *metric));
        made
    }

    fn registered(&self) -> std::sync::MutexGuard<'_, Vec<(Kind, Metric)>> {
        self.registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Metric = Metric {
        name: "test_asked_total",
        help: "Questions.",
        labels: &["who"],
    };
    const WAITED: Metric = Metric {
        name: "test_waited_seconds",
        help: "Time until the answer.",
        labels: &[],
    };

    #[test]
    fn what_is_registered_is_listed_and_rendered() {
        let metrics = Metrics::new();
        metrics.seconds(&WAITED).observe(0.003);
        metrics.counters(&ASKED).with_label_values(&["me"]).inc();
        let listed = metrics.describe();
        assert_eq!(listed, [(Kind::Counter, ASKED), (Kind::Histogram, WAITED)]);
        let text = metrics.render();
        assert!(text.contains("test_asked_total{who=\"me\"} 1"), "{text}");
        assert!(
            text.contains("test_waited_seconds_bucket{le=\"0.005\"} 1"),
            "{text}"
        );
    }

    #[test]
    #[should_panic(expected = "registered once")]
    fn a_metric_registered_twice_is_a_mistake() {
        let metrics = Metrics::new();
        metrics.counters(&ASKED);
        metrics.counters(&ASKED);
    }
}
