//! Deliveries that are hostile or torn: mapped or in quarantine, and the partition moves on.

use std::collections::BTreeMap;

use events::{Provider, Topic};
use kafka::Stop;
use testkit::{OwnedRecord, write_record};

use crate::setting::Setting;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_mapped_is_quarantined_and_the_partition_moves_on() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for body in ["{\"uuid\": broken", "{\"nothing\": \"known\"}"] {
        let body = body.as_bytes();
        setting.deliver(Provider::Genea, "", body).await;
    }
    setting.wait_until_drained(0).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let quarantine = setting.read(Topic::Quarantine(Provider::Genea));
    let mut reasons: Vec<_> = quarantine
        .iter()
        .map(|record| record.header("reason").unwrap())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["not_json", "unknown_envelope"]);
    let broken = quarantine
        .iter()
        .find(|record| record.header("reason") == Some("not_json"))
        .unwrap();
    assert_eq!(
        broken.value.as_deref(),
        Some(b"{\"uuid\": broken".as_slice())
    );
    let position = format!(
        "{}/{}/{}",
        broken.header("raw_topic").unwrap(),
        broken.header("raw_partition").unwrap(),
        broken.header("raw_offset").unwrap()
    );
    assert_eq!(broken.key.as_deref(), Some(position.as_bytes()));
}

const MEGABYTE: usize = 1_048_576;

/// Bodies that any provider might be sent by whoever has its secret.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |inner: &str| [&"[".repeat(10_000), inner, &"]".repeat(10_000)].concat();
    let event = |extra: &str| {
        format!(
            r#"{{"uuid":"{extra}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"d"}}"#
        )
    };
    vec![
        ("empty", Vec::new()),
        ("blank", b" \n".to_vec()),
        ("deep", deep("").into_bytes()),
        (
            "deep_in_an_event",
            format!(r#"{},"more":{}}}"#, event("deep"), deep("1")).into_bytes(),
        ),
        (
            "not_utf8",
            [event("a\u{fffd}").as_bytes(), b",\"more\":\"\xff\xfe\"}"].concat(),
        ),
        ("nul", vec![0; 100]),
        ("nul_in_json", b"{\"uuid\":\"\0\"}".to_vec()),
        (
            "nul_escaped",
            format!("{}}}", event(r"x\u0000y")).into_bytes(),
        ),
        ("large_junk", vec![b'x'; MEGABYTE]),
        (
            "large_event",
            format!(r#"{},"more":"{}"}}"#, event("large"), "y".repeat(MEGABYTE)).into_bytes(),
        ),
        (
            "large_id",
            format!("{}}}", event(&"z".repeat(MEGABYTE))).into_bytes(),
        ),
        ("number", b"1e999999".to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_stop_no_partition_of_any_provider() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for provider in Provider::ALL {
        for (_, body) in hostile() {
            let tail = providers::samples(provider)[0].tail;
            setting.deliver(provider, tail, &body).await;
        }
    }
    setting.wait_until_covered().await;
    setting.wait_until_drained(0).await;
    stop.request();
    worker.join().unwrap().unwrap();

    for provider in Provider::ALL {
        let quarantine = setting.read(Topic::Quarantine(provider));
        let raw = setting.read(Topic::Raw(provider));
        assert!(
            quarantine
                .iter()
                .all(|held| held.header("reason").is_some()),
            "{provider}"
        );
        for held in quarantine {
            let offset = held.header("raw_offset").unwrap();
            let same = |record: &&OwnedRecord| {
                record.offset.to_string() == offset
                    && Some(record.partition.to_string().as_str()) == held.header("raw_partition")
            };
            let delivered = raw.iter().find(same).unwrap();
            assert_eq!(held.value.as_ref(), delivered.value.as_ref(), "{provider}");
        }
    }
    let outcomes = setting.genea_outcomes();
    assert_eq!(outcomes["large_junk"], "not_json");
    assert_eq!(outcomes["empty"], "not_json");
    assert_eq!(outcomes["deep"], "not_json");
    assert_eq!(outcomes["not_utf8"], "not_json");
}

impl Setting {
    /// What became of each hostile body that genea was sent: the reason, or nothing if it was mapped.
    fn genea_outcomes(&self) -> BTreeMap<&'static str, String> {
        let held = self.read(Topic::Quarantine(Provider::Genea));
        let outcome = |body: &[u8]| {
            let found = held.iter().find(|held| held.value.as_deref() == Some(body));
            found.map_or(String::new(), |held| {
                held.header("reason").unwrap().to_owned()
            })
        };
        let bodies = hostile().into_iter();
        bodies.map(|(name, body)| (name, outcome(&body))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_records_that_no_ingest_wrote_are_quarantined() {
    let setting = Setting::new();
    let raw = setting.cluster.topic(Topic::Raw(Provider::Genea));
    let foreign = |headers: &[(&str, &[u8])], value: Option<&[u8]>| OwnedRecord {
        partition: 0,
        offset: 0,
        key: None,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect(),
        value: value.map(<[u8]>::to_vec),
    };
    let torn: &[(&str, &[u8])] = &[
        ("received_at", b"\xff"),
        ("source", b"\xfe"),
        ("source", b""),
    ];
    for record in [
        foreign(&[], None),
        foreign(&[], Some(b"{}")),
        foreign(torn, Some(&[0, 0xff, 0xff, 0xff, 0xff, 7])),
    ] {
        write_record(setting.kafka.brokers(), &raw, &record);
    }
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.wait_until_drained(0).await;
    stop.request();
    worker.join().unwrap().unwrap();
    let held = setting.read(Topic::Quarantine(Provider::Genea));
    let reasons: Vec<_> = held
        .iter()
        .map(|held| held.header("reason").unwrap())
        .collect();
    assert_eq!(reasons, ["bad_record"; 3]);
}
