//! All we know of each provider: how it proves itself, what it sends, what it means, how it wants
//! to be answered. One file per provider holds all that changes when that provider changes; this
//! file is the registry, one `match` per question.

mod accessgrid;
mod alocity;
mod answer;
mod cvent;
mod delivery;
mod draft;
mod genea;
mod glofox;
mod gxp;
mod json;
mod key;
pub mod raw;
pub mod roster;
mod samples;

pub use answer::{Answer, Outcome};
pub use delivery::{Delivery, Handshake, Headers, Refusal, Verified};
pub use draft::{Mapped, Reason, Unmappable};
pub use events::Provider;
pub use key::{BadSecret, Key, SecretEncoding};
pub use raw::Raw;
pub use samples::{Sample, samples};

use events::Time;

/// Proves that a delivery comes from its source: its proof fits one of the live keys.
///
/// Reads the untouched bytes only and compares in constant time. A refusal does not say what is
/// wrong.
pub fn verify(delivery: Delivery, live_keys: &[&Key]) -> Result<Verified, Refusal> {
    let proof = match delivery.provider {
        Provider::Glofox => glofox::verify(&delivery, live_keys),
        Provider::Alocity => alocity::verify(&delivery, live_keys),
        Provider::Gxp => gxp::verify(&delivery, live_keys),
        Provider::Genea => genea::verify(&delivery, live_keys),
        Provider::Accessgrid => accessgrid::verify(&delivery, live_keys),
        Provider::Cvent => cvent::verify(&delivery, live_keys),
    }?;
    Ok(Verified::new(delivery, proof))
}

/// Returns the Kafka key of the delivery's raw record: the source, then what its events are
/// ordered by. `Err` is a body that the provider's senders expect to be refused.
///
/// Equal canonical keys and equal event ids imply equal ordering keys. Frozen across releases.
pub fn ordering_key(verified: &Verified) -> Result<String, Refusal> {
    let delivery = verified.delivery();
    let key = match delivery.provider {
        Provider::Glofox => glofox::ordering_key(delivery),
        Provider::Alocity => alocity::ordering_key(delivery),
        Provider::Gxp => gxp::ordering_key(delivery),
        Provider::Genea => genea::ordering_key(delivery),
        Provider::Accessgrid => accessgrid::ordering_key(delivery),
        Provider::Cvent => cvent::ordering_key(delivery),
    };
    match key {
        // A sender of lawful JSON does not expect a refusal, and most would not repeat it: it is
        // kept, and goes to quarantine.
        Err(_) if json::is_lawful_but_unreadable(&delivery.body) => {
            Ok(draft::key_of(&delivery.source, ""))
        }
        key => key,
    }
}

/// Turns a raw record into its canonical events, in order, or says why it cannot.
pub fn map(raw: &Raw<'_>) -> Result<Vec<Mapped>, Unmappable> {
    let drafts = match raw.provider {
        Provider::Glofox => glofox::map(raw),
        Provider::Alocity => alocity::map(raw),
        Provider::Gxp => gxp::map(raw),
        Provider::Genea => genea::map(raw),
        Provider::Accessgrid => accessgrid::map(raw),
        Provider::Cvent => cvent::map(raw),
    }?;
    Ok(draft::seal_all(raw, drafts))
}

/// Answers what asks for an answer instead of bringing an event; `None` for anything else.
pub fn handshake(provider: Provider, request: &Handshake<'_>) -> Option<Answer> {
    match provider {
        Provider::Accessgrid => accessgrid::handshake(request),
        Provider::Cvent => cvent::handshake(request),
        Provider::Glofox | Provider::Alocity | Provider::Gxp | Provider::Genea => None,
    }
}

/// Says what the provider is to be answered; `tail` is the path after the source.
pub fn answer(provider: Provider, tail: &str, outcome: &Outcome) -> Answer {
    match provider {
        Provider::Glofox => glofox::answer(outcome),
        Provider::Alocity => alocity::answer(outcome),
        Provider::Gxp => gxp::answer(tail, outcome),
        Provider::Genea => genea::answer(outcome),
        Provider::Accessgrid => accessgrid::answer(outcome),
        Provider::Cvent => cvent::answer(outcome),
    }
}

/// Returns the headers with which the provider would prove this body at that time.
pub fn sign(provider: Provider, tail: &str, key: &Key, body: &[u8], at: Time) -> Headers {
    match provider {
        Provider::Glofox => glofox::sign(key, body),
        Provider::Alocity => alocity::sign(key, body, at),
        Provider::Gxp => gxp::sign(tail, key, body),
        Provider::Genea => genea::sign(key, body),
        Provider::Accessgrid => accessgrid::sign(key),
        Provider::Cvent => cvent::sign(key),
    }
}
