//! How each topic is laid out: the table "Topics" of the design as code.

use std::time::Duration;

use events::Topic;
use kafka::{Cleanup, Cluster, Outlived, Timestamps, TopicSpec};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const RAW_KEPT: Duration = DAY.saturating_mul(30);
const QUARANTINE_KEPT: Duration = DAY.saturating_mul(90);
/// Copies that survive the loss of any one broker and refuse a write that only one of them has.
const COPIES: usize = 3;

/// Flags that all topics share.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Layout {
    /// Partitions of each topic; more make more workers possible, but must never change later.
    #[arg(long, env = "CARDEA_PARTITIONS", default_value_t = 12, value_name = "COUNT",
          value_parser = clap::value_parser!(i32).range(1..=1000))]
    partitions: i32,
    /// Copies of each partition [default: 3, or as many as there are brokers].
    #[arg(long, env = "CARDEA_REPLICATION", value_name = "COUNT",
          value_parser = clap::value_parser!(i32).range(1..=9))]
    replication: Option<i32>,
}

impl Layout {
    /// Says how many copies a cluster of so many brokers can keep.
    pub(crate) fn copies(&self, brokers: usize) -> i32 {
        let possible = i32::try_from(brokers.clamp(1, COPIES)).expect("at most three");
        self.replication.unwrap_or(possible)
    }

    pub(crate) fn spec(
        &self,
        cluster: &Cluster,
        topic: Topic,
        copies: i32,
        dedupe_window: Duration,
    ) -> TopicSpec {
        let (cleanup, kept, timestamps) = policy(topic, dedupe_window);
        let outlives = |raw| Outlived {
            topic: cluster.topic(raw),
            by_ms: millis(dedupe_window + DAY),
        };
        TopicSpec {
            name: cluster.topic(topic),
            partitions: self.partitions,
            replication: copies,
            cleanup,
            retention_ms: kept.map_or(-1, millis),
            timestamps,
            kept_beside: kept_beside(topic).map(|beside| cluster.topic(beside)),
            outlives: outlived(topic).map(outlives),
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Names the topic that keeps the state of each partition in its own one of the same number.
fn kept_beside(topic: Topic) -> Option<Topic> {
    match topic {
        Topic::Raw(provider) => Some(Topic::Seen(provider)),
        Topic::Canonical(canonical) => Some(Topic::Retries(canonical)),
        Topic::Quarantine(_) | Topic::Seen(_) | Topic::Retries(_) => None,
        Topic::Requests | Topic::SchemaIds | Topic::Subscriptions => None,
        Topic::Rosters | Topic::DeadLetters | Topic::Attempts => None,
    }
}

/// Names the topic whose records are still told from repeats when they are read late: the ledger
/// outlives them by the window, and by a day for clocks (kafka-rules 7 and 8).
fn outlived(topic: Topic) -> Option<Topic> {
    match topic {
        Topic::Seen(provider) => Some(Topic::Raw(provider)),
        Topic::Raw(_) | Topic::Canonical(_) | Topic::Quarantine(_) | Topic::Retries(_) => None,
        Topic::Requests | Topic::SchemaIds | Topic::Subscriptions => None,
        Topic::Rosters | Topic::DeadLetters | Topic::Attempts => None,
    }
}

/// What Kafka removes from a topic, after how long (`None`: never by age), and whose clock counts.
fn policy(topic: Topic, dedupe_window: Duration) -> (Cleanup, Option<Duration>, Timestamps) {
    match topic {
        Topic::Raw(_) => (Cleanup::Delete, Some(RAW_KEPT), Timestamps::Writer),
        Topic::Canonical(_) | Topic::Requests | Topic::Attempts => {
            (Cleanup::Delete, Some(DAY * 30), Timestamps::Writer)
        }
        Topic::Quarantine(_) => (
            Cleanup::CompactDelete,
            Some(QUARANTINE_KEPT),
            Timestamps::Writer,
        ),
        Topic::Seen(_) => (
            Cleanup::Delete,
            Some(RAW_KEPT + dedupe_window + DAY),
            Timestamps::Broker,
        ),
        Topic::SchemaIds | Topic::Subscriptions | Topic::Rosters | Topic::Retries(_) => {
            (Cleanup::Compact, None, Timestamps::Writer)
        }
        Topic::DeadLetters => (Cleanup::CompactDelete, Some(DAY * 30), Timestamps::Writer),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use events::Provider;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        kafka: kafka::Config,
        #[command(flatten)]
        layout: Layout,
    }

    fn spec(topic: Topic) -> TopicSpec {
        let flags = Flags::parse_from(["test"]);
        let cluster = Cluster::new(&flags.kafka).unwrap();
        flags.layout.spec(&cluster, topic, 3, DAY * 7)
    }

    #[test]
    fn seen_outlives_raw_by_the_window_and_a_day() {
        let raw = spec(Topic::Raw(Provider::Genea));
        let seen = spec(Topic::Seen(Provider::Genea));
        let day_ms = 86_400_000;
        assert_eq!(seen.retention_ms - raw.retention_ms, 8 * day_ms);
        assert_eq!(seen.timestamps, Timestamps::Broker);
        assert_eq!(seen.partitions, raw.partitions);
    }

    #[test]
    fn state_is_compacted_and_never_removed_by_age() {
        for topic in [
            Topic::SchemaIds,
            Topic::Subscriptions,
            Topic::Rosters,
            Topic::Retries(events::CanonicalTopic::Access),
        ] {
            let spec = spec(topic);
            assert_eq!(
                (spec.cleanup, spec.retention_ms),
                (Cleanup::Compact, -1),
                "{topic}"
            );
        }
    }

    #[test]
    fn a_small_cluster_keeps_as_many_copies_as_it_can() {
        let layout = Flags::parse_from(["test"]).layout;
        assert_eq!([0, 1, 2, 3, 9].map(|n| layout.copies(n)), [1, 1, 2, 3, 3]);
        let asked = Flags::parse_from(["test", "--replication", "1"]).layout;
        assert_eq!(asked.copies(3), 1);
    }
}
