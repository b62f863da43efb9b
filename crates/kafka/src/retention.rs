//! How long topics keep their records.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::config::Cluster;
use crate::failure::Failure;

/// Returns how long each topic keeps its records; one that keeps them for ever is not among them.
pub async fn retentions(
    cluster: &Cluster,
    topics: &[String],
) -> Result<BTreeMap<String, Duration>, Failure> {
    let admin: AdminClient<DefaultClientContext> = cluster
        .client()
        .create()
        .map_err(|error| Failure::of("create admin client", error))?;
    let resources: Vec<_> = topics
        .iter()
        .map(|topic| ResourceSpecifier::Topic(topic))
        .collect();
    let described = admin
        .describe_configs(&resources, &AdminOptions::new())
        .await
        .map_err(|error| Failure::of("describe topics", error))?;
    let mut kept = BTreeMap::new();
    for (topic, described) in topics.iter().zip(described) {
        let config =
            described.map_err(|code| Failure::fatal(format!("topic `{topic}`: {code}")))?;
        if let Some(retention) = retention(&config) {
            kept.insert(topic.clone(), retention);
        }
    }
    Ok(kept)
}

fn retention(config: &ConfigResource) -> Option<Duration> {
    let millis: i64 = config.get("retention.ms")?.value.as_deref()?.parse().ok()?;
    u64::try_from(millis).ok().map(Duration::from_millis)
}
