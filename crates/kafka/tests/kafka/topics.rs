//! Topics that are made, and those that are wrong.

use crate::setting::Setting;

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_wrong_is_described() {
    let setting = Setting::new(&[("good", 1)]);
    let spec = kafka::TopicSpec {
        name: setting.cluster.topic("good"),
        partitions: 2,
        replication: 1,
        cleanup: kafka::Cleanup::Compact,
        retention_ms: 1_000,
        timestamps: kafka::Timestamps::Writer,
    };
    let other = kafka::TopicSpec {
        name: setting.cluster.topic("new"),
        ..spec.clone()
    };
    let findings = kafka::create(&setting.cluster, &[spec, other.clone()])
        .await
        .unwrap();
    let kafka::Verdict::Wrong(faults) = &findings[0].verdict else {
        panic!("{findings:?}");
    };
    let faults = faults.join("; ");
    assert!(
        faults.contains("it has 1 partitions, 2 are needed"),
        "{faults}"
    );
    assert!(
        faults.contains("its `cleanup.policy` is `delete`, `compact` is needed"),
        "{faults}"
    );
    assert_eq!(findings[1].verdict, kafka::Verdict::Created);
    let again = kafka::check(&setting.cluster, &[other]).await.unwrap();
    assert_eq!(again[0].verdict, kafka::Verdict::Good);
}
