//! Creates topics, and says in what existing ones are wrong.

mod internal;
mod spec;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;

use crate::config::Cluster;
use crate::failure::Failure;
use crate::scan::away;
use internal::INTERNAL;
pub use spec::{Cleanup, Fault, Outlived, RECORD_BYTES_MAX, Timestamps, TopicSpec};
use spec::{Known, Layout, Settings};

const ASK: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(50);

/// What is found of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub name: String,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Created,
    Good,
    Missing,
    /// In at least one respect.
    Differs(Vec<Fault>),
}

/// The topics of a cluster, as an administrator sees them.
pub struct Topics {
    admin: Arc<AdminClient<DefaultClientContext>>,
}

/// What one question for metadata brings.
struct Map {
    brokers: Vec<i32>,
    topics: Vec<Layout>,
}

impl Topics {
    /// Opens no connection yet.
    pub fn new(cluster: &Cluster) -> Result<Self, Failure> {
        let admin = cluster.client().create();
        let admin = admin.map_err(|error| Failure::of("create admin client", error))?;
        Ok(Self {
            admin: Arc::new(admin),
        })
    }

    /// Creates those topics that do not exist and checks the others; returns once the new ones are
    /// seen, as brokers learn of them a little after the controller has answered.
    pub async fn create(&self, specs: &[TopicSpec]) -> Result<Vec<Finding>, Failure> {
        let findings = self.check(specs).await?;
        let missing: Vec<&TopicSpec> = specs
            .iter()
            .zip(&findings)
            .filter(|(_, finding)| finding.verdict == Verdict::Missing)
            .map(|(spec, _)| spec)
            .collect();
        if missing.is_empty() {
            return Ok(findings);
        }
        let created = self.create_missing(&missing).await?;
        self.wait_until_seen(&missing).await?;
        // Some may be another's, which the broker that was asked did not know of.
        let mut findings = self.check(specs).await?;
        for finding in &mut findings {
            if created.contains(&finding.name) {
                finding.verdict = Verdict::Created;
            }
        }
        Ok(findings)
    }

