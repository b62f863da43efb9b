//! What ingest answered from the roster, as its raw record carries it.

use std::fmt;
use std::str::FromStr;

use super::{Row, Unreadable};

const GRANTED: &str = "granted";
const DENIED: &str = "denied";
const CLOSED: &str = "closed";
const ROWS: &str = "rows ";

/// What ingest answered from the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The scan may pass; `None` where a rule lets in whom the roster does not know.
    Granted { attendee_id: Option<u64> },
    /// The scan may not pass: the roster does not know the credential.
    Denied,
    /// The scan may not pass, as the roster is not there to be asked.
    Closed,
    /// Of each row of a sync, whether its mode lets it be written.
    Rows(Vec<bool>),
}

impl Decision {
    /// Returns those of a sync's rows that are written.
    pub(crate) fn written(&self, rows: Vec<Row>) -> Vec<Row> {
        let Self::Rows(written) = self else {
            return Vec::new();
        };
        let rows = rows.into_iter().zip(written);
        let rows = rows.filter(|(_, written)| **written);
        rows.map(|(row, _)| row).collect()
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted { attendee_id: None } => f.write_str(GRANTED),
            Self::Granted {
                attendee_id: Some(id),
            } => write!(f, "{GRANTED} {id}"),
            Self::Denied => f.write_str(DENIED),
            Self::Closed => f.write_str(CLOSED),
            Self::Rows(written) => {
                let digit = |written: &bool| if *written { '1' } else { '0' };
                let digits: String = written.iter().map(digit).collect();
                write!(f, "{ROWS}{digits}")
            }
        }
    }
}

impl FromStr for Decision {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        if let Some(digits) = text.strip_prefix(ROWS) {
            let written = digits.chars().map(|digit| match digit {
                '1' => Ok(true),
                '0' => Ok(false),
                _ => Err(Unreadable),
            });
            return Ok(Self::Rows(written.collect::<Result<_, _>>()?));
        }
        match text.split_once(' ') {
            Some((GRANTED, id)) => Ok(Self::Granted {
                attendee_id: Some(id.parse().map_err(|_| Unreadable)?),
            }),
            None if text == GRANTED => Ok(Self::Granted { attendee_id: None }),
            None if text == DENIED => Ok(Self::Denied),
            None if text == CLOSED => Ok(Self::Closed),
            Some(_) | None => Err(Unreadable),
        }
    }
}
