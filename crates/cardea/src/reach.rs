//! Kafka as the tools reach it.

use anyhow::Error;
use kafka::{Failure, SendError};

/// Names the brokers and the flag where a tool failed because they did not serve.
pub(crate) fn reached<T>(kafka: &kafka::Config, ended: anyhow::Result<T>) -> anyhow::Result<T> {
    ended.map_err(|error| {
        if away(&error) {
            let brokers = &kafka.brokers;
            error.context(format!(
                "kafka at {brokers} does not serve; --brokers or CARDEA_BROKERS says where it is"
            ))
        } else {
            error
        }
    })
}

fn away(error: &Error) -> bool {
    let unclear = matches!(error.downcast_ref(), Some(Failure::Unclear { .. }));
    unclear || matches!(error.downcast_ref(), Some(SendError::Unacknowledged))
}
