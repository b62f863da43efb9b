//! Alocity: access logs, door and lock states, health of devices, cards and faces.
//!
//! Open questions, and what is assumed:
//! - Only the two parts of the signature header are documented, `t:` and `sig:`: they may be
//!   separated by commas, semicolons or blanks, come in any order, and use `=` for the colon.
//! - Whether the secret is text or base64 is a setting of the source (`SecretEncoding`).
//! - Where the event's code travels is not documented: a wrapper (`event`, `code` or `type` beside
//!   `payload` or `data`) tells it, or a documented code in one of these beside the fields, else the
//!   last part of the path, else the shape of the payload.
//! - The fields of an access log are not public: `id`, `serialNumber`, `userId`, the card's fields, a
//!   result and a time are looked for under likely names. Without a result no decision is claimed.
//! - The numbers of `DoorStateType` and `LockStateType` are not public: they are never interpreted;
//!   texts that name a state are.
//! - One device serves one door, so its serial number names both.
//! - Whether a retry is signed anew is unknown: if so, it is a second event.

mod access_log;
mod device;

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use events::{Account, Body, Change, Credential, CredentialRef, EventType, Person, Time};

use crate::delivery::{Delivery, Headers, Proof, Refusal, prove};
use crate::draft::{Draft, Identity, Reason, Unmappable, key_of};
use crate::json::{Fields, NotJson};
use crate::{Answer, Key, Outcome, Raw};

const SIGNATURE: &str = "alocity-signature";
/// More than the keys that anybody rotates at once.
const SIGS_MAX: usize = 8;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) fn verify(delivery: &Delivery, live_keys: &[&Key]) -> Result<Proof, Refusal> {
    let header = delivery.headers.only(SIGNATURE).unwrap_or_default();
    let signature = Signature::parse(header).ok_or(Refusal::Unproven)?;
    let signed: [&[u8]; 3] = [signature.seconds.as_bytes(), b".", &delivery.body];
    prove("hmac-sha256-base64", Some(signature.at), live_keys, |key| {
        key.fits_any_mac(&signed, &signature.given)
    })
}

struct Signature<'a> {
    /// As it was signed.
    seconds: &'a str,
    at: Time,
    given: Vec<[u8; 32]>,
}

impl<'a> Signature<'a> {
    /// Reads exactly one `t` and some `sig`, of which those count that have the length of a MAC.
    fn parse(header: &'a str) -> Option<Self> {
        let mut seconds = None;
        let mut given = Vec::new();
        let mut sigs = 0;
        let mut words = header
            .split(|c: char| matches!(c, ',' | ';') || c.is_ascii_whitespace())
            .filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            // Split once only: base64 ends in `=`.
            let Some((name, value)) = word.split_once([':', '=']) else {
                continue;
            };
            let value = match value {
                "" => words.next()?,
                value => value,
            };
            if name.eq_ignore_ascii_case("t") {
                if seconds.replace(value).is_some() {
                    return None;
                }
            } else if name.eq_ignore_ascii_case("sig") {
                let standard = value.replace('-', "+").replace('_', "/");
                let mac = BASE64.decode(standard).ok();
                given.extend(mac.and_then(|mac| <[u8; 32]>::try_from(mac).ok()));
                sigs += 1;
                if sigs > SIGS_MAX {
                    return None;
                }
            }
        }
        let seconds = seconds?;
        let at = Time::from_seconds(seconds.parse().ok()?).ok()?;
        (!given.is_empty()).then_some(Self { seconds, at, given })
    }
}

pub(crate) fn sign(key: &Key, body: &[u8], at: Time) -> Headers {
    let seconds = at.seconds();
    let mac = key.mac(&[seconds.to_string().as_bytes(), b".", body]);
    let value = format!("t:{seconds},sig:{}", BASE64.encode(mac));
    Headers::from_iter([(SIGNATURE, value)])
}

/// Likely names of the event's code.
const CODES: [&str; 3] = ["event", "code", "type"];

/// A payload and what it is known to be.
struct Opened<'a> {
    kind: Kind,
    payload: Fields<'a>,
    /// What stood beside the payload.
    wrapper: Fields<'a>,
}

