//! `docs/metrics.md` lists what the services register, neither more nor less.

use std::time::Duration;

use service::metrics::{Kind, Metric};
use service::{Context, OnFailure};

const DOC: &str = include_str!("../../../../docs/metrics.md");

#[test]
fn the_documented_metrics_are_the_registered_ones() {
    let context = Context::new(Duration::ZERO, OnFailure::EndProcess);
    ingest::metrics::IngestMetrics::register(&context.metrics);
    normalizer::metrics::Metrics::register(&context.metrics);
    sink::metrics::Metrics::register(&context.metrics);
    let registered: Vec<String> = context.metrics.describe().into_iter().map(row).collect();
    let documented: Vec<&str> = DOC.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(
        documented,
        registered,
        "should be:\n{}",
        registered.join("\n")
    );
}

fn row((kind, metric): (Kind, Metric)) -> String {
    let labels: Vec<String> = metric
        .labels
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    let Metric { name, help, .. } = metric;
    format!(
        "| `{name}` | {} | {} | {help} |",
        kind.name(),
        labels.join(", ")
    )
}