    /// Returns the names of those that did not exist.
    async fn create_missing(&self, specs: &[&TopicSpec]) -> Result<Vec<String>, Failure> {
        let settings: Vec<_> = specs.iter().map(|spec| spec.settings()).collect();
        let topics: Vec<NewTopic<'_>> = specs
            .iter()
            .zip(&settings)
            .map(|(spec, settings)| {
                let copies = TopicReplication::Fixed(spec.replication);
                let new = NewTopic::new(&spec.name, spec.partitions, copies);
                settings
                    .iter()
                    .fold(new, |new, (key, value)| new.set(key, value))
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(ASK));
        let results = self.admin.create_topics(&topics, &options).await;
        let results = results.map_err(|error| Failure::of("create topics", error))?;
        let named = results.into_iter().filter_map(|result| match result {
            Ok(name) => Some(Ok(name)),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => None,
            Err((name, code)) => Some(Err(Failure::fatal(format!(
                "topic `{name}` cannot be created: {code}"
            )))),
        });
        named.collect()
    }

    async fn wait_until_seen(&self, specs: &[&TopicSpec]) -> Result<(), Failure> {
        let deadline = Instant::now() + ASK;
        loop {
            let map = self.map().await?;
            if specs.iter().all(|spec| map.layout(&spec.name).is_some()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(away("wait for new topics"));
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// Compares topics with how they must be; changes nothing.
    pub async fn check(&self, specs: &[TopicSpec]) -> Result<Vec<Finding>, Failure> {
        let map = self.map().await?;
        let there = specs.iter().map(|spec| spec.name.as_str());
        let there: Vec<_> = there.filter(|name| map.layout(name).is_some()).collect();
        let settings = self.topic_settings(&there).await?;
        let settings_of = |name: &str| {
            let found = there
                .iter()
                .zip(&settings)
                .find(|(there, _)| **there == name);
            found.and_then(|(_, settings)| settings.as_ref())
        };
        let judge = |spec: &TopicSpec| match map.layout(&spec.name) {
            Some(layout) => Verdict::of(spec.judge(Known {
                layout,
                settings: settings_of(&spec.name),
                kept_beside: spec.kept_beside.as_ref().and_then(|name| map.layout(name)),
                outlived: spec.outlives.as_ref().and_then(|it| settings_of(&it.topic)),
            })),
            None => Verdict::Missing,
        };
        let findings = specs.iter().map(|spec| Finding {
            name: spec.name.clone(),
            verdict: judge(spec),
        });
        Ok(findings.collect())
    }

    /// Says in what the topics in which Kafka keeps offsets and transactions differ from what so
    /// many copies make possible; of one that is not there yet, how the brokers would make it.
    pub async fn check_internal(&self, copies: i32) -> Result<Vec<Finding>, Failure> {
        let map = self.map().await?;
        let mut findings = Vec::with_capacity(INTERNAL.len());
        for internal in INTERNAL {
            let faults = match map.layout(internal.name) {
                Some(layout) => {
                    let settings = self.topic_settings(&[internal.name]).await?;
                    internal.judge(layout, settings[0].as_ref(), copies)
                }
                None => internal.foresee(self.broker_settings(&map).await?.as_ref(), copies),
            };
            findings.push(Finding {
                name: internal.name.to_owned(),
                verdict: Verdict::of(faults),
            });
        }
        Ok(findings)
    }

    /// Returns how long topics keep their records; one that keeps them for ever, or does not say, is
    /// not among them.
    pub async fn retentions(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Duration>, Failure> {
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        let settings = self.topic_settings(&asked).await?;
        let retention = |(name, settings): (&String, Option<Settings>)| {
            let millis = settings?.get("retention.ms").parse().ok()?;
            Some((name.clone(), Duration::from_millis(millis)))
        };
        Ok(names.iter().zip(settings).filter_map(retention).collect())
    }

    /// Returns how many brokers the cluster has.
    pub async fn broker_count(&self) -> Result<usize, Failure> {
        Ok(self.map().await?.brokers.len())
    }

    /// Asks off the async threads, as librdkafka blocks for the answer.
    async fn map(&self) -> Result<Map, Failure> {
        let admin = self.admin.clone();
        let read = move || {
            let metadata = admin.inner().fetch_metadata(None, ASK);
            let metadata = metadata.map_err(|error| Failure::of("read metadata", error))?;
            Ok(Map {
                brokers: metadata
                    .brokers()
                    .iter()
                    .map(|broker| broker.id())
                    .collect(),
                topics: metadata.topics().iter().map(Layout::of).collect(),
            })
        };
        let asked = tokio::task::spawn_blocking(read).await;
        asked.unwrap_or_else(|_| Err(Failure::fatal("a call to kafka panicked")))
    }

    /// Returns the settings of existing topics, in their order.
    async fn topic_settings(&self, names: &[&str]) -> Result<Vec<Option<Settings>>, Failure> {
        let topics = names.iter().map(|name| ResourceSpecifier::Topic(name));
        self.settings(&topics.collect::<Vec<_>>()).await
    }

    /// Returns the settings of one broker, as all of a cluster are set alike.
    async fn broker_settings(&self, map: &Map) -> Result<Option<Settings>, Failure> {
        let Some(broker) = map.brokers.first() else {
            return Err(away("read metadata"));
        };
        let mut found = self.settings(&[ResourceSpecifier::Broker(*broker)]).await?;
        Ok(found.pop().flatten())
    }

    /// `None` stands for what could not be read, for want of a right most likely.
    async fn settings(
        &self,
        of: &[ResourceSpecifier<'_>],
    ) -> Result<Vec<Option<Settings>>, Failure> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let options = AdminOptions::new().request_timeout(Some(ASK));
        let results = self.admin.describe_configs(of, &options).await;
        let results = results.map_err(|error| Failure::of("describe settings", error))?;
        Ok(results.into_iter().map(readable).collect())
    }
}

/// rdkafka hides why a resource was not described and shows one without settings.
fn readable(result: ConfigResourceResult) -> Option<Settings> {
    let entries = result.ok()?.entries.into_iter();
    let set: Vec<_> = entries
        .filter_map(|entry| Some((entry.name, entry.value?)))
        .collect();
    (!set.is_empty()).then_some(Settings(set))
}

impl Verdict {
    fn of(faults: Vec<Fault>) -> Self {
        if faults.is_empty() {
            Self::Good
        } else {
            Self::Differs(faults)
        }
    }
}

impl Map {
    fn layout(&self, name: &str) -> Option<&Layout> {
        self.topics.iter().find(|layout| layout.name == name)
    }
}

impl Layout {
    fn of(topic: &MetadataTopic) -> Self {
        let copies = topic.partitions().iter().map(|p| p.replicas().len()).min();
        Self {
            name: topic.name().to_owned(),
            partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
            replication: i32::try_from(copies.unwrap_or(0)).unwrap_or(i32::MAX),
        }
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").finish_non_exhaustive()
    }
}