/// The documented event codes.
#[derive(PartialEq, Eq)]
enum Kind {
    AccessLog,
    HealthCheck,
    DoorState,
    LockState,
    UserCard,
    UserFace,
    /// A wrapper names a code that is not documented.
    Other(String),
    /// Neither wrapper nor path nor shape tell.
    Unknown,
}

impl Kind {
    fn of_code(code: &str) -> Option<Self> {
        match code.to_ascii_lowercase().as_str() {
            "accesslog.created" => Some(Self::AccessLog),
            "door.healthcheck" => Some(Self::HealthCheck),
            "door.state" => Some(Self::DoorState),
            "lock.state" => Some(Self::LockState),
            "user.card" => Some(Self::UserCard),
            "user.face" => Some(Self::UserFace),
            _ => None,
        }
    }

    /// Tells a bare payload by its fields: the documented sets of names are disjoint, and what else
    /// names a device is an access log, of which no field is public.
    fn of_shape(payload: &Fields<'_>) -> Self {
        let has = |name| payload.contains(name);
        if has("databaseActive") {
            Self::HealthCheck
        } else if has("doorState") {
            Self::DoorState
        } else if has("lockState") {
            Self::LockState
        } else if access_log::RESULTS.iter().any(|name| has(name)) {
            Self::AccessLog
        } else if has("userId") && has("cardNumber") && has("action") {
            Self::UserCard
        } else if has("id") && has("action") {
            Self::UserFace
        } else if has("serialNumber") {
            Self::AccessLog
        } else {
            Self::Unknown
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::AccessLog => "accesslog.created",
            Self::HealthCheck => "door.healthcheck",
            Self::DoorState => "door.state",
            Self::LockState => "lock.state",
            Self::UserCard => "user.card",
            Self::UserFace => "user.face",
            Self::Other(code) => code,
            Self::Unknown => "",
        }
    }
}

/// Takes a code that stands among the fields. An access log may well have a `type` of its own, so
/// only a documented code counts.
fn code_beside(fields: &mut Fields<'_>) -> Option<String> {
    let (name, code) = CODES.iter().find_map(|name| {
        let code = fields.text_at(&[name])?;
        Kind::of_code(&code).map(|_| (name, code))
    })?;
    let code = code.into_owned();
    fields.discard(&[name]);
    Some(code)
}

fn open<'a>(body: &'a [u8], tail: &str) -> Result<Opened<'a>, NotJson> {
    let mut wrapper = Fields::parse(body)?;
    let inner = ["payload", "data"]
        .iter()
        .find_map(|name| wrapper.object(name));
    let (code, payload) = match inner {
        Some(payload) => (CODES.iter().find_map(|name| wrapper.text(name)), payload),
        None => {
            let mut payload = std::mem::take(&mut wrapper);
            (code_beside(&mut payload), payload)
        }
    };
    let kind = match code {
        Some(code) => Kind::of_code(&code).unwrap_or(Kind::Other(code)),
        None => Kind::of_code(tail.rsplit('/').next().unwrap_or(tail))
            .unwrap_or_else(|| Kind::of_shape(&payload)),
    };
    Ok(Opened {
        kind,
        payload,
        wrapper,
    })
}

pub(crate) fn ordering_key(delivery: &Delivery) -> Result<String, Refusal> {
    let opened = open(&delivery.body, &delivery.tail)?;
    Ok(key_of(&delivery.source, &entity(&opened)))
}

/// Returns what an event is ordered by: the device, or the user whose card or face changed.
fn entity(opened: &Opened<'_>) -> String {
    let (kind, name) = match opened.kind {
        Kind::AccessLog | Kind::HealthCheck | Kind::DoorState | Kind::LockState => {
            ("device", "serialNumber")
        }
        Kind::UserCard => ("user", "userId"),
        Kind::UserFace => ("user", "id"),
        Kind::Other(_) | Kind::Unknown => return String::new(),
    };
    let id = opened.payload.text_at(&[name]);
    id.map_or_else(String::new, |id| format!("{kind}/{id}"))
}

