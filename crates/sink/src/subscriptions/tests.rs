use super::*;

const REACH: Reach = Reach::Public;

fn draft() -> Draft {
    Draft {
        name: "receiver".to_owned(),
        url: "https://example.org/hook".parse().unwrap(),
        event_types: vec!["access.*".parse().unwrap()],
        sources: Vec::new(),
    }
}

fn built(id: u128, draft: Draft) -> Result<Subscription, Invalid> {
    let id = uuid::Uuid::from_u128(id).into();
    let now = "2026-05-12T18:00:00Z".parse().unwrap();
    draft.build(REACH, id, Secret::of([7; 32]), now)
}

fn update(key: &str, value: Option<&Subscription>) -> Update {
    Update {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: value.map(|s| serde_json::to_vec(s).unwrap().into()),
    }
}

#[test]
fn rows_come_and_go() {
    let mut rows = Rows::default();
    let one = built(1, draft()).unwrap();
    let key = one.id.to_string();
    rows.apply(update(&key, Some(&one)));
    assert_eq!(rows.good[&one.id].name, "receiver");
    rows.apply(update(&key, None));
    assert!(rows.good.is_empty() && rows.refused.is_empty());
}

#[test]
fn a_row_that_is_not_understood_is_counted_until_it_is_mended() {
    let mut rows = Rows::default();
    let one = built(1, draft()).unwrap();
    let key = one.id.to_string();
    rows.apply(Update {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Some(Bytes::from_static(b"{}")),
    });
    rows.apply(update("sub_of_another", Some(&one)));
    assert_eq!((rows.good.len(), rows.refused.len()), (0, 2));
    rows.apply(update(&key, Some(&one)));
    rows.apply(update("sub_of_another", None));
    assert_eq!((rows.good.len(), rows.refused.len()), (1, 0));
}

#[test]
fn a_row_that_is_not_understood_is_not_a_deleted_one() {
    let mut rows = Rows::default();
    let one = built(1, draft()).unwrap();
    let key = one.id.to_string();
    let standing = |rows: &Rows| rows.snapshot().standing(one.id);
    assert!(matches!(standing(&rows), Standing::Deleted));
    rows.apply(update(&key, Some(&one)));
    assert!(matches!(standing(&rows), Standing::Served(found) if found.id == one.id));
    rows.apply(Update {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Some(Bytes::from_static(b"{\"id\":\"of a newer version\"}")),
    });
    assert!(matches!(standing(&rows), Standing::Refused));
    rows.apply(update(&key, None));
    assert!(matches!(standing(&rows), Standing::Deleted));
}

#[test]
fn a_snapshot_names_who_wants_an_event() {
    let other = Draft {
        event_types: vec!["credential.*".parse().unwrap()],
        ..draft()
    };
    let subscriptions = [built(1, draft()).unwrap(), built(2, other).unwrap()];
    let by_id = subscriptions.map(|s| (s.id, Arc::new(s))).into();
    let snapshot = Snapshot {
        by_id,
        ..Snapshot::default()
    };
    let event = Traits {
        event_type: "access.granted",
        provider: "gxp",
        native_type: "x",
        source: "hq",
    };
    let wanting: Vec<_> = snapshot.wanting(event).collect();
    assert_eq!(wanting, [uuid::Uuid::from_u128(1).into()]);
}

#[test]
fn a_draft_that_cannot_be_served_is_refused() {
    let url = |text: &str| Draft {
        url: text.parse().unwrap(),
        ..draft()
    };
    let http = built(1, url("http://example.org/"));
    assert_eq!(http.unwrap_err(), Invalid::Url(BadUrl::Scheme));
    let private = built(1, url("https://10.0.0.1/"));
    assert_eq!(private.unwrap_err(), Invalid::Url(BadUrl::Private));
    let nothing = Draft {
        event_types: Vec::new(),
        ..draft()
    };
    assert_eq!(built(1, nothing).unwrap_err(), Invalid::NoEventTypes);
    let nameless = Draft {
        name: String::new(),
        ..draft()
    };
    assert_eq!(built(1, nameless).unwrap_err(), Invalid::Name);
    let many = Draft {
        sources: vec!["a".to_owned(); ENTRIES_MAX + 1],
        ..draft()
    };
    assert_eq!(built(1, many).unwrap_err(), Invalid::TooMany("sources"));
}
