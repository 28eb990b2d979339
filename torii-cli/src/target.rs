//! Which database is meant.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{args::Arguments, failure::Failure, redact};

/// A database that is asked for, not connected to yet.
pub(crate) struct Target {
    url: String,
    pub(crate) engine: Engine,
    pub(crate) connect_timeout: Duration,
}

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    Mysql,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
        }
    }
}

impl Target {
    /// What the arguments name.
    ///
    /// # Errors
    /// [`Failure::NoUrl`], [`Failure::UnknownScheme`].
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let url = arguments.database.url.clone().filter(|url| !url.is_empty()).ok_or(Failure::NoUrl)?;
        let engine = match url.split(':').next() {
            Some("sqlite") => Engine::Sqlite,
            Some("postgres" | "postgresql") => Engine::Postgres,
            Some("mysql" | "mariadb") => Engine::Mysql,
            _ => return Err(Failure::UnknownScheme),
        };
        Ok(Self { url, engine, connect_timeout: arguments.database.connect_timeout() })
    }

    /// For the driver, never for people.
    pub(crate) fn secret_url(&self) -> &str {
        &self.url
    }

    /// What a message must not repeat.
    pub(crate) fn secrets(&self) -> Vec<String> {
        redact::secrets(&self.url)
    }
}

/// For people.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact::url(&self.url))
    }
}
