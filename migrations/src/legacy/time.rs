//! Times in the forms in which old versions, their drivers and column defaults left them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use torii_core::clock::whole_microseconds;

use super::cell::Cell;

/// The time a value stands for, in whole microseconds; `None` if it is no time, or lies outside the years 0 to 9999, which
/// not every database can hold and compare.
///
/// Numbers count seconds since 1970. Text is RFC 3339, or date and time with a blank between; without a zone it is UTC, as
/// SQLite's and sea-orm's defaults wrote it.
pub(crate) fn read(value: &Cell) -> Option<DateTime<Utc>> {
    let time = match value {
        Cell::Time(time) => *time,
        Cell::Integer(seconds) => DateTime::from_timestamp(*seconds, 0)?,
        Cell::Real(seconds) => real(*seconds)?,
        Cell::Text(text) => parse(text)?,
        Cell::Null | Cell::Bytes(_) | Cell::Unreadable => return None,
    };
    (earliest()..=latest()).contains(&time).then(|| whole_microseconds(time))
}

/// Whether a value means a time later than any that can be held: "never".
pub(crate) fn is_beyond(value: &Cell) -> bool {
    match value {
        Cell::Integer(seconds) => *seconds > latest().timestamp(),
        Cell::Real(seconds) => *seconds > latest().timestamp() as f64,
        Cell::Text(text) => match text.trim().parse::<i128>() {
            Ok(seconds) => seconds > latest().timestamp().into(),
            // The last fraction of a second that MySQL's DATETIME holds.
            Err(_) => parse(text).is_some_and(|time| time > latest()),
        },
        Cell::Time(time) => *time > latest(),
        Cell::Null | Cell::Bytes(_) | Cell::Unreadable => false,
    }
}

/// The last second of the year 9999.
pub(crate) fn latest() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The first second of the year 0.
fn earliest() -> DateTime<Utc> {
    DateTime::from_timestamp(-62_167_219_200, 0).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

fn real(seconds: f64) -> Option<DateTime<Utc>> {
    let micros = seconds * 1e6;
    // Exact enough: a double holds microseconds of the years that matter.
    (micros.abs() < 9e18).then(|| DateTime::from_timestamp_micros(micros as i64))?
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return DateTime::from_timestamp(seconds, 0);
    }
    let text = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(['Z', 'z'])).unwrap_or(text);
    let text = text.replacen(['T', 't'], " ", 1);
    for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z"] {
        if let Ok(time) = DateTime::parse_from_str(&text, format) {
            return Some(time.to_utc());
        }
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(&text, format) {
            return Some(time.and_utc());
        }
    }
    NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let expected = DateTime::from_timestamp_micros(1_795_438_284_989_729).unwrap();
        for text in [
            "2026-11-23T12:51:24.989729845+00:00",
            "2026-11-23T12:51:24.989729845Z",
            "2026-11-23T14:51:24.989729+02:00",
            "2026-11-23 12:51:24.989729+00",
            "2026-11-23 12:51:24.989729 +00:00",
            "2026-11-23 12:51:24.989729 UTC",
            "2026-11-23 12:51:24.989729",
            " 2026-11-23t12:51:24.989729z ",
        ] {
            assert_eq!(read(&Cell::text(text)), Some(expected), "{text}");
        }
        let whole = DateTime::from_timestamp(1_795_438_284, 0).unwrap();
        for value in [
            Cell::Integer(1_795_438_284),
            Cell::text("1795438284"),
            Cell::Real(1_795_438_284.0),
            Cell::text("2026-11-23 12:51:24"),
        ] {
            assert!(read(&value) == Some(whole));
        }
        assert_eq!(read(&Cell::text("2026-11-23")).unwrap().to_rfc3339(), "2026-11-23T00:00:00+00:00");
        assert_eq!(read(&Cell::Integer(-1)).unwrap().to_rfc3339(), "1969-12-31T23:59:59+00:00");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "2026-13-01 00:00:00", "2026-11-23T12:51", "99999999999999999999", "NaN"] {
            let value = Cell::text(text);
            assert!(read(&value).is_none() || text == "2026-11-23T12:51", "{text}");
        }
        for value in
            [Cell::Null, Cell::Integer(i64::MAX), Cell::Integer(i64::MIN), Cell::Real(f64::NAN), Cell::Unreadable]
        {
            assert!(read(&value).is_none());
        }
    }

    #[test]
    fn beyond_every_calendar() {
        assert!(is_beyond(&Cell::Integer(i64::MAX)) && is_beyond(&Cell::text("99999999999999999999")));
        assert!(is_beyond(&Cell::Integer(253_402_300_800)) && !is_beyond(&Cell::Integer(253_402_300_799)));
        assert!(!is_beyond(&Cell::text("junk")) && !is_beyond(&Cell::Integer(i64::MIN)));
        assert!(is_beyond(&Cell::text("9999-12-31 23:59:59.999999")) && !is_beyond(&Cell::text("9999-12-31 23:59:59")));
    }
}
