//! Physical names of the normalizer's topics.

use events::{CanonicalTopic, Provider, Topic};
use kafka::{Cluster, Failure, Partition};

/// Built once, as each record asks for one.
pub(crate) struct Names {
    raw: [String; Provider::ALL.len()],
    canonical: [String; CanonicalTopic::ALL.len()],
    quarantine: [String; Provider::ALL.len()],
    seen: [String; Provider::ALL.len()],
    rosters: String,
}

impl Names {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let by_provider = |make: fn(Provider) -> Topic| {
            Provider::ALL.map(|provider| cluster.topic(make(provider)))
        };
        Self {
            raw: by_provider(Topic::Raw),
            canonical: CanonicalTopic::ALL.map(|topic| cluster.topic(topic)),
            quarantine: by_provider(Topic::Quarantine),
            seen: by_provider(Topic::Seen),
            rosters: cluster.topic(Topic::Rosters),
        }
    }

    pub(crate) fn canonical(&self, topic: CanonicalTopic) -> &str {
        &self.canonical[topic as usize]
    }

    pub(crate) fn quarantine(&self, provider: Provider) -> &str {
        &self.quarantine[provider as usize]
    }

    pub(crate) fn seen(&self, provider: Provider) -> &str {
        &self.seen[provider as usize]
    }

    pub(crate) fn rosters(&self) -> &str {
        &self.rosters
    }

    /// The partition of `seen` that belongs to one of raw.
    pub(crate) fn ledger(&self, provider: Provider, number: i32) -> Partition {
        Partition {
            topic: self.seen(provider).into(),
            number,
        }
    }

    pub(crate) fn provider(&self, raw: &str) -> Result<Provider, Failure> {
        let mut known = Provider::ALL.into_iter().zip(&self.raw);
        let found = known.find(|(_, name)| *name == raw);
        found
            .map(|(provider, _)| provider)
            .ok_or_else(|| Failure::fatal(format!("topic `{raw}` is no raw topic")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_they_are_looked_for() {
        assert!((0..).zip(Provider::ALL).all(|(at, it)| it as usize == at));
        assert!(
            (0..)
                .zip(CanonicalTopic::ALL)
                .all(|(at, it)| it as usize == at)
        );
    }
}
