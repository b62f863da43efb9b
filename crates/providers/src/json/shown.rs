//! What of a body may be shown as an attribute.

use super::{Fields, Value};

/// Names of fields, in lower case and without separators, which no attribute shows at any depth:
/// what names or reaches a person, and what would open a door. The list knows what the providers
/// are known to send; a field with any other name passes, and with it whatever it holds.
const WITHHELD: [&str; 31] = [
    "accesstoken",
    "address",
    "appleuserid",
    "barcode",
    "birth",
    "birthdate",
    "cardnumber",
    "contactemail",
    "credentialvalue",
    "dateofbirth",
    "email",
    "emailaddress",
    "emergencycontact",
    "filedata",
    "firstname",
    "fobid",
    "fullname",
    "gender",
    "imageurl",
    "lastname",
    "password",
    "phone",
    "phonenumber",
    "pin",
    "secret",
    "tagid",
    "taxid",
    "token",
    "useravatarurl",
    "useremail",
    "username",
];

/// No name among them is longer.
const WITHHELD_BYTES_MAX: usize = 16;

/// Takes out of a field what may not be shown; tells whether anything is left.
pub(super) fn presentable(name: &str, value: &mut Value<'_>) -> bool {
    if withheld(name) {
        return false;
    }
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
        Value::Array(values) => {
            values.retain_mut(|value| presentable("", value));
            !values.is_empty()
        }
        Value::Object(Fields(fields)) => {
            fields.retain_mut(|(name, value)| presentable(name, value));
            !fields.is_empty()
        }
    }
}

/// Tells whether a name is one of [`WITHHELD`], without allocating: each field of a body is asked.
fn withheld(name: &str) -> bool {
    if name.chars().any(|c| !c.is_ascii() && c.is_alphanumeric()) {
        return false;
    }
    let mut plain_name = [0; WITHHELD_BYTES_MAX];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric) {
        if length == WITHHELD_BYTES_MAX {
            return false;
        }
        plain_name[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain_name = &plain_name[..length];
    WITHHELD.iter().any(|name| name.as_bytes() == plain_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_withheld_name_is_found_however_it_is_spelt() {
        for name in WITHHELD {
            assert!(withheld(name), "{name}");
            assert!(
                withheld(&format!("_{}", name.to_ascii_uppercase())),
                "{name}"
            );
            assert!(!withheld(&format!("{name}é")), "{name}");
        }
        assert!(!withheld("emergency_contacts_of_all") && !withheld("") && !withheld("ﬁrstname"));
    }
}
