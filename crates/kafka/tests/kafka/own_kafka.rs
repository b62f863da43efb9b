//! What needs a Kafka of its own: outages, and answers that are lost on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::{Record, Stop, Transactor, group_offsets};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use testkit::proxy::{Api, Fate, Way};
use testkit::{Isolation, Kafka, read_topic, wait_until};

use crate::setting::{DEADLINE, Setting, cluster_at, member};

/// Longer than the transaction timeout and the group's session together.
const OUTAGE: Duration = Duration::from_secs(18);

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_no_worker_and_loses_and_repeats_nothing() {
    let setting = Setting::own();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.produce(0..20_000);
    setting.wait_for_copies(1_000).await;
    setting.kafka.freeze_node(1);
    tokio::time::sleep(OUTAGE).await;
    setting.kafka.thaw_node(1);
    setting.produce(20_000..21_000);
    setting.wait_for_copies(5_000).await;
    setting.kafka.kill_node(1);
    setting.kafka.start_node(1);
    setting.produce(21_000..22_000);
    setting.wait_for_copies(22_000).await;
    stop.request();
    worker.join().unwrap().unwrap();
    setting.assert_each_once(22_000);
}

const LATE: Duration = Duration::from_secs(3);

/// What may become of a transaction's requests. An answer that is dropped outlasts the patience of
/// the call; over a connection that is cut the client asks again by itself, and a late request
/// arrives after its own repetition.
const FAULTS: [(Api, Way, Fate); 12] = [
    (Api::EndTxn, Way::Answer, Fate::Drop),
    (Api::EndTxn, Way::Request, Fate::Drop),
    (Api::EndTxn, Way::Answer, Fate::Cut),
    (Api::EndTxn, Way::Request, Fate::Late(LATE)),
    (Api::TxnOffsetCommit, Way::Answer, Fate::Drop),
    (Api::TxnOffsetCommit, Way::Answer, Fate::Cut),
    (Api::TxnOffsetCommit, Way::Request, Fate::Late(LATE)),
    (Api::AddPartitionsToTxn, Way::Answer, Fate::Cut),
    (Api::AddOffsetsToTxn, Way::Answer, Fate::Drop),
    (Api::AddOffsetsToTxn, Way::Answer, Fate::Cut),
    (Api::Produce, Way::Answer, Fate::Drop),
    (Api::Produce, Way::Answer, Fate::Cut),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_answers_are_lost_neither_loses_nor_repeats() {
    let (setting, proxy) = Setting::proxied();
    let stop = Stop::default();
    proxy.next(Api::InitProducerId, Way::Answer, Fate::Cut);
    // The first partitions are given to the worker while it cannot find out where to begin.
    proxy.next(Api::OffsetFetch, Way::Answer, Fate::Drop);
    let worker = setting.worker("a", &stop);
    let mut count = 0;
    for (api, way, fate) in FAULTS {
        proxy.next(api, way, fate);
        // One transaction meets the fault, others go on while a late request arrives.
        for _ in 0..10 {
            setting.produce(count..count + 50);
            count += 50;
        }
        let copied = usize::try_from(count).unwrap();
        setting.wait_for_copies(copied).await;
        wait_until(&format!("{api:?}"), DEADLINE, async || proxy.all_met()).await;
    }
    stop.request();
    worker.join().unwrap().unwrap();
    setting.assert_each_once(count);
}

/// The offset of the second transaction's record: the first one's record and marker lie before it.
const SECOND: i64 = 2;

/// KIP-890: a client of protocol v1 sends the end of a transaction again over a new connection, and
/// the first one, late, ends the next transaction. A producer that was kept is the broken form.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_end_of_a_transaction_ends_the_next_one_of_a_producer_that_was_kept() {
    let (setting, proxy) = Setting::proxied();
    let topic = setting.cluster.topic("out");
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", proxy.brokers())
        .set("transactional.id", setting.cluster.topic("kept"))
        .create()
        .unwrap();
    let patience = Duration::from_secs(30);
    producer.init_transactions(patience).unwrap();
    let send = |value: &str| {
        let record = BaseRecord::<(), str>::to(&topic)
            .payload(value)
            .partition(0);
        producer.send(record).unwrap();
        producer.flush(patience).unwrap();
    };
    producer.begin_transaction().unwrap();
    send("first");
    proxy.next(Api::EndTxn, Way::Request, Fate::Late(LATE));
    producer.commit_transaction(patience).unwrap();
    producer.begin_transaction().unwrap();
    send("second");
    wait_until("the late end", DEADLINE, async || proxy.late() == 1).await;
    let ended = async || setting.stable_end("out") > SECOND;
    wait_until("the next transaction to be ended by it", DEADLINE, ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_end_of_a_transaction_does_not_end_the_next() {
    let (setting, proxy) = Setting::proxied();
    let topic = setting.cluster.topic("out");
    let (mut first, mut second) = (None, None);
    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("replaced"));
    out.init().unwrap();
    let send = |out: &Transactor, value: &str| {
        out.send(&Record {
            topic: &topic,
            partition: Some(0),
            value: Some(value.as_bytes()),
            ..Record::default()
        })
        .unwrap();
    };
    out.begin(member(&setting.cluster, &mut first)).unwrap();
    send(&out, "first");
    proxy.next(Api::EndTxn, Way::Request, Fate::Late(LATE));
    out.commit(&[]).unwrap();
    out.begin(member(&setting.cluster, &mut second)).unwrap();
    send(&out, "second");
    wait_until("the late end", DEADLINE, async || proxy.late() == 1).await;
    let written =
        async || read_topic(&setting.brokers, &topic, Isolation::ReadUncommitted).len() == 2;
    wait_until("the second record to be written", DEADLINE, written).await;
    assert_eq!(setting.stable_end("out"), SECOND);
    out.commit(&[]).unwrap();
    assert_eq!(
        setting.committed_values("out"),
        [b"first".as_slice(), b"second"]
    );
}

#[test]
fn a_kafka_that_has_never_had_a_group_says_that_it_has_none() {
    let kafka = Kafka::one_node();
    testkit::create_topic(kafka.brokers(), "raw", 1);
    let cluster = cluster_at(kafka.brokers(), "");
    let offsets = group_offsets(&cluster, "nobody", &["raw".to_owned()]);
    assert_eq!(offsets.unwrap(), BTreeMap::new());
}
