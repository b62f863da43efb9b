//! What may go wrong between us and Kafka, by what is to be done about it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why a step with Kafka did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Kafka may come back, or the outcome of a transaction is not known: throw the producer away,
    /// look what Kafka has, and go on.
    #[error("kafka step `{step}` has no clear outcome")]
    Unclear {
        step: &'static str,
        #[source]
        source: KafkaError,
    },
    /// Waiting cannot heal it: settings, authorization, or another process with our name.
    #[error("{what}")]
    Fatal {
        what: String,
        #[source]
        source: Option<KafkaError>,
    },
}

impl Failure {
    /// Sorts an error of librdkafka.
    pub fn of(step: &'static str, source: KafkaError) -> Self {
        match advice(&source) {
            Some(advice) => Self::Fatal {
                what: format!("kafka step `{step}` cannot succeed: {advice}"),
                source: without_settings(source),
            },
            None => Self::Unclear { step, source },
        }
    }

    /// Sorts an error of a transaction. A member that was replaced in its group is fenced there as
    /// well, by its own successor after an outage; whether it is another process, only the consumer
    /// can tell.
    pub fn of_transaction(step: &'static str, source: KafkaError) -> Self {
        match source.rdkafka_error_code() {
            Some(RDKafkaErrorCode::FencedInstanceId) => Self::Unclear { step, source },
            _ => Self::of(step, source),
        }
    }

    /// Tells whether the member was put out of its group by one of the same name. That may be its
    /// own later self: after an outage a member rejoins while a request of its former membership is
    /// open.
    pub(crate) fn is_fence(&self) -> bool {
        let Self::Fatal {
            source: Some(source),
            ..
        } = self
        else {
            return false;
        };
        source.rdkafka_error_code() == Some(RDKafkaErrorCode::FencedInstanceId)
    }

    /// A state that needs a person.
    pub fn fatal(what: impl Into<String>) -> Self {
        Self::Fatal {
            what: what.into(),
            source: None,
        }
    }
}

/// An error of a setting spells its value, which may be a password.
fn without_settings(error: KafkaError) -> Option<KafkaError> {
    match error {
        KafkaError::ClientConfig(..) => None,
        error => Some(error),
    }
}

/// Returns what a person must do, if only a person can mend it (kafka-rules 6).
fn advice(error: &KafkaError) -> Option<&'static str> {
    if matches!(
        error,
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)
    ) {
        return Some("check --kafka-set and the environment of the process");
    }
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::GroupAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed
        | RDKafkaErrorCode::TransactionalIdAuthorizationFailed => {
            Some("grant this user its topics, group and transactional id")
        }
        RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::Authentication => {
            Some("check user and password in --kafka-set")
        }
        RDKafkaErrorCode::FencedInstanceId => {
            Some("another process runs with the same --instance; give each its own")
        }
        RDKafkaErrorCode::InvalidTransactionTimeout => {
            Some("raise the broker's transaction.max.timeout.ms")
        }
        RDKafkaErrorCode::MessageSizeTooLarge => {
            Some("a record is larger than its topic takes; see max.message.bytes")
        }
        RDKafkaErrorCode::UnsupportedVersion | RDKafkaErrorCode::UnsupportedFeature => {
            Some("the broker is too old; Kafka 4.0 or newer is needed")
        }
        _ => None,
    }
}
