//! What could not be mapped is listed, shown, and goes the normal way once more.

use events::Provider;
use serde_json::Value;
use testkit::{wait_until, write_record};

use crate::program::{DEADLINE, Site};
use crate::sender::Sender;

const BROKEN: &str = r#"{"uuid":1}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_retried_comes_out_once_or_is_in_quarantine_again() {
    let site = Site::new();
    let program = site.start().await;
    let sender = Sender::new(site.ingest());
    let scan = r#"{"uuid":"scan-1","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{"uuid":"door-1"}}"#;
    assert_eq!(sender.post(Provider::Genea, "", BROKEN).await, Some(200));
    wait_until("the quarantine", DEADLINE, async || held(&site).len() == 1).await;
    let broken = held(&site).remove(0);
    assert_eq!(
        (&broken["source"], &broken["provider"]),
        (&"genea-demo".into(), &"genea".into())
    );
    let position = broken["position"].as_str().unwrap();
    assert_eq!(site.run(&["quarantine", "show", position]), BROKEN);

    // As if a mapping had been mended since: the body that is held can be mapped.
    let mut mended = site.read("quarantine.genea").remove(0);
    mended.value = Some(scan.into());
    write_record(site.brokers(), &site.topic("quarantine.genea"), &mended);
    for _ in 0..2 {
        site.run(&["quarantine", "retry", "--all", "--provider", "genea"]);
        wait_until("the retry", DEADLINE, async || held(&site).is_empty()).await;
        assert_eq!(sender.post(Provider::Genea, "", scan).await, Some(200));
        assert_eq!(site.try_run(&["quarantine", "retry", position]).0, 1);
    }
    assert_eq!(site.events().len(), 1);

    assert_eq!(sender.post(Provider::Genea, "", BROKEN).await, Some(200));
    wait_until("the quarantine", DEADLINE, async || held(&site).len() == 1).await;
    let before = held(&site).remove(0);
    site.run(&["quarantine", "retry", before["position"].as_str().unwrap()]);
    let moved = async || {
        held(&site)
            .first()
            .is_some_and(|after| after["position"] != before["position"])
    };
    wait_until("the retry", DEADLINE, moved).await;
    assert_eq!(held(&site).len(), 1);
    // What was retried is neither lost nor out of place.
    site.run(&["audit"]);

    // A record that cannot go back ends the retry, which says how far it came.
    let mut stray = site.read("quarantine.genea").pop().unwrap();
    stray.key = Some(b"nowhere".to_vec());
    stray.headers.clear();
    stray.value = Some(b"{}".to_vec());
    write_record(site.brokers(), &site.topic("quarantine.genea"), &stray);
    let (code, printed) = site.try_run(&["quarantine", "retry", "--all"]);
    assert_eq!(code, 1);
    assert!(
        printed.ends_with(" sent through the normalizer again\n"),
        "{printed}"
    );
    assert!(program.terminate().await);
}

fn held(site: &Site) -> Vec<Value> {
    let listed = site.run(&["quarantine", "list", "--json"]);
    listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
