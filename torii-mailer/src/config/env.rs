//! The environment variables.

use std::{env::VarError, path::PathBuf};

use super::{MailerConfig, TlsType, TransportConfig};
use crate::MailerError;

/// Builds a configuration from what `lookup` knows; it has the signature of [`std::env::var`].
///
/// A variable that is set to nothing counts as not set, as compose files and shells produce that for "no value". The
/// SMTP variables are checked even if no host selects SMTP, because then something is missing.
pub(super) fn read(lookup: impl Fn(&'static str) -> Result<String, VarError>) -> Result<MailerConfig, MailerError> {
    let present = |name: &'static str| match lookup(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(problem(name, "is not Unicode")),
    };
    let get = |name| Ok::<_, MailerError>(present(name)?.filter(|value| !value.trim().is_empty()));

    let port = get("MAILER_SMTP_PORT")?.as_deref().map(port).transpose()?;
    let tls = get("MAILER_SMTP_TLS")?.as_deref().map(tls).transpose()?;
    let username = get("MAILER_SMTP_USERNAME")?;
    let password = get("MAILER_SMTP_PASSWORD")?;
    match (&username, &password) {
        (Some(_), None) => {
            return Err(problem("MAILER_SMTP_PASSWORD", "is missing, MAILER_SMTP_USERNAME is set"));
        }
        (None, Some(_)) => {
            return Err(problem("MAILER_SMTP_USERNAME", "is missing, MAILER_SMTP_PASSWORD is set"));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }

    let defaults = MailerConfig::default();
    let transport = if let Some(host) = get("MAILER_SMTP_HOST")? {
        TransportConfig::Smtp { host, port, username, password, tls }
    } else if let Some(output_dir) = get("MAILER_FILE_OUTPUT_DIR")? {
        TransportConfig::File { output_dir: PathBuf::from(output_dir) }
    } else if present("MAILER_SENDMAIL")?.is_some() {
        TransportConfig::Sendmail { command: get("MAILER_SENDMAIL_COMMAND")? }
    } else {
        defaults.transport
    };

    Ok(MailerConfig {
        transport,
        from_address: get("MAILER_FROM_ADDRESS")?.unwrap_or(defaults.from_address),
        from_name: get("MAILER_FROM_NAME")?,
        app_name: get("MAILER_APP_NAME")?.unwrap_or(defaults.app_name),
        app_url: get("MAILER_APP_URL")?.unwrap_or(defaults.app_url),
    })
}

fn port(value: &str) -> Result<u16, MailerError> {
    match value.trim().parse() {
        Ok(0) | Err(_) => Err(problem("MAILER_SMTP_PORT", "is not a port from 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

fn tls(value: &str) -> Result<TlsType, MailerError> {
    match value.trim().to_ascii_lowercase().as_str() {
        "none" => Ok(TlsType::None),
        "starttls" => Ok(TlsType::StartTls),
        "tls" => Ok(TlsType::Tls),
        _ => Err(problem("MAILER_SMTP_TLS", "is not one of none, starttls, tls")),
    }
}

/// Names the variable and the rule, not the value: a password ends up in the wrong variable easily.
fn problem(name: &str, what: &str) -> MailerError {
    MailerError::Config(format!("{name} {what}"))
}
