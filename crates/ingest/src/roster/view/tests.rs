use proptest::prelude::{Just, Strategy, prop_oneof, proptest};

use super::*;

const DENY: Doors = Doors {
    unknown_credential: Door::Deny,
    without_roster: Door::Deny,
};

fn loaded() -> View {
    View {
        loaded: true,
        ..View::default()
    }
}

fn row(external_id: &str, first_name: &str) -> Row {
    Row {
        key: RowKey {
            tenant: "acme".to_owned(),
            external_id: external_id.to_owned(),
            team_slug: "team".to_owned(),
            project_slug: "project".to_owned(),
        },
        attendee: Attendee {
            first_name: Some(first_name.to_owned()),
            ..Attendee::default()
        },
    }
}

fn sync(mode: SyncMode, rows: &[Row]) -> Asked {
    Asked::Sync(Sync {
        mode,
        rows: rows.to_vec(),
        errors: Vec::new(),
    })
}

fn scan(tenant: &str, credential: &str) -> Asked {
    Asked::Scan(Scan {
        tenant: tenant.to_owned(),
        credential: credential.to_owned(),
    })
}

fn ruling(view: &View, credential: &str, doors: Doors) -> Ruling {
    match view.reckon(scan("acme", credential), doors) {
        Reckoned::Scan(ruling) => ruling,
        Reckoned::Sync(..) => panic!("no scan"),
    }
}

fn planned(view: &View, mode: SyncMode, rows: &[Row]) -> (Results, Plan) {
    match view.reckon(sync(mode, rows), DENY) {
        Reckoned::Sync(results, plan) => (results, plan),
        Reckoned::Scan(_) => panic!("no sync"),
    }
}

/// Accepts a sync; returns what was created, updated and skipped.
fn accepted(view: &mut View, mode: SyncMode, rows: &[Row]) -> (usize, usize, usize) {
    let (results, plan) = planned(view, mode, rows);
    view.accept(plan, Instant::now());
    (results.created, results.updated, results.skipped)
}

fn show(view: &mut View, row: &Row) {
    view.show(row.key.clone(), Some(row.attendee.clone()));
}

#[test]
fn the_same_sync_again_skips_every_row() {
    let mut view = loaded();
    let rows = [row("1", "Jane"), row("2", "Joe")];
    assert_eq!(accepted(&mut view, SyncMode::Upsert, &rows), (2, 0, 0));
    assert_eq!(accepted(&mut view, SyncMode::Upsert, &rows), (0, 0, 2));
    let other = [row("1", "Janet"), row("2", "Joe"), row("3", "Zoe")];
    assert_eq!(accepted(&mut view, SyncMode::Upsert, &other), (1, 1, 1));
    assert_eq!(accepted(&mut view, SyncMode::Create, &rows), (0, 0, 2));
    let update = [row("2", "Joanna"), row("4", "Nobody")];
    assert_eq!(accepted(&mut view, SyncMode::Update, &update), (0, 1, 1));
    assert_eq!(ruling(&view, "4", DENY), Ruling::Denied);
}

#[test]
fn an_attendee_that_stands_in_a_sync_twice_is_created_once() {
    let mut view = loaded();
    let rows = [row("1", "Jane"), row("1", "Janet")];
    assert_eq!(accepted(&mut view, SyncMode::Upsert, &rows), (1, 1, 0));
    let granted = Ruling::Granted(Some(row("1", "Janet")));
    assert_eq!(ruling(&view, "1", DENY), granted);
}

#[test]
fn what_a_mode_refuses_is_told_to_the_writer_of_the_roster() {
    let mut view = loaded();
    show(&mut view, &row("1", "Jane"));
    let rows = [row("1", "Other"), row("2", "Joe")];
    let (_, plan) = planned(&view, SyncMode::Create, &rows);
    assert_eq!(plan.decision, Some(Decision::Rows(vec![false, true])));
    let (_, plan) = planned(&view, SyncMode::Upsert, &rows);
    assert_eq!(plan.decision, None);
}

#[test]
fn a_scan_is_granted_to_an_attendee_of_its_tenant_alone() {
    let mut view = loaded();
    show(&mut view, &row("EXT-001", "Jane"));
    let granted = Ruling::Granted(Some(row("EXT-001", "Jane")));
    assert_eq!(ruling(&view, "EXT-001", DENY), granted);
    for credential in ["EXT-00", "EXT-0011", "", "EXT-000"] {
        assert_eq!(ruling(&view, credential, DENY), Ruling::Denied);
    }
    let Reckoned::Scan(other) = view.reckon(scan("other", "EXT-001"), DENY) else {
        panic!("no scan");
    };
    assert_eq!(other, Ruling::Denied);
}

