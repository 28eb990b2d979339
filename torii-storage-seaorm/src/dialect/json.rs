//! JSON: `jsonb` of PostgreSQL, `JSON` of MySQL and MariaDB (text there, with a check), text of SQLite. It goes in and out as text.

use sea_orm::{
    IntoSimpleExpr,
    sea_query::{Expr, ExprTrait},
};

use super::Dialect;

impl Dialect {
    /// JSON that is stored.
    pub(crate) fn json(self, text: &str) -> Expr {
        match self {
            Self::Postgres => Expr::val(text).cast_as("text").cast_as("jsonb"),
            Self::MySql | Self::Sqlite => Expr::val(text),
        }
    }

    /// What is stored, as text.
    pub(crate) fn json_text(self, stored: Expr) -> Expr {
        match self {
            Self::MySql => stored.cast_as("CHAR"),
            Self::Postgres => stored.cast_as("text"),
            Self::Sqlite => stored,
        }
    }

    /// What is stored in `column` contains `filter`, as `@>` of PostgreSQL has it
    /// (<https://www.postgresql.org/docs/current/datatype-json.html#JSON-CONTAINMENT>). The others cannot say that.
    pub(crate) fn json_contains(self, column: impl IntoSimpleExpr, filter: &str) -> Option<Expr> {
        let contains = || Expr::cust_with_exprs("$1 @> $2", [column.into_simple_expr(), self.json(filter)]);
        (self == Self::Postgres).then(contains)
    }
}
