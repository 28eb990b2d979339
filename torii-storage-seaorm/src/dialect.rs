//! What is said differently to MySQL (and MariaDB), PostgreSQL and SQLite. Statements are built for all three elsewhere.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColIdx, DatabaseConnection, DatabaseConnectionType, DbBackend, EntityTrait, IdenStatic, IntoSimpleExpr,
    IsolationLevel, Order, QueryResult, SqliteTransactionMode, Statement, StatementBuilder, TransactionOptions,
    TryGetError, TryGetable, Value,
    sea_query::{
        DeleteStatement, Expr, ExprTrait, Func, Iden, InsertStatement, IntoIden, LockBehavior, LockType, OnConflict,
        Query, SelectStatement, TableRef, UpdateStatement,
    },
};

use crate::error::Unreadable;

mod json;

/// What a database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// MySQL from 8.0.19 on and MariaDB from 10.6 on: only what both understand.
    ///
    /// Assignments of an `UPDATE` see those before them, so that what is computed from a column comes before the column. A table
    /// that is written is not read by a sub-query of the same statement, except by `INSERT … SELECT`.
    MySql,
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl Dialect {
    #[allow(unreachable_patterns, reason = "without any driver nothing is connected")]
    pub(crate) fn of(db: &DatabaseConnection) -> Self {
        match db.inner {
            // Every statement fails, whatever it is in.
            DatabaseConnectionType::Disconnected => Self::Sqlite,
            _ => match db.get_database_backend() {
                DbBackend::MySql => Self::MySql,
                DbBackend::Postgres => Self::Postgres,
                _ => Self::Sqlite,
            },
        }
    }

    /// A statement with its values, to be run.
    ///
    /// MySQL's times are `DATETIME`s, and are bound as such: a `DateTime<Utc>` is sent as a `TIMESTAMP`, and MariaDB takes one
    /// before 1970 or after January 2038 for `NULL`.
    pub(crate) fn build(self, statement: &impl StatementBuilder) -> Statement {
        let mut statement = statement.build(&match self {
            Self::MySql => DbBackend::MySql,
            Self::Postgres => DbBackend::Postgres,
            Self::Sqlite => DbBackend::Sqlite,
        });
        if self == Self::MySql {
            for value in statement.values.iter_mut().flat_map(|values| &mut values.0) {
                if let Value::ChronoDateTimeUtc(time) = value {
                    *value = Value::ChronoDateTime(time.map(|time| time.naive_utc()));
                }
            }
        }
        statement
    }

    /// Whether writers wait for each other, whatever they write.
    pub(crate) fn has_one_writer(self) -> bool {
        self == Self::Sqlite
    }

    /// Whether `INSERT`, `UPDATE` and `DELETE` have `RETURNING`.
    pub(crate) fn has_returning(self) -> bool {
        self != Self::MySql
    }

    /// Whether a statement may write in its `WITH` too, and so in several places at once.
    pub(crate) fn writes_in_with(self) -> bool {
        self == Self::Postgres
    }

    /// How a transaction that writes begins. On MySQL the level is said again for pools that an application made.
    pub(crate) fn transaction_options(self) -> TransactionOptions {
        TransactionOptions {
            isolation_level: (self == Self::MySql).then_some(IsolationLevel::ReadCommitted),
            // One that reads first and asks for the lock later is refused at once when somebody else wrote in between.
            sqlite_transaction_mode: (self == Self::Sqlite).then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        }
    }

    /// Lets an insert pass over a `key` that is taken. On MySQL it stays an error, which [`Call::insert_if_new`] knows:
    /// `INSERT IGNORE` would hide others too, and `ON DUPLICATE KEY UPDATE` would not tell whether it inserted.
    ///
    /// [`Call::insert_if_new`]: crate::access::Call::insert_if_new
    pub(crate) fn unless_taken(self, mut insert: InsertStatement, mut key: OnConflict) -> InsertStatement {
        if self != Self::MySql {
            insert.on_conflict(key.do_nothing().to_owned());
        }
        insert
    }

    /// In an upsert: the value that the insert would have written into `column`.
    pub(crate) fn proposed(self, column: impl IdenStatic) -> Expr {
        match self {
            Self::MySql => Func::cust("VALUES").arg(Expr::col(column)).into(),
            Self::Postgres | Self::Sqlite => Expr::col(("excluded", column)),
        }
    }

    /// In an upsert: what an assignment before gave to `column`, which was `value`. MySQL sees it in the column, the others still
    /// see there what was before all assignments.
    pub(crate) fn assigned(self, column: impl IntoSimpleExpr, value: Expr) -> Expr {
        match self {
            Self::MySql => column.into_simple_expr(),
            Self::Postgres | Self::Sqlite => value,
        }
    }

    /// The number that the insert before, in the same transaction, gave to its row. Asked where there is no `RETURNING`.
    pub(crate) fn last_inserted(self) -> Expr {
        Expr::cust("LAST_INSERT_ID()")
    }

    /// `value` as an expression of its own: selected, or a branch of `CASE`. MySQL takes such a parameter for text, and MariaDB
    /// for a time of whole seconds.
    pub(crate) fn value(self, value: impl Into<Value>) -> Expr {
        let value = value.into();
        let cast = match value {
            Value::Bytes(_) => "BINARY",
            Value::ChronoDateTimeUtc(_) => "DATETIME(6)",
            Value::BigInt(_) => "SIGNED",
            _ => return Expr::val(value),
        };
        match self {
            Self::MySql => Expr::val(value).cast_as(cast),
            Self::Postgres | Self::Sqlite => Expr::val(value),
        }
    }

    /// An expression that is read under a name of its own, also after `RETURNING`.
    pub(crate) fn named(self, expr: impl Into<Expr>, name: &'static str) -> Expr {
        let placeholder = if self == Self::Postgres { "$1" } else { "?" };
        Expr::cust_with_expr(format!("{placeholder} AS {name}"), expr)
    }

    /// Deletes the first `limit` of the rows that are `over`, by their `end`. `key` is the primary key.
    ///
    /// MySQL does not look up the key of a row in a sub-query when it deletes, but reads the whole table.
    pub(crate) fn delete_first<E: EntityTrait>(
        self,
        key: [E::Column; 2],
        end: E::Column,
        over: Expr,
        limit: u64,
    ) -> DeleteStatement {
        let mut delete = Query::delete();
        delete.from_table(E::default());
        if self == Self::MySql {
            return delete.and_where(over).order_by((E::default(), end), Order::Asc).limit(limit).take();
        }
        let key = key.map(|column| column.into_simple_expr());
        let mut first = Query::select();
        first.exprs(key.clone()).from(E::default()).and_where(over).order_by((E::default(), end), Order::Asc);
        first.limit(limit);
        if self == Self::Postgres {
            // Rows that somebody else holds, such as another instance that cleans up, are left to them.
            first.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        }
        delete.and_where(Expr::tuple(key).in_subquery(first)).take()
    }

    /// Locks the rows of `table` that a statement of a transaction finds, against everybody who would change them. PostgreSQL
    /// lets others refer to them meanwhile. Elsewhere than on PostgreSQL a joined table is locked too, so nothing is joined.
    pub(crate) fn lock(self, select: &mut SelectStatement, table: impl Iden) -> &mut SelectStatement {
        match self {
            Self::MySql => select.lock(LockType::Update),
            Self::Postgres => select.lock_with_tables(LockType::NoKeyUpdate, [TableRef::from(table.into_iden())]),
            Self::Sqlite => select,
        }
    }
}

