//! Values as they are read from old rows and written into new ones, whatever the engine.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// A value. Not `Debug`: it may be a token.
#[derive(Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    Time(DateTime<Utc>),
    /// Text that is not UTF-8, or a type that no old version wrote.
    Unreadable,
}

impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn optional_text(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    pub(crate) fn optional_time(time: Option<DateTime<Utc>>) -> Self {
        time.map_or(Self::Null, Self::Time)
    }

    /// How the value names its row to people; no value that does so is a secret.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) => text.chars().take(100).collect(),
            Self::Bytes(_) => "bytes".to_owned(),
            Self::Time(time) => time.to_rfc3339(),
            Self::Unreadable => "not text".to_owned(),
        }
    }

    /// The same without an end: how a row is found again.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn name_whole(&self) -> String {
        if let Self::Text(text) = self { text.clone() } else { self.name() }
    }

    fn feed(&self, hash: &mut Sha256) {
        let mut part = |kind: u8, bytes: &[u8]| {
            hash.update([kind]);
            hash.update(bytes.len().to_be_bytes());
            hash.update(bytes);
        };
        match self {
            Self::Null => part(0, &[]),
            Self::Integer(number) => part(1, &number.to_be_bytes()),
            Self::Real(number) => part(2, &number.to_be_bytes()),
            Self::Text(text) => part(3, text.as_bytes()),
            Self::Bytes(bytes) => part(4, bytes),
            Self::Time(time) => part(5, &time.timestamp_micros().to_be_bytes()),
            Self::Unreadable => part(6, &[]),
        }
    }
}

/// What a column of a new table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Bytes,
    Time,
}

/// A hash of some values of a row.
pub(crate) fn hash(cells: &[Cell]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for cell in cells {
        cell.feed(&mut hash);
    }
    hash.finalize().into()
}

/// The beginning of [`hash`]: two rows with the same one are probably, but not certainly, the same.
pub(crate) fn short_hash(cells: &[Cell]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash(cells);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// How many rows, and what is in them, in whatever order: two tables with the same one hold the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) rows: u64,
    sum: [u64; 4],
}

impl Contents {
    pub(crate) fn add(&mut self, row: &[Cell]) {
        self.rows += 1;
        let hash = hash(row);
        for (sum, part) in self.sum.iter_mut().zip(hash.chunks_exact(8)) {
            let part = part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(part);
        }
    }

    /// What is in them, as the database remembers it while the work is interrupted.
    #[cfg(feature = "mysql")]
    pub(crate) fn checksum(&self) -> Vec<u8> {
        self.sum.iter().flat_map(|part| part.to_be_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(rows: &[&[Cell]]) -> Contents {
        let mut contents = Contents::default();
        for row in rows {
            contents.add(row);
        }
        contents
    }

    #[test]
    fn order_of_rows_does_not_count_and_everything_else_does() {
        let (a, b) = (Cell::text("a"), Cell::text("b"));
        let both = contents(&[std::slice::from_ref(&a), std::slice::from_ref(&b)]);
        assert_eq!(both, contents(&[std::slice::from_ref(&b), std::slice::from_ref(&a)]));
        assert_ne!(both, contents(&[std::slice::from_ref(&a), std::slice::from_ref(&a)]));
        assert_ne!(both, contents(&[&[a.clone(), b.clone()]]));
        assert_ne!(contents(&[&[Cell::Null]]), contents(&[&[Cell::text("")]]));
        assert_ne!(contents(&[&[Cell::Bytes(vec![97])]]), contents(&[&[a]]));
    }
}
