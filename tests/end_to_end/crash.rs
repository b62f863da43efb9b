//! The program is killed, and asked to end, in the middle of its work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use events::Provider;
use testkit::{Answer, Endpoint, wait_until};
use tokio::task::JoinSet;

use crate::program::{DEADLINE, Site};
use crate::sender::Sender;

const DELIVERIES: usize = 3_000;
const SENDERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn kills_in_the_middle_lose_and_repeat_nothing() {
    let site = Site::new();
    let subscriber = site.subscribe(Endpoint::start(Answer::status(200)));
    let accepted = Arc::new(AtomicUsize::new(0));
    let mut program = site.start().await;
    let senders = send_all(&site, &accepted);
    for share in [DELIVERIES / 4, DELIVERIES / 2] {
        let reached = async || accepted.load(Ordering::Relaxed) >= share;
        wait_until("a share of the deliveries", DEADLINE, reached).await;
        program.kill();
        program = site.start().await;
    }
    senders.join_all().await;
    assert_each_once(&site, &subscriber).await;
    assert!(program.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_loses_nothing() {
    let site = Site::new();
    let subscriber = site.subscribe(Endpoint::start(Answer::status(200)));
    let accepted = Arc::new(AtomicUsize::new(0));
    let program = site.start().await;
    let senders = send_all(&site, &accepted);
    let reached = async || accepted.load(Ordering::Relaxed) >= DELIVERIES / 3;
    wait_until("a share of the deliveries", DEADLINE, reached).await;
    assert!(
        program.terminate().await,
        "the drain took too long or failed"
    );
    let program = site.start().await;
    senders.join_all().await;
    assert_each_once(&site, &subscriber).await;
    drop(program);
}

/// Sends distinct scans, each again until it is accepted.
fn send_all(site: &Site, accepted: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    for share in 0..SENDERS {
        let (sender, accepted) = (Sender::new(site.ingest()), Arc::clone(accepted));
        senders.spawn(async move {
            for number in (share..DELIVERIES).step_by(SENDERS) {
                let body = scan(number);
                while sender.post(Provider::Genea, "", &body).await != Some(200) {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                accepted.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    senders
}

fn scan(number: usize) -> String {
    let door = number % 40;
    format!(
        r#"{{"uuid":"scan-{number}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"door-{door}"}}}}"#
    )
}

async fn assert_each_once(site: &Site, subscriber: &crate::program::Subscriber) {
    let complete = async || site.events().len() >= DELIVERIES;
    wait_until("all events", DEADLINE, complete).await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in site.events() {
        *counts.entry(event.envelope.native_id.unwrap()).or_default() += 1;
    }
    assert_eq!(counts.len(), DELIVERIES, "lost");
    assert!(counts.values().all(|count| *count == 1), "repeated");
    let delivered = async || subscriber.ids().len() >= DELIVERIES;
    wait_until("all deliveries", DEADLINE, delivered).await;
}
