//! What the environment says.

use std::{
    env,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::address::{NotPublicUrl, PublicUrl};

/// Where the database is if nothing else is said: a file in the folder the program was started in.
const DATABASE_FILE: &str = "multi-tenant-todos.db";
const DEFAULT_PORT: u16 = 3000;
/// What cannot be tried out, however fast one asks: the operator's page has no lockout.
const SHORTEST_OPERATOR_TOKEN: usize = 20;

#[derive(Debug)]
pub struct Config {
    /// `ADDRESS` and `PORT`.
    pub listen: SocketAddr,
    /// `PUBLIC_URL`; `http://localhost` with the port if absent.
    pub public: Option<PublicUrl>,
    /// `DATABASE_URL`.
    pub database: Database,
    /// `OPERATOR_TOKEN`: what opens the operator's page.
    pub operator_token: Option<SecretString>,
    /// `TRUSTED_PROXIES`: how many proxies of one's own add to `X-Forwarded-For`.
    pub trusted_proxies: usize,
}

/// Where users and todos are kept.
#[derive(Debug)]
pub enum Database {
    /// An SQLite file that nobody named.
    File(PathBuf),
    /// May hold a password.
    Url(SecretString),
}

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("{name} is {value:?}, which is no {expected}")]
    Value { name: &'static str, value: String, expected: &'static str },
    #[error("PUBLIC_URL {0}")]
    PublicUrl(#[from] NotPublicUrl),
    #[error("OPERATOR_TOKEN must have at least {SHORTEST_OPERATOR_TOKEN} characters")]
    ShortToken,
    #[error(
        "{0} can be reached from outside, and without https:// in PUBLIC_URL this is a development server that shows \
         everybody's mail; set PUBLIC_URL=https://your.domain"
    )]
    OpenDevelopment(IpAddr),
}

impl Config {
    /// # Errors
    /// [`ConfigError`] names the variable that is wrong.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(|name| env::var(name).ok())
    }

    fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let look_up = &|name: &str| look_up(name).filter(|value: &String| !value.is_empty());
        let address = parsed(look_up, "ADDRESS", "IP address")?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = parsed(look_up, "PORT", "port")?.unwrap_or(DEFAULT_PORT);
        let public: Option<PublicUrl> = look_up("PUBLIC_URL").map(|url| url.parse()).transpose()?;
        if public.as_ref().is_none_or(PublicUrl::is_development) && !address.is_loopback() {
            return Err(ConfigError::OpenDevelopment(address));
        }
        let operator_token = look_up("OPERATOR_TOKEN").map(SecretString::from);
        if operator_token.as_ref().is_some_and(|token| token.expose_secret().len() < SHORTEST_OPERATOR_TOKEN) {
            return Err(ConfigError::ShortToken);
        }
        let database = match look_up("DATABASE_URL") {
            Some(url) => Database::Url(url.into()),
            None => Database::File(env::current_dir().unwrap_or_default().join(DATABASE_FILE)),
        };
        Ok(Self {
            listen: SocketAddr::new(address, port),
            public,
            database,
            operator_token,
            trusted_proxies: parsed(look_up, "TRUSTED_PROXIES", "number")?.unwrap_or(0),
        })
    }
}

fn parsed<T: std::str::FromStr>(
    look_up: impl Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, ConfigError> {
    let parse = |value: String| value.parse().map_err(|_| ConfigError::Value { name, value, expected });
    look_up(name).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::read(find)
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
        assert!(config.public.is_none() && config.operator_token.is_none());
        assert!(matches!(config.database, Database::File(path) if path.ends_with(DATABASE_FILE)));
    }

    #[test]
    fn a_development_server_cannot_be_reached_from_outside() {
        let open = |url: &'static str| read(&[("ADDRESS", "0.0.0.0"), ("PUBLIC_URL", url)]);
        assert!(matches!(open(""), Err(ConfigError::OpenDevelopment(_))));
        assert!(matches!(open("http://todos.example"), Err(ConfigError::OpenDevelopment(_))));
        assert!(open("https://todos.example").is_ok());
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = read(&[("PORT", "http")]).unwrap_err();
        assert_eq!(error.to_string(), r#"PORT is "http", which is no port"#);
        assert!(matches!(read(&[("OPERATOR_TOKEN", "guess me")]), Err(ConfigError::ShortToken)));
    }
}
