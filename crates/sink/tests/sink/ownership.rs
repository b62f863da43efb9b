//! What a sink that dies, is fenced or is joined by another does to its events.

use std::collections::BTreeMap;
use std::time::Duration;

use events::EventType;
use testkit::{Answer, Endpoint, wait_until};
use uuid::Uuid;

use crate::setting::{DEADLINE, Setting, config, event};

const GRANTED: EventType = EventType::AccessGranted;

/// Counts the requests for each event.
fn counts(endpoint: &Endpoint) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in endpoint.received() {
        *counts
            .entry(request.header("webhook-id").to_owned())
            .or_default() += 1;
    }
    counts
}

fn all_of(numbers: std::ops::RangeInclusive<u128>) -> Vec<String> {
    numbers
        .map(|number| Uuid::from_u128(number).to_string())
        .collect()
}

/// A second process with the first one's name takes over at once, in the middle of everything; the
/// first cannot commit any more, as if it had been killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_dies_in_the_middle_loses_nothing() {
    let setting = Setting::new(3);
    let endpoint = Endpoint::start(Answer::status(200).after(Duration::from_millis(20)));
    setting.subscribe(&endpoint.url(), &["*"]).await;
    let window = 16;
    let mut small = config(&[100]);
    small.sink_window = window;
    for number in 1..=600 {
        setting.publish(&event(number, GRANTED)).await;
    }
    let first = setting.start("a", &small);
    wait_until("the middle", DEADLINE, async || {
        endpoint.received_count() > 100
    })
    .await;
    let second = setting.start("a", &small);
    let fenced = first.ended().await;
    assert!(format!("{fenced:#}").contains("--instance"), "{fenced:#}");
    setting.wait_until_drained().await;
    second.stop().await;

    let counts = counts(&endpoint);
    assert_eq!(counts.keys().cloned().collect::<Vec<_>>(), all_of(1..=600));
    let repeats = counts.values().sum::<usize>() - counts.len();
    assert!(repeats <= window as usize, "{repeats} repeats");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_stopped_repeats_nothing() {
    let setting = Setting::new(3);
    let endpoint = Endpoint::start(Answer::status(200).after(Duration::from_millis(20)));
    setting.subscribe(&endpoint.url(), &["*"]).await;
    for number in 1..=300 {
        setting.publish(&event(number, GRANTED)).await;
    }
    let first = setting.start("a", &config(&[100]));
    wait_until("the middle", DEADLINE, async || {
        endpoint.received_count() > 50
    })
    .await;
    first.stop().await;
    let second = setting.start("a", &config(&[100]));
    setting.wait_until_drained().await;
    second.stop().await;
    let counts = counts(&endpoint);
    assert_eq!(counts.keys().cloned().collect::<Vec<_>>(), all_of(1..=300));
    assert!(counts.values().all(|count| *count == 1));
}

/// So many events wait that the sink reads no more: it stays in its group nevertheless, gives
/// partitions to a second one, and reads on when fewer wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_sink_shares_its_partitions_and_goes_on_later() {
    let setting = Setting::new(4);
    let endpoint = Endpoint::start(Answer::status(500));
    setting.subscribe(&endpoint.url(), &["*"]).await;
    let mut narrow = config(&[1_000, 1_000, 1_000]);
    narrow.sink_owed = 10;
    for number in 1..=60 {
        setting.publish(&event(number, GRANTED)).await;
    }
    let first = setting.start("a", &narrow);
    wait_until("a row", DEADLINE, async || setting.retries().len() >= 10).await;
    let before = counts(&endpoint).len();
    assert!(before < 60, "{before} events were begun");
    let second = setting.start("b", &narrow);
    wait_until("more events", DEADLINE, async || {
        counts(&endpoint).len() > before + 5
    })
    .await;
    endpoint.answer([Answer::status(200)]);
    setting.wait_until_drained().await;
    wait_until("no row", DEADLINE, async || setting.retries().is_empty()).await;
    first.stop().await;
    second.stop().await;
    assert_eq!(counts(&endpoint).len(), 60);
}
