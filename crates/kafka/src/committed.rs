//! How far a group has come, asked from outside.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::{Cluster, Isolation};
use crate::extent::{known, partitions_of};
use crate::failure::Failure;
use crate::group::Partition;

const ASK: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Returns the stable offsets that a group has committed, without becoming a member of it.
pub fn group_offsets(
    cluster: &Cluster,
    group: &str,
    topics: &[String],
) -> Result<BTreeMap<Partition, i64>, Failure> {
    let reader: BaseConsumer = cluster
        .client()
        .set("group.id", group)
        .set("isolation.level", Isolation::Committed.name())
        .create()
        .map_err(|error| Failure::of("create reader", error))?;
    let list = partitions_of(&reader, topics)?;
    let found = committed(&reader, &list)?;
    let partition = |(topic, number): (String, i32)| Partition {
        topic: topic.into(),
        number,
    };
    let offsets = known(&found)?.into_iter();
    Ok(offsets
        .map(|(place, offset)| (partition(place), offset))
        .collect())
}

/// Asks again for a while where no broker serves the group yet: Kafka makes the topic of all groups
/// when it is first asked for one.
fn committed(
    reader: &BaseConsumer,
    list: &TopicPartitionList,
) -> Result<TopicPartitionList, Failure> {
    let deadline = Instant::now() + ASK;
    loop {
        match reader.committed_offsets(list.clone(), ASK) {
            Err(error) if has_no_coordinator(&error) && Instant::now() < deadline => {
                std::thread::sleep(ASK_AGAIN);
            }
            found => return found.map_err(|error| Failure::of("read committed offsets", error)),
        }
    }
}

fn has_no_coordinator(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}
