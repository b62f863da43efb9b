//! How to reach Kafka, and what every client of it has in common.

use std::fmt::{self, Display};
use std::str::FromStr;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// Flags of every command that talks to Kafka.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Kafka brokers to start from: host:port, several separated by commas.
    #[arg(long, env = "CARDEA_BROKERS", default_value = "127.0.0.1:9092")]
    pub brokers: String,
    /// What all topic names start with.
    #[arg(long, env = "CARDEA_TOPIC_PREFIX", default_value = "cardea.")]
    pub topic_prefix: String,
    /// A setting of the Kafka client, such as `security.protocol=SASL_SSL`; may be given again.
    #[arg(
        long,
        value_name = "KEY=VALUE",
        env = "CARDEA_KAFKA_SET",
        value_delimiter = ';',
        hide_env_values = true
    )]
    pub kafka_set: Vec<Setting>,
}

/// Flag of the services that are members of a consumer group.
#[derive(Clone, Debug, clap::Args)]
pub struct InstanceConfig {
    /// Name of this copy of the service: the same after a restart, unlike that of every other
    /// living copy. [default: the host's name]
    #[arg(long, env = "CARDEA_INSTANCE", default_value_t = host_name(), hide_default_value = true,
          value_parser = instance)]
    pub instance: String,
}

fn instance(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err("a name without blanks is needed, such as normalizer-0");
    }
    Ok(text.to_owned())
}

fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// One `key=value` for librdkafka; its value may be a password.
#[derive(Clone)]
pub struct Setting {
    key: String,
    value: String,
}

/// A Kafka cluster that the program talks to, its settings checked.
#[derive(Clone)]
pub struct Cluster {
    client: ClientConfig,
    topic_prefix: String,
}

/// Settings with which no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("--kafka-set: `{key}` is not a setting of the Kafka client, or its value does not fit")]
    Setting { key: String },
    #[error("--brokers: no broker is named; give host:port, such as 127.0.0.1:9092")]
    NoBrokers,
    #[error(
        "--topic-prefix: `{prefix}` has a character that no topic name may have; \
         letters, digits, `.`, `_` and `-` may stand there"
    )]
    Prefix { prefix: String },
}

impl Cluster {
    /// Checks the settings without opening a connection.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        if config.brokers.trim().is_empty() {
            return Err(ConfigError::NoBrokers);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !config.topic_prefix.chars().all(fits) {
            let prefix = config.topic_prefix.clone();
            return Err(ConfigError::Prefix { prefix });
        }
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &config.brokers)
            .set("client.id", "cardea")
            .set("reconnect.backoff.max.ms", "2000")
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set_log_level(RDKafkaLogLevel::Warning);
        for Setting { key, value } in &config.kafka_set {
            client.set(key, value);
            let checked = client.create_native_config();
            checked.map_err(|_| ConfigError::Setting { key: key.clone() })?;
        }
        Ok(Self {
            client,
            topic_prefix: config.topic_prefix.clone(),
        })
    }

    /// Returns the physical name of a logical topic.
    pub fn topic(&self, logical: impl Display) -> String {
        format!("{}{logical}", self.topic_prefix)
    }

    /// Returns what physical names start with; consumer groups and transactional ids do as well,
    /// so that two installations on one cluster do not meet.
    pub fn topic_prefix(&self) -> &str {
        &self.topic_prefix
    }

    /// Returns the settings every client starts from.
    pub(crate) fn client(&self) -> ClientConfig {
        self.client.clone()
    }

    pub(crate) fn reader(
        &self,
        isolation: Isolation,
    ) -> Result<rdkafka::consumer::BaseConsumer, KafkaError> {
        self.reader_settings(isolation).create()
    }

    pub(crate) fn reader_settings(&self, isolation: Isolation) -> ClientConfig {
        let mut settings = self.client();
        settings
            .set("group.id", format!("{}reader", self.topic_prefix))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "100")
            .set("isolation.level", isolation.name());
        settings
    }
}

/// Which records of a topic a reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    Committed,
    Uncommitted,
}

impl Isolation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .ok_or("write it as KEY=VALUE".to_owned())?;
        Ok(Self {
            key: key.trim().to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.key)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("topic_prefix", &self.topic_prefix)
            .finish_non_exhaustive()
    }
}