/// A statement that can return what it wrote, on a dialect that has that.
pub(crate) trait Returning: StatementBuilder + Clone + Send {
    /// The same statement, which returns `columns`.
    fn returning_exprs(self, columns: &[Expr]) -> Self;
}

macro_rules! returning {
    ($($statement:ident)*) => {
        $(
            impl Returning for $statement {
                fn returning_exprs(mut self, columns: &[Expr]) -> Self {
                    self.returning(Query::returning().exprs(columns.iter().cloned())).to_owned()
                }
            }
        )*
    };
}

returning!(InsertStatement UpdateStatement DeleteStatement);

/// A time as stored: what a database holds may be none that a `DateTime` can hold, and then the column is to blame.
#[derive(Debug)]
pub(crate) struct StoredTime(Result<DateTime<Utc>, Unreadable>);

impl StoredTime {
    pub(crate) fn into_utc(self) -> Result<DateTime<Utc>, Unreadable> {
        self.0
    }
}

impl TryGetable for StoredTime {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        #[cfg(feature = "postgres")]
        if let Some(row) = row.try_as_pg_row() {
            return postgres::time(row, index);
        }
        match DateTime::<Utc>::try_get_by(row, index) {
            Ok(time) => Ok(Self(Ok(time))),
            Err(TryGetError::DbErr(error)) => Ok(Self(Err(error.into()))),
            Err(null) => Err(null),
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use sea_orm::sqlx::{
        Decode, Postgres, Row, Type,
        error::BoxDynError,
        postgres::{PgRow, PgTypeInfo, PgValueRef},
    };

    use super::{ColIdx, DateTime, StoredTime, TryGetError, Utc};
    use crate::error::{NoSuchTime, unreadable_column};

    /// Microseconds since the beginning of the year 2000, or one of two infinities. It is read as a number, because a
    /// `TIMESTAMPTZ` reaches further than a `DateTime`.
    struct Microseconds(i64);

    impl Microseconds {
        /// The beginning of the year 2000 in microseconds since 1970.
        const EPOCH: i64 = 946_684_800_000_000;
    }

    impl Type<Postgres> for Microseconds {
        fn type_info() -> PgTypeInfo {
            <DateTime<Utc> as Type<Postgres>>::type_info()
        }
    }

    impl<'r> Decode<'r, Postgres> for Microseconds {
        fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
            <i64 as Decode<Postgres>>::decode(value).map(Self)
        }
    }

    pub(super) fn time<I: ColIdx>(row: &PgRow, index: I) -> Result<StoredTime, TryGetError> {
        let stored: Option<Microseconds> = row.try_get(index.as_sqlx_postgres_index()).map_err(unreadable_column)?;
        let stored = stored.ok_or_else(|| TryGetError::Null(format!("{index:?}")))?;
        let time = stored.0.checked_add(Microseconds::EPOCH).and_then(DateTime::from_timestamp_micros);
        Ok(StoredTime(time.ok_or_else(|| NoSuchTime.into())))
    }
}
