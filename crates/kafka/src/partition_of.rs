//! Which partition a key belongs to, before Kafka is asked to write it there.

/// The seed of Kafka's Java clients.
const SEED: u32 = 0x9747_b28c;

/// Returns the partition of a key as Java clients and `partitioner=murmur2_random` choose it
/// (kafka-rules 1); `None` of a topic without partitions.
pub fn partition_of(key: &[u8], partitions: i32) -> Option<i32> {
    let positive = murmur2::murmur2(key, SEED) & 0x7fff_ffff;
    i32::try_from(positive).ok()?.checked_rem(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_without_partitions_has_none_for_a_key() {
        assert_eq!(partition_of(b"hq door-1", 0), None);
        assert_eq!(partition_of(b"hq door-1", 1), Some(0));
    }
}
