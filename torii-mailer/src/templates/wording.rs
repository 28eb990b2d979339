//! The pieces of text that are computed.

/// How long a link to sign in or to reset a password lives, unless the data says otherwise.
pub(crate) const LINK_LIFETIME: &str = "15 minutes";

/// How long a link to verify an address lives, unless the data says otherwise.
pub(crate) const VERIFICATION_LIFETIME: &str = "24 hours";

/// Longest name in a greeting. Names come from anybody who registers, also with somebody else's address.
const LONGEST_NAME: usize = 100;

/// `Hello {name},` or `Hello,`, always one line.
pub(crate) fn greeting(user_name: &Option<String>) -> String {
    match user_name.as_deref().map(one_line) {
        Some(name) if !name.is_empty() => format!("Hello {name},"),
        _ => "Hello,".to_owned(),
    }
}

/// Blanks for line breaks and other control characters, single blanks, nothing that turns the writing direction, and an
/// end.
fn one_line(name: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let blank = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let clean: String = name.chars().filter(|c| !turns(c)).map(|c| if blank(c) { ' ' } else { c }).collect();
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match clean.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// A lifetime in words: whole days from two days on, whole hours where they fit, else minutes.
pub(super) fn minutes(minutes: u64) -> String {
    const HOUR: u64 = 60;
    const DAY: u64 = 24 * HOUR;
    match minutes {
        0 => "less than a minute".to_owned(),
        1 => "1 minute".to_owned(),
        HOUR => "1 hour".to_owned(),
        m if m > DAY && m.is_multiple_of(DAY) => format!("{} days", m / DAY),
        m if m.is_multiple_of(HOUR) => format!("{} hours", m / HOUR),
        m => format!("{m} minutes"),
    }
}
