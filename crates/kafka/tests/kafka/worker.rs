//! Workers that come, go, share a name and are fenced.

use std::time::Duration;

use kafka::{Cluster, GroupConsumer, Partition, Record, Stop, Transactor};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use testkit::wait_until;

use crate::setting::{DEADLINE, Setting, wait_for_assignment};

/// Fenced sooner after it joined, a worker takes the other for a living rival.
const RIVAL_AFTER: Duration = Duration::from_secs(11);

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_copied_once_by_changing_workers() {
    let setting = Setting::new(&[("in", 4), ("out", 4), ("ledger", 4)]);
    let stops = [Stop::default(), Stop::default(), Stop::default()];
    setting.produce(0..3_000);
    let first = setting.worker("a", &stops[0]);
    setting.wait_for_copies(500).await;
    let second = setting.worker("b", &stops[1]);
    setting.produce(3_000..6_000);
    setting.wait_for_copies(4_000).await;
    stops[0].request();
    first.join().unwrap().unwrap();
    let third = setting.worker("a", &stops[2]);
    setting.produce(6_000..8_000);
    setting.wait_for_copies(8_000).await;
    stops.iter().for_each(Stop::request);
    second.join().unwrap().unwrap();
    third.join().unwrap().unwrap();
    setting.assert_each_once(8_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_of_the_same_name_one_ends() {
    let setting = Setting::new(&[("in", 2), ("out", 2), ("ledger", 2)]);
    setting.produce(0..100);
    let stop = Stop::default();
    let first = setting.worker("same", &stop);
    setting.wait_for_copies(100).await;
    let second = setting.worker("same", &stop);
    setting.produce(100..200);
    setting.wait_for_copies(200).await;
    let one_ended = async || first.is_finished() || second.is_finished();
    wait_until("one of them to end", DEADLINE, one_ended).await;
    stop.request();
    let ends = [first, second].map(|worker| worker.join().unwrap());
    let fenced = ends.into_iter().find_map(Result::err).unwrap();
    assert!(fenced.to_string().contains("same --instance"), "{fenced}");
    setting.assert_each_once(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_fenced_by_a_member_that_is_gone_joins_anew() {
    let setting = Setting::new(&[("in", 2), ("out", 2), ("ledger", 2)]);
    setting.produce(0..100);
    let stop = Stop::default();
    let worker = setting.worker("same", &stop);
    setting.wait_for_copies(100).await;
    tokio::time::sleep(RIVAL_AFTER).await;
    let group = setting.cluster.topic("copy");
    let topics = [setting.cluster.topic("in")];
    let rival = GroupConsumer::join(&setting.cluster, &group, "same", &topics).unwrap();
    wait_for_assignment(&rival).await;
    drop(rival);
    setting.produce(100..200);
    setting.wait_for_copies(200).await;
    stop.request();
    worker.join().unwrap().unwrap();
    setting.assert_each_once(200);
}

/// A member that has slept may rebuild a partition that another owns and commits by now: what it
/// reads of group and ledger are then of two moments, and no reason to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_another_between_two_questions_ends_no_worker() {
    let setting = Setting::new(&[("in", 1), ("out", 1), ("ledger", 1)]);
    setting.produce(0..100);
    let (cluster, brokers) = (setting.cluster.clone(), setting.brokers.clone());
    let other_owner = move || copy_ten(&cluster, &brokers);
    let stop = Stop::default();
    let worker = setting.worker_that_meets("a", &stop, Some(Box::new(other_owner)));
    setting.wait_for_copies(100).await;
    stop.request();
    worker.join().unwrap().unwrap();
    setting.assert_each_once(100);
}

/// Does the work of a batch of ten; its offsets are those of a consumer that never joined, which
/// the group takes.
fn copy_ten(cluster: &Cluster, brokers: &str) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", cluster.topic("copy"))
        .create()
        .unwrap();
    let mut out = Transactor::new(cluster, &cluster.topic("other"));
    out.init().unwrap();
    out.begin(consumer.group_metadata().unwrap()).unwrap();
    let send = |topic: &str, value: &str| {
        let topic = cluster.topic(topic);
        out.send(&Record {
            topic: &topic,
            partition: Some(0),
            value: Some(value.as_bytes()),
            ..Record::default()
        })
        .unwrap();
    };
    (0..10).for_each(|number| send("out", &number.to_string()));
    send("ledger", "10");
    let partition = Partition {
        topic: cluster.topic("in").into(),
        number: 0,
    };
    out.commit(&[(partition, 10)]).unwrap();
}
