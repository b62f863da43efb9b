//! Which events a subscription wants.

use std::fmt;
use std::str::FromStr;

use events::{EventType, Provider};
use serde::{Deserialize, Serialize};

/// One entry of `event_types`: `*`, `access.*`, `access.granted`, `gxp:*`, `gxp:access.granted`.
///
/// Before the colon stands a provider; then the rest is a native type, which may be one that we do
/// not know. Without one it is a canonical type, of which at least one must be called so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    vocabulary: Vocabulary,
    name: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vocabulary {
    Canonical,
    Native(Provider),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Exact(String),
    /// What stands before the `*` at the end.
    StartsWith(String),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("an event type is empty; write `*` for all")]
    Empty,
    #[error("`{0}`: `*` may only stand at the end")]
    InnerStar(String),
    #[error("`{pattern}`: {source}")]
    Provider {
        pattern: String,
        #[source]
        source: events::UnknownName,
    },
    #[error("{0}; a native type needs its provider, such as gxp:access.granted")]
    EventType(events::UnknownName),
}

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    pub event_type: &'a str,
    pub provider: &'a str,
    pub native_type: &'a str,
    pub source: &'a str,
}

/// Tells whether an event is wanted; an empty list of sources means all.
pub(crate) fn wanted(patterns: &[Pattern], sources: &[String], event: Traits<'_>) -> bool {
    let from_here = sources.is_empty() || sources.iter().any(|source| source == event.source);
    from_here && patterns.iter().any(|pattern| pattern.matches(event))
}

impl Pattern {
    fn matches(&self, event: Traits<'_>) -> bool {
        match self.vocabulary {
            Vocabulary::Canonical => self.name.matches(event.event_type),
            Vocabulary::Native(provider) => {
                provider.name() == event.provider && self.name.matches(event.native_type)
            }
        }
    }
}

impl Name {
    fn parse(text: &str, whole: &str) -> Result<Self, BadPattern> {
        let (name, star) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(BadPattern::InnerStar(whole.to_owned()));
        }
        Ok(match (name, star) {
            ("", false) => return Err(BadPattern::Empty),
            (_, false) => Self::Exact(name.to_owned()),
            (_, true) => Self::StartsWith(name.to_owned()),
        })
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::StartsWith(start) => name.starts_with(start),
        }
    }
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let text = text.trim();
        if let Some((provider, native)) = text.split_once(':') {
            let provider = provider.parse().map_err(|source| BadPattern::Provider {
                pattern: text.to_owned(),
                source,
            })?;
            return Ok(Self {
                vocabulary: Vocabulary::Native(provider),
                name: Name::parse(native, text)?,
            });
        }
        let name = Name::parse(text, text)?;
        if !EventType::ALL.iter().any(|kind| name.matches(kind.name())) {
            text.parse::<EventType>().map_err(BadPattern::EventType)?;
        }
        Ok(Self {
            vocabulary: Vocabulary::Canonical,
            name,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Vocabulary::Native(provider) = self.vocabulary {
            write!(f, "{provider}:")?;
        }
        match &self.name {
            Name::Exact(name) => f.write_str(name),
            Name::StartsWith(start) => write!(f, "{start}*"),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = BadPattern;

    fn try_from(text: String) -> Result<Self, BadPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Traits<'_> = Traits {
        event_type: "access.granted",
        provider: "gxp",
        native_type: "access.check",
        source: "hq-doors",
    };

    fn matches(pattern: &str) -> bool {
        wanted(&[pattern.parse().unwrap()], &[], EVENT)
    }

    #[test]
    fn canonical_and_native_patterns_match() {
        let patterns = [
            "*",
            "access.*",
            "access.granted",
            "gxp:*",
            "gxp:access.*",
            "gxp:access.check",
        ];
        for pattern in patterns {
            assert!(matches(pattern), "{pattern}");
        }
    }

    #[test]
    fn other_events_do_not_match() {
        let patterns = [
            "access.denied",
            "credential.*",
            "genea:*",
            "gxp:access.granted",
            "gxp:access",
            "gxp:access.chec",
        ];
        for pattern in patterns {
            assert!(!matches(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_bare_name_is_canonical() {
        let native = Traits {
            event_type: "account.other",
            native_type: "access.granted",
            ..EVENT
        };
        assert!(!wanted(&["access.granted".parse().unwrap()], &[], native));
        assert!(wanted(
            &["gxp:access.granted".parse().unwrap()],
            &[],
            native
        ));
    }

    #[test]
    fn only_the_named_sources_match() {
        let all = ["*".parse().unwrap()];
        assert!(wanted(&all, &["other".into(), "hq-doors".into()], EVENT));
        assert!(!wanted(&all, &["other".into()], EVENT));
        assert!(!wanted(&[], &[], EVENT));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", " ", "gxp:", "a*b", "**", "nobody:x"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bare_name_that_no_canonical_type_has_is_refused_with_those_that_there_are() {
        for text in ["access.grante", "acces.*", "BOOKING_CREATED", "Access.*"] {
            let refused = text.parse::<Pattern>().unwrap_err().to_string();
            let unknown = format!("unknown event type `{text}`; known are access.granted, ");
            assert!(refused.starts_with(&unknown), "{refused}");
            assert!(refused.ends_with("such as gxp:access.granted"), "{refused}");
        }
    }

    #[test]
    fn a_pattern_survives_json() {
        for text in [
            "*",
            "access.*",
            "gxp:*",
            "gxp:access.granted",
            "glofox:NATIVE",
        ] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
            let json = serde_json::to_string(&pattern).unwrap();
            assert_eq!(serde_json::from_str::<Pattern>(&json).unwrap(), pattern);
        }
    }
}
