//! Sample bodies of every provider, by event kind: fixtures of the tests and of `cardea send`.

use crate::Provider;

/// A body as the provider sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The event kind, unique per provider; also the name of its file.
    pub name: &'static str,
    /// The path after the source to which it is sent; mostly empty.
    pub tail: &'static str,
    pub body: &'static str,
}

/// Lists the files of `fixtures/<provider>/`; `at` gives the tail.
macro_rules! samples {
    ($provider:literal: $($name:literal $(at $tail:literal)?),* $(,)?) => {
        &[$(Sample {
            name: $name,
            tail: concat!($($tail)?),
            body: include_str!(concat!("../fixtures/", $provider, "/", $name, ".json")),
        }),*]
    };
}

const GLOFOX: &[Sample] = samples! { "glofox":
};

const ALOCITY: &[Sample] = samples! { "alocity":
};

const GXP: &[Sample] = samples! { "gxp": };

const GENEA: &[Sample] = samples! { "genea": };

const ACCESSGRID: &[Sample] = samples! { "accessgrid": };

const CVENT: &[Sample] = samples! { "cvent": };

/// Returns the samples of a provider.
pub fn samples(provider: Provider) -> &'static [Sample] {
    match provider {
        Provider::Glofox => GLOFOX,
        Provider::Alocity => ALOCITY,
        Provider::Gxp => GXP,
        Provider::Genea => GENEA,
        Provider::Accessgrid => ACCESSGRID,
        Provider::Cvent => CVENT,
    }
}
