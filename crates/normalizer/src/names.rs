//! Physical names of the normalizer's topics.

use std::collections::HashMap;

use events::{CanonicalTopic, Provider, Topic};
use kafka::{Cluster, Failure, Partition};

/// Built once, as each record asks for one.
pub(crate) struct Names {
    raw: Vec<(String, Provider)>,
    pub(crate) canonical: HashMap<CanonicalTopic, String>,
    pub(crate) quarantine: HashMap<Provider, String>,
    pub(crate) seen: HashMap<Provider, String>,
}

impl Names {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let by_provider = |make: fn(Provider) -> Topic| {
            let name = move |provider| (provider, cluster.topic(make(provider)));
            Provider::ALL.into_iter().map(name)
        };
        Self {
            raw: by_provider(Topic::Raw)
                .map(|(provider, name)| (name, provider))
                .collect(),
            canonical: CanonicalTopic::ALL
                .into_iter()
                .map(|topic| (topic, cluster.topic(topic)))
                .collect(),
            quarantine: by_provider(Topic::Quarantine).collect(),
            seen: by_provider(Topic::Seen).collect(),
        }
    }

    /// The partition of `seen` that belongs to one of raw.
    pub(crate) fn ledger(&self, provider: Provider, number: i32) -> Partition {
        Partition {
            topic: self.seen[&provider].as_str().into(),
            number,
        }
    }

    pub(crate) fn provider(&self, raw: &str) -> Result<Provider, Failure> {
        let found = self.raw.iter().find(|(name, _)| name == raw);
        found
            .map(|(_, provider)| *provider)
            .ok_or_else(|| Failure::fatal(format!("topic `{raw}` is no raw topic")))
    }
}
