//! The ids of the canonical schemas: asked of a schema registry, where one is configured, kept in
//! the topic `schema_ids`, and found again by whoever reads events.

mod answer;
mod client;
mod config;
mod credentials;
mod error;
mod keeper;
mod resolver;
mod rows;

use events::CanonicalTopic;
use kafka::Cluster;

pub use client::Client;
pub use config::{Config, ConfigError, Mode};
pub use error::{Outage, Refusal, RegistryError};
pub use keeper::{Awaited, Live, start};
pub use resolver::{Resolver, Undecoded};

/// Returns the name under which a registry files the schemas of a topic.
pub fn subject(cluster: &Cluster, topic: CanonicalTopic) -> String {
    format!("{}-value", cluster.topic(topic))
}
