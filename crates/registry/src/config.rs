//! The settings of whoever talks to a schema registry.

use std::path::PathBuf;

use secrecy::SecretString;

/// Flags of every command that may talk to a schema registry.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Address of a schema registry with Confluent's API; without it, events have the ids that Cardea ships.
    // People write passwords into addresses: it is shown nowhere before it is known to have none.
    #[arg(
        long,
        env = "CARDEA_SCHEMA_REGISTRY",
        value_name = "URL",
        hide_env_values = true
    )]
    pub schema_registry: Option<SecretString>,
    /// Whether schemas may be registered there, or are only looked up.
    #[arg(long, env = "CARDEA_SCHEMA_REGISTRY_MODE", value_enum, default_value_t)]
    pub schema_registry_mode: Mode,
    /// User of the schema registry; without one, the secret is a bearer token.
    #[arg(
        long,
        env = "CARDEA_SCHEMA_REGISTRY_USER",
        value_name = "NAME",
        requires = "schema_registry"
    )]
    pub schema_registry_user: Option<String>,
    /// Password or bearer token; rather give it by its variable or by a file, as flags are public.
    #[arg(
        long,
        env = "CARDEA_SCHEMA_REGISTRY_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        conflicts_with = "schema_registry_secret_file",
        requires = "schema_registry"
    )]
    pub schema_registry_secret: Option<SecretString>,
    /// File with the password or bearer token, read again for each request.
    #[arg(
        long,
        env = "CARDEA_SCHEMA_REGISTRY_SECRET_FILE",
        value_name = "FILE",
        requires = "schema_registry"
    )]
    pub schema_registry_secret_file: Option<PathBuf>,
    /// File with the certificates (PEM) of the authorities that the registry's own is checked against
    /// [default: the public ones].
    #[arg(
        long,
        env = "CARDEA_SCHEMA_REGISTRY_CA",
        value_name = "FILE",
        requires = "schema_registry"
    )]
    pub schema_registry_ca: Option<PathBuf>,
}

/// How an id is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Schemas that the registry does not have are registered.
    #[default]
    Register,
    /// Somebody else registers them.
    Lookup,
}

/// Settings with which no registry can be asked.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("--schema-registry: the address is not like https://registry.example.org:8081")]
    Address,
    #[error(
        "--schema-registry: the address has a user or password in it; \
         give them as --schema-registry-user and --schema-registry-secret"
    )]
    SecretInAddress,
    #[error("--schema-registry-user: a user has a password; see --schema-registry-secret")]
    NoPassword,
    #[error("--schema-registry-secret: it has characters that no header may have")]
    Secret,
    #[error("--schema-registry-ca: `{file}` cannot be read as PEM")]
    CaFile {
        file: String,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("--schema-registry-ca: `{file}` has no certificate that serves")]
    NoCa { file: String },
}
