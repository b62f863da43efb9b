//! GxP by Gramercy: what others send into it (`/webhook/v1/...`), and what it sends out.
//!
//! Open questions, and what is assumed:
//! - *What is signed?* The page's PHP sample escapes slashes and its JavaScript sample does not, so
//!   only the raw body serves both. Nothing signed carries a time: repeats are stopped by ids.
//! - *How does `X-Cvent-Signature` look?* Not documented: hex HMAC-SHA256 of the raw body, with or
//!   without `sha256=`. On that path nothing else is accepted.
//! - *How are outgoing webhooks signed?* Not documented: as the incoming ones, with the secret of
//!   the subscription. Any path but the four documented ones is read as outgoing.
//! - *Which fields must be there?* The page's own status sample lacks `timestamp` and `readers`, so
//!   only what an event has no meaning without is asked for.
//! - *What is in `data` of outgoing events?* Not public: read tolerantly, and ordered by the source,
//!   so that a field name learned later never moves an event to another raw partition.
//! - *Which reader is which door?* GxP names readers only: a reader stands for its portal.
//! - *When are two syncs one?* They carry neither id nor time, and callers may repeat them: the same
//!   body is the same sync. A sync back to an earlier state within the dedupe window is therefore
//!   lost unless its body differs.
//! - *When are two statuses or scans without a time one?* Nothing tells: each delivery is an event.
//! - *How large is a sync?* Not public: up to 10,000 attendees.
//! - *What does a sync's mode tell?* Events of `create` say that a person was created; those of an
//!   upsert, which does not tell which of the two it was, that one was updated.
//! - *When is a scan a decision?* When ingest answered one; without, it is `access.requested`.
//!
//! What a scan and a sync have to do with the roster stands in `roster`.

mod access_event;
mod answer;
mod attendee_sync;
mod cvent_event;
mod gateway_status;
mod outgoing;

pub(crate) use answer::answer;

use access_event::AccessEvent;
use attendee_sync::AttendeeSync;
use cvent_event::CventEvent;
use events::Person;
use gateway_status::GatewayStatus;
use outgoing::Outgoing;

use crate::delivery::{Delivery, Headers, Proof, Refusal, prove};
use crate::draft::{self, Draft, Reason, Unmappable, full_name};
use crate::json::{Fields, NotJson};
use crate::roster::{Asked, Row, Sync, SyncMode};
use crate::{Key, Raw};

const GXP_SIGNATURE: &str = "x-gxp-signature";
const CVENT_SIGNATURE: &str = "x-cvent-signature";
const PREFIX: &str = "sha256=";
/// GxP's own limit is not public; this is its framework's usual one.
const TEXT_CHARACTERS_MAX: usize = 255;

/// Which webhook a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    GatewayStatus,
    AccessEvent,
    Cvent,
    AttendeeSync,
    /// What GxP sends out; its path is the subscriber's own choice.
    Outgoing,
}

impl Endpoint {
    fn of(tail: &str) -> Self {
        match tail {
            "mqtt-gateway-status" => Self::GatewayStatus,
            "access-event" => Self::AccessEvent,
            "cvent" => Self::Cvent,
            "attendee-sync" => Self::AttendeeSync,
            _ => Self::Outgoing,
        }
    }
}

pub(crate) fn verify(delivery: &Delivery, live_keys: &[&Key]) -> Result<Proof, Refusal> {
    let given = given_mac(delivery).ok_or(Refusal::Unproven)?;
    prove("hmac-sha256-hex", None, live_keys, |key| {
        key.fits_mac(&[&delivery.body], &given)
    })
}

fn given_mac(delivery: &Delivery) -> Option<Vec<u8>> {
    let headers = &delivery.headers;
    let digits = match Endpoint::of(&delivery.tail) {
        Endpoint::Cvent => {
            let value = headers.only(CVENT_SIGNATURE)?;
            value.strip_prefix(PREFIX).unwrap_or(value)
        }
        Endpoint::GatewayStatus
        | Endpoint::AccessEvent
        | Endpoint::AttendeeSync
        | Endpoint::Outgoing => headers.only(GXP_SIGNATURE)?.strip_prefix(PREFIX)?,
    };
    hex::decode(digits).ok()
}

pub(crate) fn sign(tail: &str, key: &Key, body: &[u8]) -> Headers {
    let digits = hex::encode(key.mac(&[body]));
    let (name, value) = match Endpoint::of(tail) {
        Endpoint::Cvent => (CVENT_SIGNATURE, digits),
        Endpoint::GatewayStatus
        | Endpoint::AccessEvent
        | Endpoint::AttendeeSync
        | Endpoint::Outgoing => (GXP_SIGNATURE, format!("{PREFIX}{digits}")),
    };
    Headers::from_iter([(name, value)])
}

