//! The logical topics. Their physical names carry a configured prefix.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A vendor system whose webhooks Cardea understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Glofox,
    Alocity,
    Gxp,
    Genea,
    Accessgrid,
    Cvent,
}

/// The four topics that data teams read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanonicalTopic {
    Access,
    Credential,
    Device,
    Account,
}

/// Every topic of Cardea, by its logical name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Raw(Provider),
    Canonical(CanonicalTopic),
    Quarantine(Provider),
    Seen(Provider),
    Requests,
    /// The schema ids that a registry gave.
    SchemaIds,
    Subscriptions,
    /// The attendees that answer GxP's access questions.
    Rosters,
    Retries(CanonicalTopic),
    DeadLetters,
    Attempts,
}

/// A name that no provider, topic or event type has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; known are {known}")]
pub struct UnknownName {
    pub what: &'static str,
    pub name: String,
    pub known: String,
}

impl Provider {
    pub const ALL: [Self; 6] = [
        Self::Glofox,
        Self::Alocity,
        Self::Gxp,
        Self::Genea,
        Self::Accessgrid,
        Self::Cvent,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Glofox => "glofox",
            Self::Alocity => "alocity",
            Self::Gxp => "gxp",
            Self::Genea => "genea",
            Self::Accessgrid => "accessgrid",
            Self::Cvent => "cvent",
        }
    }
}

impl CanonicalTopic {
    pub const ALL: [Self; 4] = [Self::Access, Self::Credential, Self::Device, Self::Account];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Credential => "credential",
            Self::Device => "device",
            Self::Account => "account",
        }
    }
}

impl Topic {
    /// Lists every topic, in the order in which `cardea topics` shows them.
    pub fn all() -> Vec<Self> {
        let by_provider = |make: fn(Provider) -> Self| Provider::ALL.into_iter().map(make);
        let by_canonical =
            |make: fn(CanonicalTopic) -> Self| CanonicalTopic::ALL.into_iter().map(make);
        by_provider(Self::Raw)
            .chain(by_canonical(Self::Canonical))
            .chain(by_provider(Self::Quarantine))
            .chain(by_provider(Self::Seen))
            .chain([Self::Requests, Self::SchemaIds, Self::Subscriptions])
            .chain([Self::Rosters])
            .chain(by_canonical(Self::Retries))
            .chain([Self::DeadLetters, Self::Attempts])
            .collect()
    }
}

/// Writes the logical name, such as `raw.genea`.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(provider) => write!(f, "raw.{provider}"),
            Self::Canonical(topic) => write!(f, "{topic}"),
            Self::Quarantine(provider) => write!(f, "quarantine.{provider}"),
            Self::Seen(provider) => write!(f, "seen.{provider}"),
            Self::Requests => f.write_str("requests"),
            Self::SchemaIds => f.write_str("schema_ids"),
            Self::Subscriptions => f.write_str("subscriptions"),
            Self::Rosters => f.write_str("rosters"),
            Self::Retries(topic) => write!(f, "retries.{topic}"),
            Self::DeadLetters => f.write_str("dead_letters"),
            Self::Attempts => f.write_str("attempts"),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for CanonicalTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find("provider", name, &Self::ALL, |provider| provider.name())
    }
}

impl FromStr for CanonicalTopic {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find("canonical topic", name, &Self::ALL, |topic| topic.name())
    }
}

/// Finds the value of that name, or says which names there are.
pub(crate) fn find<T: Copy>(
    what: &'static str,
    name: &str,
    all: &[T],
    name_of: fn(T) -> &'static str,
) -> Result<T, UnknownName> {
    let found = all.iter().copied().find(|value| name_of(*value) == name);
    found.ok_or_else(|| UnknownName {
        what,
        name: name.to_owned(),
        known: all
            .iter()
            .copied()
            .map(name_of)
            .collect::<Vec<_>>()
            .join(", "),
    })
}
