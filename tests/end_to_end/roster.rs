//! Who is synced may pass, also at an ingest that did not take the sync.

use events::{EventType, Provider};
use serde_json::json;
use testkit::wait_until;

use crate::program::{DEADLINE, Site};
use crate::sender::Sender;

#[tokio::test(flavor = "multi_thread")]
async fn a_synced_attendee_is_granted_after_a_restart() {
    let site = Site::new();
    let program = site.start().await;
    let sync = json!({
        "project_slug": "my-event", "team_slug": "my-team", "sync_mode": "create",
        "attendees": [{ "external_id": "EXT-001", "first_name": "Jane" }],
    });
    let sender = Sender::new(site.ingest());
    let gxp = Provider::Gxp;
    let sent = sender.post(gxp, "attendee-sync", &sync.to_string()).await;
    assert_eq!(sent, Some(200));
    let written = async || site.read("rosters").len() == 1;
    wait_until("the attendee's row", DEADLINE, written).await;
    program.kill();

    let program = site.start().await;
    let sender = Sender::new(site.ingest());
    let granted = async || {
        let scan = json!({ "reader_id": "READER-001", "credential_value": "EXT-001" });
        let sent = sender.post(gxp, "access-event", &scan.to_string()).await;
        assert_eq!(sent, Some(200));
        let mut events = site.events().into_iter();
        events.any(|event| event.envelope.event_type == EventType::AccessGranted)
    };
    wait_until("a grant", DEADLINE, granted).await;
    assert!(program.terminate().await, "the program did not end well");
}
