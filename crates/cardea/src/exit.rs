//! How the program ends: `sysexits.h` tells a script whether to mend a setting or to try again.

use std::fmt::{self, Display};
use std::process::ExitCode;

use crate::output::{self, ReaderGone};

/// `EX_USAGE`: a flag is wrong.
pub(crate) const USAGE: u8 = 64;
/// `EX_CONFIG`: a setting or a file of settings is wrong.
const CONFIG: u8 = 78;

/// A setting that does not serve; says what its cause says.
#[derive(Debug)]
struct BadSetting(anyhow::Error);

/// Marks the failure of checking a setting.
pub(crate) fn setting<T, E: Into<anyhow::Error>>(checked: Result<T, E>) -> anyhow::Result<T> {
    checked.map_err(|error| BadSetting(error.into()).into())
}

/// Turns the end of a command into the exit code of the process, and says why it failed.
pub(crate) fn code(ended: anyhow::Result<ExitCode>) -> ExitCode {
    match ended {
        Ok(code) => code,
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            output::remark(format_args!("cardea: {}", told(&error)));
            if error.is::<BadSetting>() {
                ExitCode::from(CONFIG)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Joins an error and its causes, without those whose words the one before has said already.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.ends_with(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

impl Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl std::error::Error for BadSetting {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let refused = || anyhow!("connection refused");
        let error = refused().context("send").context("deliver");
        assert_eq!(told(&error), "deliver: send: connection refused");
        let quoted = refused().context("not sent: connection refused");
        assert_eq!(told(&quoted), "not sent: connection refused");
    }
}
