//! The answers that come from the roster, in GxP's documented shapes.

use serde_json::{Value, json};

use super::{Decision, Judged, Row, RowError};
use crate::{Answer, Refusal};

/// How a scan is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// `None` where a rule lets in whom the roster does not know.
    Granted(Option<Row>),
    /// The roster does not know the credential.
    Denied,
    /// The roster is not there to be asked.
    Closed,
}

/// What became of the rows of a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    pub created: usize,
    pub updated: usize,
    pub skipped: usize,
    pub errors: Vec<RowError>,
}

impl Ruling {
    pub fn decision(&self) -> Decision {
        match self {
            Self::Granted(row) => Decision::Granted {
                attendee_id: row.as_ref().map(|row| row.key.id()),
            },
            Self::Denied => Decision::Denied,
            Self::Closed => Decision::Closed,
        }
    }

    /// The page shows a grant only: that a denial is a success without an attendee is assumed.
    pub fn answer(&self) -> Answer {
        let attendee = |row: &Row| {
            json!({
                "id": row.key.id(),
                "first_name": row.attendee.first_name,
                "last_name": row.attendee.last_name,
            })
        };
        let (granted, attendee) = match self {
            Self::Granted(row) => (true, row.as_ref().map(attendee)),
            Self::Denied | Self::Closed => (false, None),
        };
        let body = json!({ "success": true, "access_granted": granted, "attendee": attendee });
        Answer::json(200, &body)
    }
}

impl Results {
    pub fn count(&mut self, judged: Judged) {
        match judged {
            Judged::Created => self.created += 1,
            Judged::Updated => self.updated += 1,
            Judged::Unchanged | Judged::Refused => self.skipped += 1,
        }
    }

    /// The page shows an empty list of errors: that one is shaped like a refusal is assumed.
    pub fn answer(&self) -> Answer {
        let errors: Vec<Value> = self.errors.iter().map(error).collect();
        let body = json!({
            "success": true,
            "results": {
                "created": self.created,
                "updated": self.updated,
                "skipped": self.skipped,
                "errors": errors,
            },
        });
        Answer::json(200, &body)
    }
}

fn error(RowError { row, refusal }: &RowError) -> Value {
    let errors = match refusal {
        Refusal::Malformed { field, reason } => {
            let field = field.replace('*', &row.to_string());
            let says = format!("The {field} field {reason}");
            json!({ field: [says] })
        }
        Refusal::Unproven => json!({}),
    };
    json!({ "row": row, "errors": errors })
}
