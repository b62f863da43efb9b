//! Who we are to the registry.

use std::io;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, ConfigError};
use crate::error::Refusal;

/// A secret and, where it is a password, the user's name.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    user: Option<String>,
    secret: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Given(SecretString),
    /// A token in a file is replaced before it ends.
    File(PathBuf),
}

impl Credentials {
    /// Returns none where the registry is open to all.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, ConfigError> {
        let given = config.schema_registry_secret.clone().map(Place::Given);
        let file = config.schema_registry_secret_file.clone().map(Place::File);
        let user = config.schema_registry_user.clone();
        let Some(secret) = given.or(file) else {
            return match user {
                Some(_) => Err(ConfigError::NoPassword),
                None => Ok(None),
            };
        };
        let credentials = Self { user, secret };
        if let Place::Given(secret) = &credentials.secret {
            credentials.of(secret).map_err(|_| ConfigError::Secret)?;
        }
        Ok(Some(credentials))
    }

    /// Returns the header `Authorization` (RFC 7617, RFC 6750).
    pub(crate) fn header(&self) -> Result<HeaderValue, Refusal> {
        match &self.secret {
            Place::Given(secret) => self.of(secret),
            Place::File(file) => {
                let text = std::fs::read_to_string(file);
                let text = text.map_err(Refusal::SecretFile)?;
                self.of(&text.trim_end().into())
            }
        }
    }

    fn of(&self, secret: &SecretString) -> Result<HeaderValue, Refusal> {
        let secret = secret.expose_secret();
        let text = match &self.user {
            Some(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))),
            None => format!("Bearer {secret}"),
        };
        let malformed = |_| {
            let what = "characters that no header may have";
            Refusal::SecretFile(io::Error::new(io::ErrorKind::InvalidData, what))
        };
        let mut header = HeaderValue::try_from(text).map_err(malformed)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        config: Config,
    }

    fn credentials(flags: &[&str]) -> Result<Option<Credentials>, ConfigError> {
        let flags = [&["test", "--schema-registry", "https://registry"], flags].concat();
        Credentials::new(&Flags::parse_from(flags).config)
    }

    async fn header(flags: &[&str]) -> String {
        let credentials = credentials(flags).unwrap().unwrap();
        let header = credentials.header().unwrap();
        assert!(header.is_sensitive());
        header.to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_secret_is_a_password_with_a_user_and_a_token_without() {
        let secret = ["--schema-registry-secret", "open sesame"];
        let user = ["--schema-registry-user", "Aladdin"];
        assert_eq!(header(&secret).await, "Bearer open sesame");
        let basic = header(&[secret, user].concat()).await;
        // The example of RFC 7617, section 2.
        assert_eq!(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(credentials(&[]).unwrap().is_none());
        assert!(credentials(&user).is_err());
    }

    #[tokio::test]
    async fn a_secret_in_a_file_is_read_anew_without_its_line_end() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "first").unwrap();
        let path = file.path().to_str().unwrap();
        let credentials = credentials(&["--schema-registry-secret-file", path]);
        let credentials = credentials.unwrap().unwrap();
        assert_eq!(credentials.header().unwrap(), "Bearer first");
        std::fs::write(path, "second").unwrap();
        assert_eq!(credentials.header().unwrap(), "Bearer second");
        std::fs::remove_file(path).unwrap();
        assert!(credentials.header().is_err());
    }

    #[test]
    fn a_secret_without_a_registry_is_refused() {
        for flag in ["user", "secret", "secret-file", "ca"] {
            let flag = format!("--schema-registry-{flag}");
            let refused = Flags::try_parse_from(["test", &flag, "sesame"])
                .err()
                .unwrap();
            assert_eq!(
                refused.kind(),
                clap::error::ErrorKind::MissingRequiredArgument
            );
        }
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = ["--schema-registry-secret", "sesame"];
        let shown = format!("{:?}", credentials(&secret).unwrap());
        assert!(!shown.contains("sesame"), "{shown}");
        let broken = ["--schema-registry-secret", "ses\name"];
        let told = format!("{:?}", credentials(&broken).unwrap_err());
        assert_eq!(told, "Secret");
    }
}
