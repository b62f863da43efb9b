//! Creates topics, and says in what existing ones are wrong.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use crate::config::Cluster;
use crate::failure::Failure;
use crate::scan::away;

/// The largest record a topic takes: a body at its limit, and what mapping adds to it.
pub const RECORD_BYTES_MAX: i32 = 4 * 1024 * 1024;

const ASK: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(50);

/// How a topic must be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// The physical name.
    pub name: String,
    pub partitions: i32,
    /// Copies of each partition; min ISR is one less, at least one.
    pub replication: i32,
    pub cleanup: Cleanup,
    pub retention_ms: i64,
    /// The broker's clock stamps the records instead of the writer's.
    pub timestamps: Timestamps,
}

/// What Kafka removes from a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// What is older than the retention.
    Delete,
    /// All but the last record of each key.
    Compact,
    /// Both.
    CompactDelete,
}

/// Whose clock stamps the records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    Writer,
    Broker,
}

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
    /// Each sentence names one setting, what it is and what it should be.
    Wrong(Vec<String>),
}

/// Creates those topics that do not exist and checks the others; returns once the new ones are
/// seen, as brokers learn of them a little after the controller has answered.
pub async fn create(cluster: &Cluster, specs: &[TopicSpec]) -> Result<Vec<Finding>, Failure> {
    let mut findings = check(cluster, specs).await?;
    let missing: Vec<&TopicSpec> = specs
        .iter()
        .zip(&findings)
        .filter(|(_, finding)| finding.verdict == Verdict::Missing)
        .map(|(spec, _)| spec)
        .collect();
    if missing.is_empty() {
        return Ok(findings);
    }
    let created = create_missing(cluster, &missing).await?;
    wait_until_seen(cluster, &created).await?;
    for finding in &mut findings {
        if created.contains(&finding.name) {
            finding.verdict = Verdict::Created;
        }
    }
    Ok(findings)
}

