//! Topics that are made, and those that are wrong.

use kafka::{Cleanup, Fault, Finding, Timestamps, TopicSpec, Topics, Verdict};

use crate::setting::Setting;

fn spec(setting: &Setting, topic: &str) -> TopicSpec {
    TopicSpec {
        name: setting.cluster.topic(topic),
        partitions: 2,
        replication: 1,
        cleanup: Cleanup::Compact,
        retention_ms: 1_000,
        timestamps: Timestamps::Writer,
        kept_beside: None,
        outlives: None,
    }
}

/// All that is unsafe about a topic.
fn told(finding: &Finding) -> String {
    let Verdict::Differs(faults) = &finding.verdict else {
        panic!("{finding:?}");
    };
    let bad = faults
        .iter()
        .filter(|fault| matches!(fault, Fault::Unsafe(_)));
    let says: Vec<_> = bad.map(ToString::to_string).collect();
    says.join("; ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_wrong_is_described() {
    let setting = Setting::new(&[("good", 1)]);
    let topics = Topics::new(&setting.cluster).unwrap();
    let specs = [spec(&setting, "good"), spec(&setting, "new")];
    let findings = topics.create(&specs).await.unwrap();
    let faults = told(&findings[0]);
    for says in [
        "it has 1 partitions, 2 are needed",
        "its `cleanup.policy` is `delete`, `compact` is needed",
    ] {
        assert!(faults.contains(says), "{faults}");
    }
    assert_eq!(findings[1].verdict, Verdict::Created);
    let again = topics.check(&specs[1..]).await.unwrap();
    assert_eq!(again[0].verdict, Verdict::Good);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_grown_past_the_one_beside_it_is_unsafe() {
    let setting = Setting::new(&[]);
    let topics = Topics::new(&setting.cluster).unwrap();
    let specs = [spec(&setting, "raw"), spec(&setting, "seen")];
    topics.create(&specs).await.unwrap();
    let [mut raw, seen] = specs;
    raw.kept_beside = Some(seen.name.clone());
    let check = async || {
        topics
            .check(std::slice::from_ref(&raw))
            .await
            .unwrap()
            .remove(0)
    };
    assert_eq!(check().await.verdict, Verdict::Good);
    testkit::grow_topic(&setting.brokers, &raw.name, 3);
    let faults = told(&check().await);
    let says = format!("it has 3 partitions, but `{}`", seen.name);
    assert!(faults.contains(&says), "{faults}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_own_topics_are_judged_by_the_copies_that_are_possible() {
    let setting = Setting::new(&[]);
    let topics = Topics::new(&setting.cluster).unwrap();
    assert_eq!(topics.broker_count().await.unwrap(), 1);
    for finding in topics.check_internal(1).await.unwrap() {
        assert_eq!(finding.verdict, Verdict::Good, "{}", finding.name);
    }
    let findings = topics.check_internal(3).await.unwrap();
    let names: Vec<_> = findings.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["__consumer_offsets", "__transaction_state"]);
    for finding in &findings {
        let faults = told(finding);
        assert!(
            faults.contains("replication") && faults.contains("min."),
            "{faults}"
        );
    }
}