/// An access log may have an id. All else is told apart by content and signed time, since a door
/// that opens, closes and opens sends equal bodies. The entity stands beside both, so that equal
/// ids have equal ordering keys.
fn identity(raw: &Raw<'_>, opened: &Opened<'_>, entity: &str) -> Identity {
    let log = (opened.kind == Kind::AccessLog).then_some(&opened.payload);
    let log_id = log.and_then(|log| log.text_at(&["id"]));
    match (log_id, raw.signed_at) {
        (Some(id), _) => Identity::Provider {
            namespace: format!("{}/{entity}", opened.kind.code()),
            id: id.into_owned(),
        },
        (None, Some(at)) => Identity::Derived(vec![
            entity.as_bytes().to_vec(),
            at.micros().to_be_bytes().to_vec(),
            raw.body.to_vec(),
        ]),
        (None, None) => Identity::Delivery,
    }
}

pub(crate) fn map(raw: &Raw<'_>) -> Result<Vec<Draft>, Unmappable> {
    let opened = open(raw.body, raw.tail)?;
    let key = entity(&opened);
    let identity = identity(raw, &opened, &key);
    let Opened {
        kind,
        mut payload,
        wrapper,
    } = opened;
    let mut occurred_at = None;
    let (event_type, body) = match &kind {
        Kind::AccessLog => {
            payload.discard(&["id"]);
            occurred_at = access_log::time(&mut payload);
            access_log::map(&mut payload)
        }
        Kind::HealthCheck => device::health(&mut payload),
        Kind::DoorState => device::door_state(&mut payload),
        Kind::LockState => device::lock_state(&mut payload),
        Kind::UserCard => card(&mut payload),
        Kind::UserFace => face(&mut payload),
        Kind::Other(_) => unknown(),
        Kind::Unknown => {
            return Err(Unmappable {
                reason: Reason::UnknownEnvelope,
                detail: "neither wrapper nor path nor fields tell the event".to_owned(),
            });
        }
    };
    let mut attributes = wrapper.attributes();
    attributes.extend(payload.attributes());
    Ok(vec![Draft {
        event_type,
        native_type: kind.code().to_owned(),
        identity,
        occurred_at,
        key,
        attributes,
        body,
    }])
}

fn card(payload: &mut Fields<'_>) -> (EventType, Body) {
    let credential = CredentialRef {
        kind: Some("card".to_owned()),
        ..card_numbers(payload)
    };
    credential_of("userId", credential, payload)
}

/// A face's `id` is that of its user.
fn face(payload: &mut Fields<'_>) -> (EventType, Body) {
    let credential = CredentialRef {
        kind: Some("face".to_owned()),
        ..CredentialRef::default()
    };
    credential_of("id", credential, payload)
}

fn card_numbers(payload: &mut Fields<'_>) -> CredentialRef {
    CredentialRef {
        number: payload.text("cardNumber"),
        facility_code: payload.text("facilityCode"),
        ..CredentialRef::default()
    }
}

fn credential_of(
    user: &str,
    credential: CredentialRef,
    payload: &mut Fields<'_>,
) -> (EventType, Body) {
    let action = payload.text_at(&["action"]).unwrap_or_default();
    let (event_type, change) = match action.to_ascii_lowercase().as_str() {
        "created" | "enrolled" => (EventType::CredentialCreated, Change::Created),
        "updated" => (EventType::CredentialUpdated, Change::Updated),
        "removed" | "deleted" => (EventType::CredentialDeleted, Change::Deleted),
        // A change that is not documented; the attribute `action` names it.
        _ => (EventType::CredentialUpdated, Change::Unknown),
    };
    let body = Credential {
        change,
        credential: Some(credential),
        person: payload.text(user).map(person),
        ..Credential::default()
    };
    (event_type, Body::Credential(body))
}

fn person(id: String) -> Person {
    Person {
        id: Some(id),
        ..Person::default()
    }
}

fn unknown() -> (EventType, Body) {
    (EventType::AccountUnknown, Body::Account(Account::default()))
}

pub(crate) fn answer(outcome: &Outcome) -> Answer {
    outcome.plain()
}
