//! Cvent's event types, as far as they are published.

use events::{Change, EventType};

/// What the records of a message tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Registration(EventType, Change),
    Contact(EventType, Change),
    /// Known, but it fits nowhere else.
    Other,
    Unknown,
}

const REGISTERED: Kind = Kind::Registration(EventType::EntitlementCreated, Change::Created);
const MODIFIED: Kind = Kind::Registration(EventType::EntitlementUpdated, Change::Updated);
const CANCELLED: Kind = Kind::Registration(EventType::EntitlementCancelled, Change::Cancelled);
const TOOK_PART: Kind = Kind::Registration(EventType::EntitlementCheckedIn, Change::CheckedIn);
const CONTACT_CREATED: Kind = Kind::Contact(EventType::PersonCreated, Change::Created);
const CONTACT_EDITED: Kind = Kind::Contact(EventType::PersonUpdated, Change::Updated);
const CONTACT_DELETED: Kind = Kind::Contact(EventType::PersonDeleted, Change::Deleted);

/// Words of the kinds that fit nowhere else: sessions, e-mails and whatever is not about being
/// registered for an event. They come first, as in "session registration cancelled".
const OTHER: [&str; 13] = [
    "session",
    "speaker",
    "email",
    "invitation",
    "meetingrequest",
    "manual",
    "substituted",
    "noshow",
    "order",
    "abandon",
    "eventcancelled",
    "eventdeleted",
    "eventmodified",
];

/// Words that turn a name into its opposite; what that means is not public.
const UNDOING: [&str; 4] = ["unregister", "deregister", "unmark", "removed"];

/// The other kinds, by words that all have to be there; the first that fits wins.
const BY_WORDS: [(&[&str], Kind); 10] = [
    (&["contact", "created"], CONTACT_CREATED),
    (&["contact", "edited"], CONTACT_EDITED),
    (&["contact", "updated"], CONTACT_EDITED),
    (&["contact", "deleted"], CONTACT_DELETED),
    (&["participant"], TOOK_PART),
    (&["invitee", "cancelled"], CANCELLED),
    (&["registration", "cancelled"], CANCELLED),
    (&["invitee", "modified"], MODIFIED),
    (&["registration", "modified"], MODIFIED),
    (&["registered"], REGISTERED),
];

impl Kind {
    pub(super) fn of(native_type: &str) -> Self {
        match native_type {
            "InviteeOrGuestCancelled" => CANCELLED,
            "InviteeAttendsCventSession"
            | "InviteeMarkedAsSessionNoShow"
            | "InviteeOrGuestEmailSent"
            | "InviteeSubstitutedInAnEvent" => Self::Other,
            _ => Self::by_words(native_type),
        }
    }

    fn by_words(native_type: &str) -> Self {
        let letters = native_type.chars().filter(char::is_ascii_alphabetic);
        let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
        if UNDOING.iter().any(|word| name.contains(word)) {
            return Self::Unknown;
        }
        if OTHER.iter().any(|word| name.contains(word)) {
            return Self::Other;
        }
        let fits = |words: &[&str]| words.iter().all(|word| name.contains(word));
        BY_WORDS
            .iter()
            .find(|(words, _)| fits(words))
            .map_or(Self::Unknown, |(_, kind)| *kind)
    }

    pub(super) fn event_type(self) -> EventType {
        match self {
            Self::Registration(event_type, _) | Self::Contact(event_type, _) => event_type,
            Self::Other => EventType::AccountOther,
            Self::Unknown => EventType::AccountUnknown,
        }
    }
}
