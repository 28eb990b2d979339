//! One thing that is true of a table.

use crate::{
    database::{Connection, Row},
    failure::Failure,
};

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// How the table is kept.
    Table,
    /// A column's type.
    Type,
    Collation,
    Null,
    Default,
    PrimaryKey,
    Unique,
    Index,
    ForeignKey,
    Check,
    Trigger,
    /// A policy of row-level security.
    Policy,
    /// A function that row-level security brings.
    Function,
}

impl Kind {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Table, "table"),
        (Self::Type, "type"),
        (Self::Collation, "collation"),
        (Self::Null, "null"),
        (Self::Default, "default"),
        (Self::PrimaryKey, "primary key"),
        (Self::Unique, "unique"),
        (Self::Index, "index"),
        (Self::ForeignKey, "foreign key"),
        (Self::Check, "check"),
        (Self::Trigger, "trigger"),
        (Self::Policy, "policy"),
        (Self::Function, "function"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Whether it is a property of a column.
    pub(crate) fn is_of_column(self) -> bool {
        matches!(self, Self::Type | Self::Collation | Self::Null | Self::Default)
    }
}

/// One thing that is true of a table. Kind, table and object say what it is about, the value what is true of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fact {
    pub(crate) kind: Kind,
    pub(crate) table: String,
    /// A column, or the definition of a key, an index, a check: what they are called does not matter.
    pub(crate) object: String,
    pub(crate) value: String,
    /// What it is called.
    pub(crate) name: String,
}

impl Fact {
    /// From the columns of a question, in this order.
    pub(crate) fn parse(columns: &[&str]) -> Option<Self> {
        let [kind, table, object, value, name] = columns else { return None };
        Some(Self {
            kind: Kind::parse(kind)?,
            table: (*table).to_owned(),
            object: (*object).to_owned(),
            value: (*value).to_owned(),
            name: (*name).to_owned(),
        })
    }

    pub(crate) fn is_about(&self, other: &Self) -> bool {
        (self.kind, &self.table, &self.object) == (other.kind, &other.table, &other.object)
    }
}

/// Everything that is known of torii's tables in a database.
///
/// # Errors
/// [`Failure::Database`].
pub(crate) async fn facts(connection: &mut Connection) -> Result<Vec<Fact>, Failure> {
    let failed = Failure::database("read what the tables are like");
    let mut facts: Vec<Fact> = match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(_) => super::sqlite::facts(connection.rows(super::sqlite::FACTS).await.map_err(failed)?),
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => {
            super::postgres::facts(connection.rows(super::postgres::FACTS).await.map_err(failed)?)
        }
        #[cfg(feature = "mysql")]
        Connection::Mysql(_) => super::mysql::facts(connection.rows(super::mysql::FACTS).await.map_err(failed)?),
    };
    facts.sort();
    Ok(facts)
}

/// The facts in the rows of a question.
pub(crate) fn of_rows(rows: &[Row]) -> Vec<Fact> {
    rows.iter()
        .filter_map(|row| {
            let columns: Vec<&str> = row.iter().map(|column| column.as_deref().unwrap_or_default()).collect();
            Fact::parse(&columns)
        })
        .collect()
}
