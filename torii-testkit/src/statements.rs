//! How many statements an operation runs: the budget, and what counts.
//!
//! The driver's own log is counted: events of the target `sqlx::query` at level `TRACE`. Only a world whose
//! [`OpenOptions::log_statements`](crate::backend::OpenOptions::log_statements) is set logs at that level, and there is one such
//! world at a time, so tests that run beside it in the same process do not disturb the count.

use std::{
    fmt, mem,
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{Provider, world::World};

/// Names the operations once: fields of the budget and rows of its table.
macro_rules! budget {
    ($($(#[$doc:meta])* $operation:ident,)*) => {
        /// How many statements each operation runs: neither more nor fewer. Beginning and ending a transaction does not count.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct StatementBudget {
            $($(#[$doc])* pub $operation: usize,)*
        }

        impl StatementBudget {
            /// The budget as a table: operations and their statements.
            pub fn rows(&self) -> Vec<(&'static str, usize)> {
                vec![$((stringify!($operation), self.$operation),)*]
            }
        }
    };
}

budget! {
    /// Any read of a user, an account, a passkey or a status by what names it, a page of users, and their number.
    read_by_id_or_email,
    /// `get_session`, `validate_session`, whatever comes of it.
    session_read,
    /// `authenticate_session`, whatever comes of it.
    session_with_user,
    /// `create_session`.
    session_create,
    /// `list_user_sessions`.
    session_list,
    /// `refresh_session`, without a longest lifetime.
    session_refresh,
    /// `revoke_session`.
    session_revoke,
    /// `revoke_listed_session`, `delete_sessions_for_user`: sessions of a user who is named.
    session_revoke_of_user,
    /// `register` of a new user.
    register_new,
    /// `register` of an address that is taken.
    register_taken,
    /// What the first write into a tenant costs more.
    register_tenant,
    /// `authenticate` with the right password.
    authenticate_right,
    /// `authenticate` with a wrong password, for an unknown address, or for a user without a password.
    authenticate_wrong,
    /// `authenticate` for a locked address.
    authenticate_locked,
    /// `change_password`.
    change_password,
    /// `change_password` with a wrong old password.
    change_password_wrong,
    /// `reset_password_initiate`, `issue_reset_token`, whether the address is known or not.
    reset_issue,
    /// `reset_password_verify_token`.
    reset_check,
    /// `reset_password_complete`.
    reset_complete,
    /// `magic_link().generate_token`, `send_link`, for a known address.
    magic_link_issue,
    /// `magic_link().authenticate`.
    magic_link_redeem,
    /// `send_verification_email`.
    verification_issue,
    /// `verify_email_token`.
    verification_redeem,
    /// `oauth().authenticate` of a known identity.
    oauth_known,
    /// `passkey().authenticate` of a known passkey.
    passkey_known,
    /// `delete_user`.
    delete_user,
    /// `user_metadata`.
    metadata_read,
    /// `set_user_metadata`.
    metadata_set,
    /// `merge_user_metadata`.
    metadata_merge,
    /// `find_users_by_metadata`; without an index into metadata, among few users.
    metadata_find,
}

impl StatementBudget {
    /// SQLite through sqlx.
    pub const SQLITE: Self = Self {
        read_by_id_or_email: 1,
        session_read: 1,
        session_with_user: 1,
        session_create: 1,
        session_list: 1,
        session_refresh: 1,
        session_revoke: 1,
        session_revoke_of_user: 1,
        register_new: 1,
        register_taken: 2,
        register_tenant: 1,
        authenticate_right: 4,
        authenticate_wrong: 2,
        authenticate_locked: 1,
        change_password: 4,
        change_password_wrong: 2,
        reset_issue: 2,
        reset_check: 1,
        reset_complete: 5,
        magic_link_issue: 2,
        magic_link_redeem: 3,
        verification_issue: 2,
        verification_redeem: 2,
        oauth_known: 2,
        passkey_known: 2,
        delete_user: 1,
        metadata_read: 1,
        metadata_set: 1,
        metadata_merge: 2,
        metadata_find: 1,
    };

    /// PostgreSQL through sqlx, where one statement writes in several places.
    pub const POSTGRES: Self = Self {
        authenticate_right: 2,
        authenticate_wrong: 1,
        change_password: 2,
        reset_issue: 1,
        reset_complete: 1,
        magic_link_issue: 1,
        magic_link_redeem: 2,
        verification_issue: 1,
        verification_redeem: 1,
        ..Self::SQLITE
    };

    /// SQLite through SeaORM. As through sqlx, except that using up a mail token answers whose it is: following a magic link of an
    /// owner whose address is proven does not write the owner's row, and a reset deletes other reset tokens with a statement of
    /// its own.
    pub const SEAORM_SQLITE: Self = Self { magic_link_redeem: 2, reset_complete: 6, ..Self::SQLITE };

    /// PostgreSQL through SeaORM. Its statements are built for all databases at once, so that those which write in several places
    /// are fewer than in [`StatementBudget::POSTGRES`]: signing in has them, and so do the deletions that follow a change of
    /// password. Whoever issues or uses up a mail token locks the owner's row first, by a statement of its own.
    pub const SEAORM_POSTGRES: Self = Self {
        authenticate_right: 2,
        authenticate_wrong: 1,
        change_password: 3,
        reset_issue: 2,
        reset_complete: 4,
        magic_link_issue: 2,
        magic_link_redeem: 3,
        verification_issue: 2,
        verification_redeem: 3,
        ..Self::SQLITE
    };

    /// MySQL through SeaORM. It has no `RETURNING`: what a statement wrote and the caller has to know costs another one, in the
    /// same transaction (a new user, the counter of an address, an entry of the log, a session under its new token, the owner of
    /// a session or passkey). And it has one writer per row, not per database: whoever issues or uses up a mail token locks the
    /// owner's row first.
    pub const SEAORM_MYSQL: Self = Self {
        session_refresh: 2,
        session_revoke: 2,
        register_new: 2,
        authenticate_right: 5,
        authenticate_wrong: 4,
        authenticate_locked: 2,
        change_password: 5,
        change_password_wrong: 4,
        reset_issue: 3,
        reset_complete: 7,
        magic_link_issue: 3,
        magic_link_redeem: 3,
        verification_issue: 3,
        verification_redeem: 3,
        passkey_known: 3,
        ..Self::SQLITE
    };
}

/// The statements that were run, in order, without those that begin and end transactions and those that only set the
/// connection up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statements(Vec<String>);

impl Statements {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// One after the other, each with single spaces.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, statement)| writeln!(f, "{}. {statement}", index + 1))
    }
}

impl<P: Provider> World<P> {
    /// Runs `operation` and says which statements it ran.
    ///
    /// # Panics
    /// If the world does not log its statements, or something else in this process listens to all events already.
    pub async fn statements_of<T>(&self, operation: impl Future<Output = T>) -> (Statements, T) {
        LISTEN.call_once(|| {
            let listening = tracing::subscriber::set_global_default(Listener);
            listening.expect("nothing else in this process listens to all events");
        });
        self.fence().await;
        log().clear();
        let result = operation.await;
        self.fence().await;
        let log = mem::take(&mut *log());
        assert!(log.iter().any(|statement| is_fence(statement)), "this world logs its statements: {log:?}");
        let counts = |statement: &String| !is_fence(statement) && !is_bookkeeping(statement);
        (Statements(log.into_iter().filter(counts).collect()), result)
    }

    /// A statement that changes nothing, twice: when the second one begins, the first one and all before it are in the log.
    async fn fence(&self) {
        for _ in 0..2 {
            self.provider.health_check().await.expect("the database answers");
        }
    }
}

fn is_fence(statement: &str) -> bool {
    statement == "SELECT 1"
}

fn is_bookkeeping(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default().trim_end_matches(';').to_ascii_uppercase();
    ["BEGIN", "COMMIT", "PRAGMA", "RELEASE", "ROLLBACK", "SAVEPOINT", "SET", "START"].contains(&first.as_str())
}

static LISTEN: Once = Once::new();
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn log() -> MutexGuard<'static, Vec<String>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hears statements and nothing else.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() && metadata.target() == "sqlx::query" && *metadata.level() == Level::TRACE
    }

    fn event(&self, event: &Event<'_>) {
        let mut heard = Heard::default();
        event.record(&mut heard);
        log().push(heard.into_statement());
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The fields of an event: the first words of a statement, and the whole of it if it has more.
#[derive(Default)]
struct Heard {
    summary: String,
    statement: String,
}

impl Heard {
    fn into_statement(self) -> String {
        let whole = self.statement.split_whitespace().collect::<Vec<_>>().join(" ");
        if whole.is_empty() { self.summary } else { whole }
    }
}

impl Visit for Heard {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
