//! Members of a consumer group and their offsets.

use std::time::Duration;

use kafka::{Failure, GroupConsumer, Message, Partition, Polled, Rebalance, Transactor};
use testkit::wait_until;

use crate::setting::{DEADLINE, Setting, from_the_beginning, wait_for_assignment};

/// Kafka-rules 4: the offsets of a member of an older generation are refused. The broken form takes
/// the metadata when it commits: then a partition that is another's by now is moved.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_a_member_that_was_replaced_are_refused() {
    let setting = Setting::new(&[("in", 2)]);
    setting.produce(0..10);
    let group = setting.cluster.topic("group");
    let topics = [setting.cluster.topic("in")];
    let old = GroupConsumer::join(&setting.cluster, &group, "old", &topics).unwrap();
    wait_for_assignment(&old).await;
    let stale = old.metadata().unwrap();

    let new = GroupConsumer::join(&setting.cluster, &group, "new", &topics).unwrap();
    let moved = wait_for_generation(&old, &new).await;
    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("zombie"));
    out.init().unwrap();
    out.begin(stale).unwrap();
    let refused = out.commit(&[(moved.clone(), 5)]);
    assert!(
        matches!(refused, Err(Failure::Unclear { .. })),
        "{refused:?}"
    );
    assert_eq!(new.committed(std::slice::from_ref(&moved)).unwrap(), [None]);

    out.init().unwrap();
    out.begin(old.metadata().unwrap()).unwrap();
    out.commit(&[(moved.clone(), 5)]).unwrap();
    assert_eq!(new.committed(&[moved]).unwrap(), [Some(5)]);
}

/// Polls both until the new member has a partition of the old one, which is of a generation that is
/// over; returns it.
async fn wait_for_generation(old: &GroupConsumer, new: &GroupConsumer) -> Partition {
    let mut moved = None;
    let joined = async || {
        for member in [old, new] {
            if let Polled::Rebalance(event) = member.poll(Duration::from_millis(20)).unwrap() {
                match event {
                    Rebalance::Assigned(partitions) => {
                        member.assign(&from_the_beginning(&partitions)).unwrap();
                        if std::ptr::eq(member, new) {
                            moved = partitions.into_iter().next();
                        }
                    }
                    Rebalance::Revoked(partitions) | Rebalance::Lost(partitions) => {
                        member.release(&partitions).unwrap();
                    }
                }
            }
        }
        moved.is_some()
    };
    wait_until("the second member", DEADLINE, joined).await;
    moved.unwrap()
}

/// A member that closes waits for the answer to the group's last word; also one that was fenced
/// (after its heartbeat, every 1.5 s), and has or has not been told that word before.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_be_dropped_at_any_moment() {
    let setting = Setting::new(&[("in", 2)]);
    let group = setting.cluster.topic("group");
    let topics = [setting.cluster.topic("in")];
    let join = || GroupConsumer::join(&setting.cluster, &group, "same", &topics).unwrap();
    for (age_ms, polled) in [
        (0, true),
        (50, true),
        (500, true),
        (3_000, true),
        (3_000, false),
    ] {
        let age = Duration::from_millis(age_ms);
        let old = join();
        tokio::time::sleep(age).await;
        if polled {
            old.poll(age).unwrap();
        }
        let new = join();
        tokio::time::sleep(age).await;
        drop(old);
        drop(new);
    }
}

/// A partition whose state is not rebuilt must not be begun anywhere: what was begun at its end and
/// sought later has lost what came in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_was_given_is_read_from_where_it_is_told_and_not_before() {
    let setting = Setting::new(&[("in", 1)]);
    let group = setting.cluster.topic("group");
    let topics = [setting.cluster.topic("in")];
    let member = GroupConsumer::join(&setting.cluster, &group, "late", &topics).unwrap();
    let given = async || match member.poll(Duration::from_millis(50)).unwrap() {
        Polled::Rebalance(Rebalance::Assigned(partitions)) => !partitions.is_empty(),
        Polled::Rebalance(_) | Polled::Record(_) | Polled::Nothing | Polled::OutOfRange => false,
    };
    wait_until("an assignment", DEADLINE, given).await;
    member.assign(&[]).unwrap();
    setting.produce(0..10);
    for _ in 0..20 {
        let polled = member.poll(Duration::from_millis(50)).unwrap();
        assert!(
            !matches!(polled, Polled::Record(_)),
            "read before it was told"
        );
    }
    member.read_from(&setting.partition("in"), 0).unwrap();
    let mut offsets = Vec::new();
    let read = async || {
        if let Polled::Record(record) = member.poll(Duration::from_millis(50)).unwrap() {
            offsets.push(record.offset());
        }
        offsets.len() == 10
    };
    wait_until("all records", DEADLINE, read).await;
    assert_eq!(offsets, Vec::from_iter(0..10));
}
