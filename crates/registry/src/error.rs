//! Why a registry gives no id, by what is to be done about it.

use std::io;

use http::StatusCode;
use hyper_util::client::legacy;

/// A question to the registry that has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It may pass: ask again.
    #[error(transparent)]
    Away(#[from] Outage),
    /// Waiting cannot heal it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The registry does not serve at present.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    #[error("the schema registry does not answer in time")]
    Timeout,
    #[error("the schema registry cannot be reached")]
    Unreachable(#[source] legacy::Error),
    #[error("the schema registry does not end its answer")]
    Cut,
    #[error("the schema registry answers with status {0}")]
    Status(StatusCode),
}

/// What a person must mend; says how.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "the schema registry has a version of `{subject}` with which ours is not compatible (409); \
         use another --topic-prefix, or lower the compatibility level of that subject"
    )]
    Incompatible { subject: String },
    #[error(
        "the schema registry does not take our schema of `{subject}` (error code {code}); \
         where it forbids to register, register it another way and give \
         --schema-registry-mode lookup"
    )]
    Unprocessable { subject: String, code: u32 },
    #[error(
        "the schema registry does not know us (401); \
         see --schema-registry-user and --schema-registry-secret"
    )]
    Unauthorized,
    #[error(
        "the schema registry forbids us `{subject}` (403); grant this user the subject, or, where \
         it may only read, give --schema-registry-mode lookup"
    )]
    Forbidden { subject: String },
    #[error(
        "the schema registry does not have our schema of `{subject}`; \
         `cardea schemas register` or --schema-registry-mode register brings it there"
    )]
    NotRegistered { subject: String },
    #[error(
        "what answers at --schema-registry is no schema registry (status {status}); its address may \
         need a path, such as /apis/ccompat/v7 for Apicurio"
    )]
    NotARegistry { status: StatusCode },
    /// Events of the other schema are still in the topic.
    #[error(
        "the schema registry gives `{subject}` the id {id}, which stood for another schema before: \
         it was emptied or replaced; restore it, or use another --topic-prefix"
    )]
    Reused { subject: String, id: i32 },
    #[error("--schema-registry-secret-file cannot be read")]
    SecretFile(#[source] io::Error),
}