async fn create_missing(cluster: &Cluster, specs: &[&TopicSpec]) -> Result<Vec<String>, Failure> {
    let settings: Vec<_> = specs.iter().map(|spec| spec.settings()).collect();
    let topics: Vec<NewTopic<'_>> = specs
        .iter()
        .zip(&settings)
        .map(|(spec, settings)| {
            let new = NewTopic::new(
                &spec.name,
                spec.partitions,
                TopicReplication::Fixed(spec.replication),
            );
            settings
                .iter()
                .fold(new, |new, (key, value)| new.set(key, value))
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(ASK));
    let results = admin(cluster)?
        .create_topics(&topics, &options)
        .await
        .map_err(|error| Failure::of("create topics", error))?;
    let mut created = Vec::new();
    for result in results {
        match result {
            Ok(name) => created.push(name),
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => created.push(name),
            Err((name, code)) => {
                return Err(Failure::fatal(format!(
                    "topic `{name}` cannot be created: {code}"
                )));
            }
        }
    }
    Ok(created)
}

async fn wait_until_seen(cluster: &Cluster, names: &[String]) -> Result<(), Failure> {
    let deadline = Instant::now() + ASK;
    loop {
        let layouts = layouts(cluster).await?;
        let seen = |name: &String| layouts.iter().any(|layout| layout.name == *name);
        if names.iter().all(seen) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(away("wait for new topics"));
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Compares topics with how they must be; changes nothing.
pub async fn check(cluster: &Cluster, specs: &[TopicSpec]) -> Result<Vec<Finding>, Failure> {
    let layouts = layouts(cluster).await?;
    let mut findings = Vec::with_capacity(specs.len());
    let there: Vec<&TopicSpec> = specs
        .iter()
        .filter(|spec| layouts.iter().any(|layout| layout.name == spec.name))
        .collect();
    let configs = configs(cluster, &there).await?;
    for spec in specs {
        let layout = layouts.iter().find(|layout| layout.name == spec.name);
        let config = configs.iter().find(|(name, _)| *name == spec.name);
        let verdict = match (layout, config) {
            (Some(layout), Some((_, config))) => spec.judge(layout, config),
            (Some(_), None) | (None, _) => Verdict::Missing,
        };
        findings.push(Finding {
            name: spec.name.clone(),
            verdict,
        });
    }
    Ok(findings)
}

/// Returns how many brokers the cluster has.
pub async fn broker_count(cluster: &Cluster) -> Result<usize, Failure> {
    let cluster = cluster.clone();
    let count = move || {
        let admin = admin(&cluster)?;
        let metadata = admin.inner().fetch_metadata(None, ASK);
        let metadata = metadata.map_err(|error| Failure::of("read metadata", error))?;
        Ok(metadata.brokers().len())
    };
    blocking(count).await
}

/// Partitions and copies of one existing topic.
struct Layout {
    name: String,
    partitions: i32,
    replication: i32,
}

async fn layouts(cluster: &Cluster) -> Result<Vec<Layout>, Failure> {
    let cluster = cluster.clone();
    let read = move || {
        let admin = admin(&cluster)?;
        let metadata = admin
            .inner()
            .fetch_metadata(None, ASK)
            .map_err(|error| Failure::of("read metadata", error))?;
        let layout = |topic: &rdkafka::metadata::MetadataTopic| {
            let copies = topic.partitions().iter().map(|p| p.replicas().len()).min();
            Layout {
                name: topic.name().to_owned(),
                partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
                replication: i32::try_from(copies.unwrap_or(0)).unwrap_or(i32::MAX),
            }
        };
        Ok(metadata.topics().iter().map(layout).collect())
    };
    blocking(read).await
}

type Settings = Vec<(String, String)>;

async fn configs(
    cluster: &Cluster,
    specs: &[&TopicSpec],
) -> Result<Vec<(String, Settings)>, Failure> {
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let resources: Vec<_> = specs
        .iter()
        .map(|spec| ResourceSpecifier::Topic(&spec.name))
        .collect();
    let results = admin(cluster)?
        .describe_configs(&resources, &AdminOptions::new())
        .await
        .map_err(|error| Failure::of("describe topics", error))?;
    let mut configs = Vec::new();
    for (spec, result) in specs.iter().zip(results) {
        let config =
            result.map_err(|code| Failure::fatal(format!("topic `{}`: {code}", spec.name)))?;
        let entries = config.entries.into_iter();
        let settings = entries.filter_map(|entry| Some((entry.name, entry.value?)));
        configs.push((spec.name.clone(), settings.collect()));
    }
    Ok(configs)
}

impl TopicSpec {
    /// Returns the topic's settings as Kafka spells them.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let timestamps = match self.timestamps {
            Timestamps::Writer => "CreateTime",
            Timestamps::Broker => "LogAppendTime",
        };
        vec![
            ("cleanup.policy", self.cleanup.to_string()),
            ("retention.ms", self.retention_ms.to_string()),
            (
                "min.insync.replicas",
                (self.replication - 1).max(1).to_string(),
            ),
            ("message.timestamp.type", timestamps.to_owned()),
            ("max.message.bytes", RECORD_BYTES_MAX.to_string()),
            ("unclean.leader.election.enable", "false".to_owned()),
        ]
    }

    fn judge(&self, layout: &Layout, settings: &Settings) -> Verdict {
        let mut wrong = Vec::new();
        if layout.partitions < self.partitions {
            let (has, wants) = (layout.partitions, self.partitions);
            wrong.push(format!("it has {has} partitions, {wants} are needed"));
        }
        if layout.replication < self.replication {
            let (has, wants) = (layout.replication, self.replication);
            wrong.push(format!("its replication is {has}, {wants} is needed"));
        }
        for (key, wants) in self.settings() {
            let has = settings.iter().find(|(name, _)| name == key);
            let has = has.map_or("", |(_, value)| value.as_str());
            if !same_setting(key, has, &wants) {
                wrong.push(format!("its `{key}` is `{has}`, `{wants}` is needed"));
            }
        }
        if wrong.is_empty() {
            Verdict::Good
        } else {
            Verdict::Wrong(wrong)
        }
    }
}

/// More retention or a higher min ISR than asked for is no fault; the order of policies is none.
fn same_setting(key: &str, has: &str, wants: &str) -> bool {
    let number = |text: &str| text.parse::<i64>().ok();
    match key {
        "retention.ms" => match (number(has), number(wants)) {
            (Some(-1), _) => true,
            (Some(has), Some(wants)) => has >= wants,
            (None, _) | (_, None) => false,
        },
        "min.insync.replicas" | "max.message.bytes" => number(has) >= number(wants),
        "cleanup.policy" => {
            let sorted = |text: &str| {
                let mut parts: Vec<String> = text.split(',').map(|p| p.trim().to_owned()).collect();
                parts.sort();
                parts
            };
            sorted(has) == sorted(wants)
        }
        _ => has == wants,
    }
}

fn admin(cluster: &Cluster) -> Result<AdminClient<DefaultClientContext>, Failure> {
    cluster
        .client()
        .create()
        .map_err(|error| Failure::of("create admin client", error))
}

/// Runs a call of librdkafka that blocks apart from the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Failure::fatal("a call to kafka panicked")))
}

impl fmt::Display for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delete => "delete",
            Self::Compact => "compact",
            Self::CompactDelete => "compact,delete",
        })
    }
}
