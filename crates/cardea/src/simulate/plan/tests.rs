use std::collections::HashSet;

use super::*;

const BEGIN_S: i64 = 1_767_225_600;

fn mix(redelivered: u8, forged: u8, late: u8) -> Mix {
    Mix {
        doors: 3,
        badges: 5,
        redelivered,
        forged,
        late,
    }
}

fn plan(seed: u64, mix: Mix) -> Plan {
    let begin = Time::from_seconds(BEGIN_S).unwrap();
    Plan::new(seed, mix, 1_000, &Provider::ALL.map(source), begin)
}

fn source(provider: Provider) -> Source {
    Source {
        id: provider.name().into(),
        provider,
        tenant: "acme".into(),
        keys: Vec::new(),
    }
}

#[test]
fn the_same_seed_gives_the_same_deliveries() {
    let first: Vec<_> = plan(7, mix(5, 1, 5)).take(500).collect();
    assert!(plan(7, mix(5, 1, 5)).take(500).eq(first.iter().cloned()));
    assert!(!plan(8, mix(5, 1, 5)).take(500).eq(first));
}

#[test]
fn every_source_sends() {
    let sources: HashSet<usize> = plan(1, mix(0, 0, 0)).take(200).map(|p| p.source).collect();
    assert_eq!(sources.len(), Provider::ALL.len());
}

#[test]
fn no_two_deliveries_are_equal_unless_one_is_a_redelivery() {
    let mut seen = HashSet::new();
    for planned in plan(2, mix(20, 0, 0)).take(5_000) {
        let content = (
            planned.source,
            planned.payload.body,
            planned.signed_at.seconds(),
        );
        let new = seen.insert(content);
        assert_eq!(new, planned.kind != Kind::Redelivered);
    }
}

#[test]
fn a_mix_without_an_ingredient_has_none_of_it() {
    let kinds = |mix| plan(3, mix).take(500).map(|p| p.kind).collect::<Vec<_>>();
    assert!(kinds(mix(0, 0, 0)).iter().all(|kind| *kind == Kind::Live));
    assert!(
        kinds(mix(0, 100, 0))
            .iter()
            .all(|kind| *kind == Kind::Forged)
    );
    assert!(kinds(mix(0, 0, 100)).iter().all(|kind| *kind == Kind::Late));
}

#[test]
fn what_is_remembered_for_redelivery_is_bounded() {
    let mut plan = plan(4, mix(5, 1, 5));
    plan.by_ref().take(2_000).for_each(drop);
    assert_eq!(plan.recent.len(), RECENT_MAX);
}

/// Through the providers' own code, as ingest and normalizer would take it.
#[test]
fn only_redeliveries_bring_events_that_happened_before() {
    let mut ids = HashSet::new();
    for planned in plan(5, mix(20, 0, 10)).take(2_000) {
        let delivery = source(Provider::ALL[planned.source])
            .delivery(&planned.payload.tail, planned.payload.body.clone());
        for mapped in mapping::map(&delivery, Some(planned.signed_at), planned.signed_at).unwrap() {
            let new = ids.insert((planned.source, mapped.event.envelope.event_id));
            assert_eq!(new, planned.kind != Kind::Redelivered, "{planned:?}");
        }
    }
}