/// A body that is taken: its required fields are there.
enum Message<'a> {
    GatewayStatus(GatewayStatus<'a>),
    AccessEvent(AccessEvent<'a>),
    Cvent(CventEvent<'a>),
    AttendeeSync(AttendeeSync<'a>),
    Outgoing(Outgoing<'a>),
}

impl<'a> Message<'a> {
    fn read(tail: &str, fields: Fields<'a>) -> Result<Self, Refusal> {
        Ok(match Endpoint::of(tail) {
            Endpoint::GatewayStatus => Self::GatewayStatus(GatewayStatus::read(fields)?),
            Endpoint::AccessEvent => Self::AccessEvent(AccessEvent::read(fields)?),
            Endpoint::Cvent => Self::Cvent(CventEvent::read(fields)?),
            Endpoint::AttendeeSync => Self::AttendeeSync(AttendeeSync::read(fields)?),
            Endpoint::Outgoing => Self::Outgoing(Outgoing::read(fields)),
        })
    }
}

/// The reader, the gateway or the registration, which is also the key of the one event. A sync
/// brings many persons, and which entity an outgoing event is about is not public: these go by
/// their source alone, and their events have keys of their own kinds.
pub(crate) fn ordering_key(delivery: &Delivery) -> Result<String, Refusal> {
    let fields = Fields::parse(&delivery.body).map_err(|NotJson| Refusal::Malformed {
        field: "body",
        reason: "must be valid JSON",
    })?;
    let entity = match Message::read(&delivery.tail, fields)? {
        Message::GatewayStatus(status) => status.key(),
        Message::AccessEvent(scan) => scan.key(),
        Message::Cvent(event) => event.key(),
        Message::AttendeeSync(_) | Message::Outgoing(_) => String::new(),
    };
    Ok(draft::key_of(&delivery.source, &entity))
}

pub(crate) fn map(raw: &Raw<'_>) -> Result<Vec<Draft>, Unmappable> {
    let fields = Fields::parse(raw.body)?;
    let message = Message::read(raw.tail, fields).map_err(|refusal| Unmappable {
        reason: Reason::BadField,
        detail: refusal.to_string(),
    })?;
    Ok(match message {
        Message::GatewayStatus(status) => vec![status.draft()],
        Message::AccessEvent(scan) => vec![scan.draft(raw.decision.as_ref())],
        Message::Cvent(event) => vec![event.draft()],
        Message::AttendeeSync(sync) => sync.drafts(raw.body),
        Message::Outgoing(event) => vec![event.draft()?],
    })
}

/// Returns what a body that was taken asks of the roster.
pub(crate) fn asked(delivery: &Delivery) -> Option<Asked> {
    let fields = || Fields::parse(&delivery.body).ok();
    match Endpoint::of(&delivery.tail) {
        Endpoint::AccessEvent => {
            let scan = AccessEvent::read(fields()?).ok()?;
            Some(Asked::Scan(scan.asked(&delivery.tenant)))
        }
        Endpoint::AttendeeSync => {
            let sync = AttendeeSync::read(fields()?).ok()?;
            Some(Asked::Sync(sync.asked(&delivery.tenant)))
        }
        Endpoint::GatewayStatus | Endpoint::Cvent | Endpoint::Outgoing => None,
    }
}

/// Returns the rows of a sync that its record writes to the roster; none of anything else, which is
/// not even read.
pub(crate) fn roster_rows(raw: &Raw<'_>) -> Vec<Row> {
    if Endpoint::of(raw.tail) != Endpoint::AttendeeSync {
        return Vec::new();
    }
    let fields = Fields::parse(raw.body).ok();
    let Some(sync) = fields.and_then(|fields| AttendeeSync::read(fields).ok()) else {
        return Vec::new();
    };
    let Sync { mode, rows, .. } = sync.asked(raw.tenant);
    match (&raw.decision, mode) {
        (Some(decision), _) => decision.written(rows),
        (None, SyncMode::Upsert) => rows,
        (None, SyncMode::Create | SyncMode::Update) => Vec::new(),
    }
}

/// Takes a field without which the endpoint documents a 400.
fn required(fields: &mut Fields<'_>, field: &'static str) -> Result<String, Refusal> {
    let text = fields.text(field).ok_or(missing(field))?;
    bounded(field, text)
}

/// These fields go into keys, and into every event of a sync.
fn bounded(field: &'static str, text: String) -> Result<String, Refusal> {
    if text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(Refusal::Malformed {
            field,
            reason: "must not be greater than 255 characters",
        });
    }
    Ok(text)
}

fn missing(field: &'static str) -> Refusal {
    Refusal::Malformed {
        field,
        reason: "is required",
    }
}

/// Reads what GxP calls an attendee; nothing of one is `None`.
fn person(fields: &mut Fields<'_>, id: Option<String>) -> Option<Person> {
    let person = Person {
        id,
        name: full_name(fields.text("first_name"), fields.text("last_name")),
        email: fields.text("email"),
        active: None,
    };
    (person != Person::default()).then_some(person)
}
