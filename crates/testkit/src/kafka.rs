//! The Kafka that all tests of a run share.

use std::fs::File;

use uuid::Uuid;

use crate::cluster::Cluster;
use crate::script;
use crate::topics::delete_topics;

/// A share in the run's Kafka, with topics of its own.
///
/// The first test starts Kafka, the others find it; ten seconds after the last one ended, however it ended, it is
/// gone. With `CARDEA_TEST_KAFKA=host:port` the tests use that one. Dropping it deletes the topics of its prefix.
#[derive(Debug)]
pub struct Kafka {
    brokers: String,
    prefix: String,
    _lease: Option<File>,
}

impl Kafka {
    /// Returns once Kafka serves; the first call of a run takes seconds.
    pub fn shared() -> Self {
        let (brokers, lease) = match given_brokers() {
            Some(brokers) => (brokers, None),
            None => {
                let dir = script::folder("test-kafka");
                let lease_file = script::folder("test-kafka.lease");
                let lease = script::lease(&lease_file);
                let lease_path = lease_file.to_str().expect("the project's path is text");
                let brokers = script::run("start", &dir, &["--port", "0", "--lease", lease_path]);
                (brokers, Some(lease))
            }
        };
        Self {
            brokers,
            prefix: unique_prefix(),
            _lease: lease,
        }
    }

    /// Starts a Kafka of three nodes for one test: replication 3, min ISR 2.
    pub fn three_nodes() -> Cluster {
        Cluster::start(3)
    }

    /// Starts a Kafka of one node for one test, which may kill or freeze it.
    pub fn one_node() -> Cluster {
        Cluster::start(1)
    }

    /// The bootstrap servers, `host:port` with commas between.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The prefix of this test's topics, groups and transactional ids: `test-<uuid>.`
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Each partition costs the broker memory maps, of which the system grants it only so many.
        delete_topics(&self.brokers, &self.prefix);
    }
}

pub(crate) fn unique_prefix() -> String {
    format!("test-{}.", Uuid::new_v4())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one setting of tests, which have no command line"
)]
fn given_brokers() -> Option<String> {
    std::env::var("CARDEA_TEST_KAFKA")
        .ok()
        .filter(|brokers| !brokers.is_empty())
}
