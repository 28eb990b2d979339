//! What the tables of older versions are like, and where their rows go.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::{
    attempts,
    cell::{Cell, Kind},
    finding::Problem,
    oauth, passkeys, secure_tokens, sessions, time, users,
    version::OlderVersion,
};

/// One table of an older version. Each has a column `id`; what is here is the rest.
pub(crate) struct Table {
    /// Its name.
    pub(crate) source: &'static str,
    /// The columns that are read, in the order in which [`Old`] holds them.
    pub(crate) columns: &'static [&'static str],
    /// Those of them that some versions did not have; a missing one is read as `NULL`.
    pub(crate) optional: &'static [&'static str],
    /// Columns that are known and not needed.
    pub(crate) unread: &'static [&'static str],
    /// Columns that hold times.
    pub(crate) times: &'static [&'static str],
    /// The table its rows go to.
    pub(crate) target: &'static str,
    /// The columns that are written. The tenant is left to the column's default.
    pub(crate) into: &'static [(&'static str, Kind)],
    /// How many columns of `into`, from the first, are unique within a tenant. None: nothing is.
    pub(crate) key: usize,
    /// Which of several rows with one key is taken over.
    pub(crate) keep: Keep,
    /// Whether a row is worth more than the convenience of an automatic answer.
    pub(crate) durable: bool,
    /// Makes the values of `into`.
    pub(crate) convert: fn(&Old<'_>, &Rules) -> Result<Vec<Cell>, Problem>,
}

/// Which of several rows with one key is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The one with the lowest `id`: what the old versions found.
    Oldest,
    /// The one with the highest: it replaced the others.
    Newest,
    /// All, under different keys.
    All,
}

impl Table {
    /// Whether its rows belong to users.
    pub(crate) fn has_user(&self) -> bool {
        self.columns.contains(&"user_id")
    }

    pub(crate) fn is_users(&self) -> bool {
        self.target == "users"
    }

    /// Whether torii made the column.
    pub(crate) fn knows(&self, column: &str) -> bool {
        column == "id" || self.columns.contains(&column) || self.unread.contains(&column)
    }

    /// The columns that are written, with commas between.
    pub(crate) fn target_columns(&self) -> String {
        self.into.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// How its row is named.
    pub(crate) fn row_name(&self, id: &Cell) -> String {
        id.name()
    }
}

/// What the rows of other tables have to do with a row.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) version: OlderVersion,
    /// The users that are found by their exact address only.
    pub(crate) exact_users: HashSet<String>,
    /// Their addresses.
    pub(crate) exact_emails: HashSet<String>,
}

impl Rules {
    pub(crate) fn new(version: OlderVersion) -> Self {
        Self { version, exact_users: HashSet::new(), exact_emails: HashSet::new() }
    }
}

/// A row of an older version.
pub(crate) struct Old<'r> {
    pub(crate) table: &'static Table,
    pub(crate) id: &'r Cell,
    pub(crate) cells: &'r [Cell],
}

impl Old<'_> {
    fn cell(&self, column: &str) -> &Cell {
        let position = self.table.columns.iter().position(|known| *known == column);
        position.and_then(|position| self.cells.get(position)).unwrap_or(&Cell::Null)
    }

    /// Text that must be there.
    pub(crate) fn text(&self, column: &'static str) -> Result<&str, Problem> {
        self.optional_text(column)?.ok_or_else(|| unreadable(column, Some("NULL".to_owned())))
    }

    /// Text that may be missing.
    pub(crate) fn optional_text(&self, column: &'static str) -> Result<Option<&str>, Problem> {
        match self.cell(column) {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            // Text in a column of bytes; another language's driver.
            Cell::Bytes(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| unreadable(column, None)),
            _ => Err(unreadable(column, None)),
        }
    }

    /// A time that may be missing.
    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<DateTime<Utc>>, Problem> {
        match self.cell(column) {
            Cell::Null => Ok(None),
            value => time::read(value).map(Some).ok_or_else(|| unreadable(column, Some(value.name()))),
        }
    }

    /// A time that must be there.
    pub(crate) fn time(&self, column: &'static str) -> Result<DateTime<Utc>, Problem> {
        self.optional_time(column)?.ok_or_else(|| unreadable(column, Some("NULL".to_owned())))
    }

    /// When something is over: a time beyond every calendar means "never", and becomes the last that can be held.
    pub(crate) fn end(&self, column: &'static str) -> Result<DateTime<Utc>, Problem> {
        if time::is_beyond(self.cell(column)) { Ok(time::latest()) } else { self.time(column) }
    }

    /// When the row was made and last changed. SQLite let both be `NULL`: one stands for the other, and 1970 for both.
    pub(crate) fn made_and_changed(&self) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
        let (made, changed) = (self.optional_time("created_at")?, self.optional_time("updated_at")?);
        let made = made.or(changed).unwrap_or(DateTime::UNIX_EPOCH);
        Ok((made, changed.unwrap_or(made)))
    }
}

