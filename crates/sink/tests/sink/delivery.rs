//! What endpoints get, and what becomes of an event when they do not answer well.

use std::time::Duration;

use events::{EventType, Topic};
use serde_json::{Value, json};
use testkit::{Answer, Endpoint, wait_until};
use uuid::Uuid;

use crate::setting::{DEADLINE, Setting, assert_signed, config, event};

const GRANTED: EventType = EventType::AccessGranted;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_delivered_signed() {
    let setting = Setting::new(1);
    let endpoint = Endpoint::start(Answer::status(204));
    let subscription = setting.subscribe(&endpoint.url(), &["access.*"]).await;
    let sink = setting.start("a", &config(&[100]));
    setting.publish(&event(1, GRANTED)).await;
    wait_until("the event", DEADLINE, async || {
        endpoint.received_count() == 1
    })
    .await;

    let request = &endpoint.received()[0];
    assert_signed(request);
    assert_eq!(request.header("webhook-id"), Uuid::from_u128(1).to_string());
    assert!(
        request
            .header("content-type")
            .starts_with("application/cloudevents+json")
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["id"], json!(Uuid::from_u128(1)));
    assert_eq!(body["type"], "access.granted");
    assert_eq!(body["subject"], "hq/door/1");

    setting.wait_until_drained().await;
    sink.stop().await;
    let attempts = setting.attempts();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["subscription"], json!(subscription.id));
    assert_eq!(attempts[0]["outcome"], "done");
    assert_eq!(attempts[0]["status"], 204);
    assert!(setting.read(Topic::Retries(GRANTED.topic())).is_empty());
    assert_eq!(endpoint.received_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_an_id_that_nobody_knows_waits_for_it_and_holds_up_no_other() {
    let setting = Setting::new(1);
    let endpoint = Endpoint::start(Answer::status(204));
    setting.subscribe(&endpoint.url(), &["access.*"]).await;
    let sink = setting.start("a", &config(&[300; 100]));
    setting.keep_id(7, GRANTED.topic()).await;
    setting.publish_under(8, &event(1, GRANTED)).await;
    setting.publish_under(7, &event(2, GRANTED)).await;
    setting.publish(&event(3, GRANTED)).await;
    wait_until("the others", DEADLINE, async || {
        endpoint.received_count() == 2
    })
    .await;
    assert!(
        endpoint
            .received()
            .iter()
            .all(|request| { request.header("webhook-id") != Uuid::from_u128(1).to_string() })
    );
    setting.keep_id(8, GRANTED.topic()).await;
    wait_until("the first", DEADLINE, async || {
        endpoint.received_count() == 3
    })
    .await;
    let last = &endpoint.received()[2];
    assert_eq!(last.header("webhook-id"), Uuid::from_u128(1).to_string());
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_and_its_count_survives_a_restart() {
    let setting = Setting::new(1);
    let endpoint = Endpoint::start(Answer::status(500));
    setting
        .subscribe(&endpoint.url(), &["access.granted"])
        .await;
    let schedule = config(&[3_000, 3_000]);
    let sink = setting.start("a", &schedule);
    setting.publish(&event(1, GRANTED)).await;
    wait_until("a row", DEADLINE, async || setting.retries().len() == 1).await;
    sink.stop().await;
    assert_eq!(setting.retries()[0].header("attempts"), Some("1"));
    assert_eq!(setting.lag(), 0);

    endpoint.answer([Answer::status(200)]);
    let sink = setting.start("a", &schedule);
    wait_until("the second attempt", DEADLINE, async || {
        endpoint.received_count() == 2
    })
    .await;
    wait_until("no row", DEADLINE, async || setting.retries().is_empty()).await;
    sink.stop().await;

    let [first, second] = &endpoint.received()[..] else {
        panic!("two requests");
    };
    assert_signed(second);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_ne!(
        first.header("webhook-signature"),
        second.header("webhook-signature")
    );
    assert_eq!(first.body, second.body);
    let attempts = setting.attempts();
    let shown: Vec<_> = attempts
        .iter()
        .map(|a| (&a["attempt"], &a["outcome"]))
        .collect();
    let expected = [(&json!(1), &json!("retry")), (&json!(2), &json!("done"))];
    assert_eq!(shown, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_schedule_leaves_a_dead_letter() {
    let setting = Setting::new(1);
    let endpoint = Endpoint::start(Answer::status(500));
    let subscription = setting.subscribe(&endpoint.url(), &["*"]).await;
    let sink = setting.start("a", &config(&[100, 100]));
    let value = setting.publish(&event(1, GRANTED)).await;
    let letters = || setting.read(Topic::DeadLetters);
    wait_until("a dead letter", DEADLINE, async || letters().len() == 1).await;
    sink.stop().await;

    let letter = &letters()[0];
    let key = format!("{}/{}", subscription.id, Uuid::from_u128(1));
    assert_eq!(letter.key.as_deref(), Some(key.as_bytes()));
    assert_eq!(letter.value.as_ref(), Some(&value));
    let shown = ["reason", "attempts", "status", "event_key"].map(|name| letter.header(name));
    assert_eq!(
        shown,
        [Some("exhausted"), Some("3"), Some("500"), Some("hq/door/1")]
    );
    assert_eq!(endpoint.received_count(), 3);
    assert!(setting.retries().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_is_a_dead_letter_at_once_and_the_next_event_asks_again() {
    let setting = Setting::new(1);
    let endpoint = Endpoint::start(Answer::status(410));
    endpoint.answer([Answer::status(410), Answer::status(200)]);
    setting.subscribe(&endpoint.url(), &["*"]).await;
    let sink = setting.start("a", &config(&[100]));
    setting.publish(&event(1, GRANTED)).await;
    wait_until("the first", DEADLINE, async || {
        endpoint.received_count() == 1
    })
    .await;
    setting.publish(&event(2, GRANTED)).await;
    wait_until("the second", DEADLINE, async || {
        endpoint.received_count() == 2
    })
    .await;
    setting.wait_until_drained().await;
    sink.stop().await;
    let letters = setting.read(Topic::DeadLetters);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("reason"), Some("gone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_get_nothing_without_permission() {
    let setting = Setting::new(1);
    let trap = Endpoint::start(Answer::status(200));
    let port = trap.address().port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        setting
            .subscribe(&format!("https://{host}:{port}/"), &["*"])
            .await;
    }
    setting.subscribe(&trap.url(), &["*"]).await;
    let mut public_only = config(&[100]);
    public_only.reach.allow_private_endpoints = false;
    let sink = setting.start("a", &public_only);
    setting.publish(&event(1, GRANTED)).await;
    let letters = || setting.read(Topic::DeadLetters);
    wait_until("dead letters", DEADLINE, async || letters().len() == 4).await;
    sink.stop().await;
    let faults = letters();
    let forbidden = faults
        .iter()
        .filter(|l| l.header("fault") == Some("forbidden_address"));
    assert_eq!(forbidden.count(), 3);
    assert_eq!(trap.received_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_failure_and_never_followed() {
    let setting = Setting::new(1);
    let elsewhere = Endpoint::start(Answer::status(200));
    let endpoint = Endpoint::start(Answer::redirect(&elsewhere.url()));
    setting.subscribe(&endpoint.url(), &["*"]).await;
    let sink = setting.start("a", &config(&[100]));
    setting.publish(&event(1, GRANTED)).await;
    let letters = || setting.read(Topic::DeadLetters);
    wait_until("a dead letter", DEADLINE, async || letters().len() == 1).await;
    sink.stop().await;
    assert_eq!(letters()[0].header("status"), Some("301"));
    assert_eq!(
        (endpoint.received_count(), elsewhere.received_count()),
        (2, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let setting = Setting::new(1);
    let endpoint = Endpoint::start(Answer::status(429));
    endpoint.answer([Answer::status(429).retry_after(3), Answer::status(200)]);
    setting.subscribe(&endpoint.url(), &["*"]).await;
    let sink = setting.start("a", &config(&[10]));
    setting.publish(&event(1, GRANTED)).await;
    wait_until("two attempts", DEADLINE, async || {
        endpoint.received_count() == 2
    })
    .await;
    sink.stop().await;
    let received = endpoint.received();
    assert!(received[1].at - received[0].at >= Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_does_not_hold_the_prefix() {
    let setting = Setting::new(1);
    let slow = Endpoint::start(Answer::status(200).after(Duration::from_secs(8)));
    let quick = Endpoint::start(Answer::status(200));
    setting.subscribe(&slow.url(), &["access.denied"]).await;
    setting.subscribe(&quick.url(), &["access.granted"]).await;
    let sink = setting.start("a", &config(&[60_000]));
    setting.publish(&event(1, EventType::AccessDenied)).await;
    setting.publish(&event(2, GRANTED)).await;
    setting.wait_until_drained().await;
    assert_eq!(quick.received_count(), 1);
    // Passed, while its attempt is still open.
    let rows = setting.retries();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].header("attempts"), Some("1"));
    wait_until("no row", DEADLINE, async || setting.retries().is_empty()).await;
    sink.stop().await;
    assert_eq!(slow.received_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_only_moves_the_offset() {
    let setting = Setting::new(1);
    let endpoint = Endpoint::start(Answer::status(200));
    setting
        .subscribe(&endpoint.url(), &["credential.*", "gxp:*"])
        .await;
    let former = setting.subscribe(&endpoint.url(), &["*"]).await;
    setting.unsubscribe(&former).await;
    let sink = setting.start("a", &config(&[100]));
    for number in 1..=20 {
        setting.publish(&event(number, GRANTED)).await;
    }
    setting.wait_until_drained().await;
    sink.stop().await;
    assert_eq!(endpoint.received_count(), 0);
    assert!(setting.attempts().is_empty());
}