#[test]
fn who_is_not_known_is_denied_unless_the_source_says_otherwise() {
    let unknown = Doors {
        unknown_credential: Door::Grant,
        ..DENY
    };
    let without = Doors {
        without_roster: Door::Grant,
        ..DENY
    };
    let (missing, there) = (View::default(), loaded());
    assert_eq!(ruling(&there, "1", DENY), Ruling::Denied);
    assert_eq!(ruling(&there, "1", without), Ruling::Denied);
    assert_eq!(ruling(&there, "1", unknown), Ruling::Granted(None));
    assert_eq!(ruling(&missing, "1", DENY), Ruling::Closed);
    assert_eq!(ruling(&missing, "1", unknown), Ruling::Closed);
    assert_eq!(ruling(&missing, "1", without), Ruling::Granted(None));
}

#[test]
fn a_sync_before_the_roster_is_there_is_believed_and_its_rows_serve() {
    let mut view = View::default();
    let update = [row("1", "Jane")];
    assert_eq!(accepted(&mut view, SyncMode::Update, &update), (0, 1, 0));
    let granted = Ruling::Granted(Some(row("1", "Jane")));
    assert_eq!(ruling(&view, "1", DENY), granted);
}

#[test]
fn an_own_row_gives_way_once_the_topic_has_shown_it() {
    let mut view = loaded();
    show(&mut view, &row("1", "Old"));
    accepted(&mut view, SyncMode::Upsert, &[row("1", "New")]);
    // A copy's earlier row comes late.
    show(&mut view, &row("1", "Late"));
    let granted = |name| Ruling::Granted(Some(row("1", name)));
    assert_eq!(ruling(&view, "1", DENY), granted("New"));
    show(&mut view, &row("1", "New"));
    show(&mut view, &row("1", "Newest"));
    assert_eq!(ruling(&view, "1", DENY), granted("Newest"));
    assert_eq!(
        (view.own.len(), view.own_bytes, view.order.len()),
        (0, 0, 0)
    );
}

#[test]
fn a_row_that_the_topic_showed_before_it_was_accepted_is_not_kept_over_it() {
    let mut view = loaded();
    let (_, plan) = planned(&view, SyncMode::Upsert, &[row("1", "New")]);
    show(&mut view, &row("1", "New"));
    show(&mut view, &row("1", "Newest"));
    view.accept(plan, Instant::now());
    let granted = Ruling::Granted(Some(row("1", "Newest")));
    assert_eq!(ruling(&view, "1", DENY), granted);
}

#[test]
fn an_own_row_is_forgotten_after_a_day() {
    let mut view = loaded();
    let now = Instant::now();
    let (_, plan) = planned(&view, SyncMode::Upsert, &[row("1", "Jane")]);
    view.accept(plan, now);
    view.tidy(now + OWN_FOR);
    assert_eq!(view.own.len(), 1);
    view.tidy(now + OWN_FOR + Duration::from_secs(1));
    assert_eq!(
        (view.own.len(), view.own_bytes, view.order.len()),
        (0, 0, 0)
    );
    assert_eq!(ruling(&view, "1", DENY), Ruling::Denied);
}

#[test]
fn a_full_roster_is_not_taken_for_a_whole_one() {
    let mut view = View {
        rows_bytes: ROWS_BYTES_MAX - 10,
        ..loaded()
    };
    show(&mut view, &row("1", "Jane"));
    assert_eq!(ruling(&view, "1", DENY), Ruling::Closed);
}

#[test]
fn too_many_own_rows_push_out_the_oldest() {
    let mut view = View {
        own_bytes: OWN_BYTES_MAX - 500,
        ..loaded()
    };
    for (id, name) in [("1", "Jane"), ("2", "Joe")] {
        accepted(&mut view, SyncMode::Upsert, &[row(id, name)]);
    }
    assert_eq!(ruling(&view, "1", DENY), Ruling::Denied);
    assert!(matches!(ruling(&view, "2", DENY), Ruling::Granted(Some(_))));
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let one = ("[a-d]", "[xy]").prop_map(|(id, name)| row(&id, &name));
    proptest::collection::vec(one, 1..8)
}

fn modes() -> impl Strategy<Value = SyncMode> {
    let (upsert, create) = (Just(SyncMode::Upsert), Just(SyncMode::Create));
    prop_oneof![upsert, create, Just(SyncMode::Update)]
}

proptest! {
    #[test]
    fn every_row_is_counted_and_own_rows_show_what_the_topic_will(
        syncs in proptest::collection::vec((modes(), rows()), 1..6),
    ) {
        let (mut accepting, mut following) = (loaded(), loaded());
        for (mode, rows) in syncs {
            let (results, plan) = planned(&accepting, mode, &rows);
            assert_eq!(results.created + results.updated + results.skipped, rows.len());
            for row in &plan.rows {
                show(&mut following, row);
            }
            accepting.accept(plan, Instant::now());
            for id in ["a", "b", "c", "d"] {
                let expected = ruling(&following, id, DENY);
                assert_eq!(ruling(&accepting, id, DENY), expected);
            }
        }
    }
}
