//! Sources that change while deliveries come.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::given::{self, Running};

/// An address where nothing listens.
const NO_KAFKA: &str = "127.0.0.1:1";
/// Refused once it is proven, without asking Kafka.
const BROKEN: &[u8] = b"{";
const PATIENCE: Duration = Duration::from_secs(20);
/// Within it a revoked secret is refused.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(20);

fn write(folder: &Path, secrets: &str, more: &str) {
    let source = format!("{{id: hq, provider: genea, tenant: acme, secrets: [{secrets}]{more}}}");
    // As a careful editor does: nobody reads half of it.
    let whole = folder.join("new.yaml");
    fs::write(&whole, format!("sources:\n- {source}\n")).unwrap();
    fs::rename(whole, folder.join("sources.yaml")).unwrap();
}

/// Whether a delivery that is signed with this secret is proven.
async fn proven(ingest: &Running, secret: &str) -> bool {
    let answer = ingest
        .post("/hooks/hq", &given::genea(secret, BROKEN), BROKEN)
        .await;
    match answer.status {
        401 => false,
        400 => true,
        other => panic!("status {other}"),
    }
}

async fn until(ingest: &Running, secret: &str, is: bool) -> Duration {
    let began_at = Instant::now();
    let changed = async {
        while proven(ingest, secret).await != is {
            tokio::time::sleep(STEP).await;
        }
    };
    timeout(PATIENCE, changed)
        .await
        .expect("the sources to change");
    began_at.elapsed()
}

async fn running(secrets: &str) -> (Running, PathBuf) {
    let folder = given::folder();
    write(folder.path(), secrets, "");
    let no_spool = |config: &mut ingest::Config| config.spool.no_spool = true;
    let ingest = given::ingest_in(&folder, NO_KAFKA, "none.", no_spool).await;
    let path = folder.path().to_owned();
    (ingest, path)
}

#[tokio::test]
async fn a_secret_is_exchanged_without_a_refusal_and_revoked_within_a_second() {
    let (ingest, folder) = running("{text: old}").await;
    assert!(proven(&ingest, "old").await && !proven(&ingest, "new").await);
    write(&folder, "{text: old}, {text: new}", "");
    until(&ingest, "new", true).await;
    assert!(proven(&ingest, "old").await);
    write(&folder, "{text: new}", "");
    let took = until(&ingest, "old", false).await;
    assert!(took <= REVOKED_WITHIN, "{took:?}");
    assert!(proven(&ingest, "new").await);
}

#[tokio::test]
async fn a_secret_in_a_file_of_its_own_is_followed_as_well() {
    let folder = given::folder();
    fs::write(folder.path().join("secret"), "old\n").unwrap();
    write(folder.path(), "{file: secret}", "");
    let ingest = given::ingest_in(&folder, NO_KAFKA, "none.", |_| {}).await;
    assert!(proven(&ingest, "old").await);
    fs::write(folder.path().join("secret"), "the new one\n").unwrap();
    until(&ingest, "the new one", true).await;
    assert!(!proven(&ingest, "old").await);
}

#[tokio::test]
async fn sources_that_cannot_be_used_leave_the_old_ones_until_they_can() {
    let (ingest, folder) = running("{text: old}").await;
    for broken in [
        "{text: ''}",
        "{env: ABSENT_HERE}",
        "{file: not-there-yet}",
        "[",
    ] {
        write(&folder, broken, "");
        // Longer than a change needs to be noticed.
        let until = Instant::now() + REVOKED_WITHIN;
        while Instant::now() < until {
            assert!(proven(&ingest, "old").await, "{broken}");
            tokio::time::sleep(STEP).await;
        }
    }
    write(&folder, "{file: not-there-yet}", "");
    fs::write(folder.join("not-there-yet"), "new").unwrap();
    until(&ingest, "new", true).await;
}

#[tokio::test]
async fn a_source_that_sends_too_much_is_told_when_to_come() {
    let (ingest, folder) = running("{text: old}").await;
    write(
        &folder,
        "{text: old}, {text: new}",
        ", requests_per_second: 1",
    );
    let limited = async {
        loop {
            let answer = ingest
                .post("/hooks/hq", &given::genea("new", BROKEN), BROKEN)
                .await;
            if answer.status == 429 {
                return answer;
            }
        }
    };
    let answer = timeout(PATIENCE, limited).await.expect("a refusal");
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
}
