//! Cvent, direct (GxP's façade of it is in `gxp`): registrations of events.
//!
//! Open questions, and what is assumed:
//! - *Which event types are there?* Five `eventType` strings are published, the other 36 message
//!   kinds only by their titles. The five are matched as they are, the others by the words of
//!   their titles, which Cvent's known strings are made of.
//! - *When is a delivery repeated?* Not public. `messageStub` names the message, so that a repeat is
//!   dropped; a broken body would not get better and is refused.
//! - *Where do type and stub stand?* In the body, and as `<EventType>/<messageStub>` at the end of
//!   the path. The body wins. Taken from a path without them, a stub would always be the same and
//!   drop messages: the end is a stub only after the body's own type or, if the body has none, if
//!   it is a UUID.
//! - *How large is a message?* Not public: up to 10,000 records.
//! - *Is OAuth needed?* Cvent has it for Salesforce as the target only: not supported.
//! - *Do records of one message belong together?* One message may hold records of many invitees, so
//!   all deliveries of a source are ordered as one; each record has its own key.
//! - *Which fields are fit to be shown?* Records hold addresses, phone numbers and a confirmation
//!   number that opens a registration: only the listed fields leave the raw record.

mod record;
mod types;

use events::Time;
use uuid::Uuid;

use self::types::Kind;
use crate::delivery::{Delivery, Headers, Proof, Refusal, prove};
use crate::draft::{self, Draft, Identity, Reason, Unmappable};
use crate::json::{self, Fields, Value};
use crate::{Answer, Handshake, Key, Outcome, Raw};

const AUTHORIZATION: &str = "authorization";
const TEXT_BYTES_MAX: usize = 255;
const RECORDS_MAX: usize = 10_000;

pub(crate) fn verify(delivery: &Delivery, live_keys: &[&Key]) -> Result<Proof, Refusal> {
    let given = (delivery.headers.only(AUTHORIZATION)).ok_or(Refusal::Unproven)?;
    prove("token", None, live_keys, |key| {
        key.fits_token(given.as_bytes())
    })
}

/// The token is the whole value: no scheme stands before it.
pub(crate) fn sign(key: &Key) -> Headers {
    Headers::from_iter([(AUTHORIZATION, key.token())])
}

struct Envelope<'a> {
    event_type: String,
    message_stub: String,
    message_time: Option<Time>,
    message: Vec<Value<'a>>,
}

impl<'a> Envelope<'a> {
    /// Reads the body, and the path for what the body lacks.
    fn read(tail: &str, body: &'a [u8]) -> Result<Self, Unmappable> {
        let mut fields = Fields::parse(body)?;
        let mut path = tail.rsplit('/');
        let (stub_in_path, type_in_path) = (path.next(), path.next());
        let type_in_body = fields.text("eventType");
        let stub_in_path = stub_in_path.filter(|stub| match &type_in_body {
            Some(event_type) => type_in_path == Some(event_type),
            None => Uuid::parse_str(stub).is_ok(),
        });
        let or_path = |field: Option<String>, in_path: Option<&str>| {
            field.or_else(|| in_path.filter(|part| !part.is_empty()).map(str::to_owned))
        };
        let message_stub = or_path(fields.text("messageStub"), stub_in_path);
        let event_type = or_path(type_in_body, type_in_path);
        let message = fields.list("message");
        let (Some(event_type), Some(message_stub), false) =
            (event_type, message_stub, message.is_empty())
        else {
            return Err(Unmappable {
                reason: Reason::UnknownEnvelope,
                detail: "`eventType`, `messageStub` or `message` is missing".to_owned(),
            });
        };
        // Type and stub are repeated in each of its events.
        let short = [&event_type, &message_stub].map(|text| text.len() <= TEXT_BYTES_MAX);
        let few = message.len() <= RECORDS_MAX;
        if short != [true, true] || !few || !message.iter().all(Value::is_object) {
            return Err(Unmappable {
                reason: Reason::BadField,
                detail: "a field is too long, or `message` is no list of records".to_owned(),
            });
        }
        Ok(Self {
            event_type,
            message_stub,
            message_time: fields.time("messageTime"),
            message,
        })
    }
}

pub(crate) fn ordering_key(delivery: &Delivery) -> Result<String, Refusal> {
    json::parse(&delivery.body)?;
    Ok(draft::key_of(&delivery.source, ""))
}

pub(crate) fn map(raw: &Raw<'_>) -> Result<Vec<Draft>, Unmappable> {
    let Envelope {
        event_type: native_type,
        message_stub,
        message_time,
        message,
    } = Envelope::read(raw.tail, raw.body)?;
    let kind = Kind::of(&native_type);
    let draft = |record: Value<'_>| {
        let record = record::read(kind, record.into());
        Draft {
            event_type: kind.event_type(),
            native_type: native_type.clone(),
            // The place of the record in the message is added to every identity.
            identity: Identity::Provider {
                namespace: "message".to_owned(),
                id: message_stub.clone(),
            },
            occurred_at: message_time,
            key: record.key,
            attributes: record.attributes,
            body: record.body,
        }
    };
    Ok(message.into_iter().map(draft).collect())
}

pub(crate) fn answer(outcome: &Outcome) -> Answer {
    outcome.plain()
}

/// Activation: Cvent asks with GET until it gets a 200.
pub(crate) fn handshake(request: &Handshake<'_>) -> Option<Answer> {
    (*request.method == http::Method::GET).then(|| Answer::empty(200))
}