pub(crate) fn unreadable(column: &str, value: Option<String>) -> Problem {
    Problem::Unreadable { column: column.to_owned(), value }
}

const TIMES: &[&str] = &["created_at", "updated_at"];
const TIMES_AND_END: &[&str] = &["created_at", "updated_at", "expires_at"];

const USERS: Table = Table {
    source: "users",
    columns: &["email", "name", "password_hash", "email_verified_at", "locked_at", "created_at", "updated_at"],
    optional: &["locked_at"],
    unread: &[],
    times: &["email_verified_at", "locked_at", "created_at", "updated_at"],
    target: "users",
    into: users::INTO,
    key: 0,
    keep: Keep::All,
    durable: true,
    convert: users::convert,
};

const SESSIONS: Table = Table {
    source: "sessions",
    columns: &["user_id", "token", "user_agent", "ip_address", "expires_at", "created_at", "updated_at"],
    optional: &[],
    unread: &[],
    times: TIMES_AND_END,
    target: "sessions",
    into: sessions::INTO,
    key: 1,
    keep: Keep::Newest,
    durable: false,
    convert: sessions::convert,
};

const OAUTH_ACCOUNTS: Table = Table {
    source: "oauth_accounts",
    columns: &["user_id", "provider", "subject", "created_at", "updated_at"],
    optional: &[],
    unread: &[],
    times: TIMES,
    target: "oauth_accounts",
    into: oauth::ACCOUNT_INTO,
    key: 2,
    keep: Keep::Oldest,
    durable: true,
    convert: oauth::convert_account,
};

const OAUTH_STATE: Table = Table {
    source: "oauth_state",
    columns: &["csrf_state", "pkce_verifier", "expires_at", "created_at"],
    optional: &[],
    unread: &["updated_at"],
    times: TIMES_AND_END,
    target: "oauth_states",
    into: oauth::STATE_INTO,
    key: 1,
    keep: Keep::Newest,
    durable: false,
    convert: oauth::convert_state,
};

const PKCE_VERIFIERS: Table =
    Table { source: "pkce_verifiers", columns: &["csrf_state", "verifier", "expires_at", "created_at"], ..OAUTH_STATE };

const PASSKEYS: Table = Table {
    source: "passkeys",
    columns: &["user_id", "credential_id", "public_key", "name", "last_used_at", "created_at", "updated_at"],
    optional: &["name", "last_used_at"],
    unread: &[],
    times: &["created_at", "updated_at", "last_used_at"],
    target: "passkeys",
    into: passkeys::INTO,
    key: 1,
    keep: Keep::Oldest,
    durable: true,
    convert: passkeys::convert,
};

const PASSKEYS_IN_JSON: Table = Table {
    columns: &["user_id", "credential_id", "data_json", "created_at", "updated_at"],
    optional: &[],
    convert: passkeys::convert_json,
    ..PASSKEYS
};

const PASSKEY_CHALLENGES: Table = Table {
    source: "passkey_challenges",
    columns: &["challenge_id", "challenge", "expires_at", "created_at"],
    optional: &[],
    unread: &["updated_at"],
    times: TIMES_AND_END,
    target: "passkey_challenges",
    into: passkeys::CHALLENGE_INTO,
    key: 1,
    keep: Keep::Newest,
    durable: false,
    convert: passkeys::convert_challenge,
};

const SECURE_TOKENS: Table = Table {
    source: "secure_tokens",
    columns: &["user_id", "token", "purpose", "used_at", "expires_at", "created_at", "updated_at"],
    optional: &[],
    unread: &[],
    times: &["used_at", "expires_at", "created_at", "updated_at"],
    target: "secure_tokens",
    into: secure_tokens::INTO,
    key: 1,
    keep: Keep::Oldest,
    durable: false,
    convert: secure_tokens::convert,
};

const FAILED_LOGIN_ATTEMPTS: Table = Table {
    source: "failed_login_attempts",
    columns: &["email", "ip_address", "attempted_at"],
    optional: &[],
    unread: &[],
    times: &["attempted_at"],
    target: "failed_login_attempts",
    into: attempts::INTO,
    key: 0,
    keep: Keep::All,
    durable: false,
    convert: attempts::convert,
};

static SQLX: [Table; 8] =
    [USERS, SESSIONS, OAUTH_ACCOUNTS, OAUTH_STATE, PASSKEYS, PASSKEY_CHALLENGES, SECURE_TOKENS, FAILED_LOGIN_ATTEMPTS];

static SEA_ORM: [Table; 8] = [
    USERS,
    SESSIONS,
    OAUTH_ACCOUNTS,
    PKCE_VERIFIERS,
    PASSKEYS_IN_JSON,
    PASSKEY_CHALLENGES,
    SECURE_TOKENS,
    FAILED_LOGIN_ATTEMPTS,
];

/// The tables that a version may have left, users first. Any of them may be missing: versions differ in what they made, and a
/// migration may have been interrupted.
pub(crate) fn tables(version: OlderVersion) -> &'static [Table] {
    if version.is_sea_orm() { &SEA_ORM } else { &SQLX }
}
