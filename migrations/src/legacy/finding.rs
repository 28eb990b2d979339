//! What is unusual in the rows of an older version.

use std::{collections::BTreeMap, fmt};

/// How many findings of a kind are kept by name; beyond that they are only counted.
const LISTED: u64 = 100;

/// A row of an older version's table that is not simply taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The table, by the name the older version gave it.
    pub table: String,
    /// The row: its `id`.
    pub row: String,
    /// What is the matter with it.
    pub problem: Problem,
    /// What becomes of it.
    pub handling: Handling,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.table, self.row, self.problem)
    }
}

/// What is the matter with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Its user does not exist. Set aside.
    Orphan {
        /// The user it names.
        user: String,
    },
    /// An earlier (of states and challenges: a later) row has the same key. Set aside.
    Duplicate {
        /// The row that is taken over.
        of: String,
    },
    /// The address of this user differs from that of an older one in spelling only. The user is taken over, and found by the
    /// exact address.
    SameAddress {
        /// The user who is found by any spelling.
        as_user: String,
    },
    /// As [`Problem::SameAddress`], but there is no key to find this user by. The database is refused until the address is another.
    NoKey {
        /// The user who is found by any spelling.
        as_user: String,
    },
    /// A value cannot be read. In users, OAuth accounts and passkeys the database is refused until somebody corrects it;
    /// elsewhere the row is set aside.
    Unreadable {
        /// The column.
        column: String,
        /// The value, unless it may be a secret.
        value: Option<String>,
    },
    /// A mail token of a purpose that is unknown. Set aside.
    UnknownPurpose {
        /// The purpose.
        purpose: String,
    },
    /// A token that 0.5 stored in clear, in a database that a later version has used since: that version took it for invalid.
    /// Set aside.
    LeftoverToken,
    /// A column that torii did not make, in a table that is replaced. Set aside with the old table.
    ForeignColumn {
        /// The column.
        column: String,
    },
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Handling {
    /// It is taken over, with the change that the problem's description names.
    Adopted,
    /// It stays in the backup of its table.
    SetAside,
    /// The database is not touched until somebody has corrected it.
    Refused,
}

impl Problem {
    /// What becomes of a row with this problem; `durable` if it is a user, an OAuth account or a passkey.
    pub(crate) fn handling(&self, durable: bool) -> Handling {
        match self {
            Self::SameAddress { .. } => Handling::Adopted,
            Self::NoKey { .. } => Handling::Refused,
            Self::Unreadable { .. } if durable => Handling::Refused,
            _ => Handling::SetAside,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Orphan { .. } => "orphan",
            Self::Duplicate { .. } => "duplicate",
            Self::SameAddress { .. } => "same address",
            Self::NoKey { .. } => "no key",
            Self::Unreadable { .. } => "unreadable",
            Self::UnknownPurpose { .. } => "unknown purpose",
            Self::LeftoverToken => "leftover token",
            Self::ForeignColumn { .. } => "foreign column",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Orphan { user } => write!(f, "its user {user} does not exist"),
            Self::Duplicate { of } => write!(f, "the same as {of}"),
            Self::SameAddress { as_user } => write!(f, "the same address as {as_user}, spelled differently"),
            Self::NoKey { as_user } => write!(f, "its address cannot be told from that of {as_user}"),
            Self::Unreadable { column, value: Some(value) } => write!(f, "{column} cannot be read: {value}"),
            Self::Unreadable { column, value: None } => write!(f, "{column} cannot be read"),
            Self::UnknownPurpose { purpose } => write!(f, "unknown purpose {purpose}"),
            Self::LeftoverToken => f.write_str("a token in clear that a later version no longer accepted"),
            Self::ForeignColumn { column } => write!(f, "the column {column} is not torii's"),
        }
    }
}

/// Findings: all of them counted, the first of each kind kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) listed: Vec<Finding>,
    counts: BTreeMap<(&'static str, &'static str, Handling), u64>,
}

impl Findings {
    pub(crate) fn add(&mut self, table: &'static str, row: String, problem: Problem, handling: Handling) {
        let count = self.counts.entry((table, problem.kind(), handling)).or_default();
        *count += 1;
        if *count <= LISTED {
            self.listed.push(Finding { table: table.to_owned(), row, problem, handling });
        }
    }

    /// Those that somebody has to correct.
    pub(crate) fn refused(&self) -> Vec<Finding> {
        self.listed.iter().filter(|finding| finding.handling == Handling::Refused).cloned().collect()
    }

    /// How many rows are handled so.
    pub(crate) fn count(&self, handling: Handling) -> u64 {
        self.counts.iter().filter(|((_, _, of), _)| *of == handling).map(|(_, count)| count).sum()
    }
}

/// The first findings in one line, for people.
pub(crate) struct InBrief<'a>(pub(crate) &'a [Finding]);

impl fmt::Display for InBrief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (index, finding) in self.0.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{finding}")?;
        }
        if self.0.len() > SHOWN { f.write_str("; ..") } else { Ok(()) }
    }
}
