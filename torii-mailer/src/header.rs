//! What may stand in a header.

use crate::{Email, MailerError};

/// Headers that have a field of their own in [`Email`] or follow from its bodies.
const OWN_FIELDS: [&str; 9] =
    ["From", "To", "Cc", "Bcc", "Reply-To", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"];

/// A header line has at most 998 octets and is folded at blanks only ([RFC 5322 section 2.1.1]); this leaves room for the
/// name, quotes and the rest of an address.
///
/// [RFC 5322 section 2.1.1]: https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
const LONGEST_WORD: usize = 800;

/// Checks everything of `email` that ends up in a header.
pub(crate) fn check(email: &Email) -> Result<(), MailerError> {
    check_value("From", &email.from)?;
    check_value("Subject", &email.subject)?;
    let lists = [("To", &email.to), ("Cc", &email.cc), ("Bcc", &email.bcc)];
    for (header, addresses) in lists {
        for address in addresses {
            check_value(header, address)?;
        }
    }
    if let Some(address) = &email.reply_to {
        check_value("Reply-To", address)?;
    }
    for (name, value) in &email.headers {
        check_name(name)?;
        check_value(name, value)?;
    }
    Ok(())
}

/// A field name is one or more printable ASCII characters except colon (RFC 5322 section 2.2), here at most 76.
fn check_name(name: &str) -> Result<(), MailerError> {
    let printable = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if name.is_empty() || name.len() > 76 || !name.bytes().all(printable) {
        let shown: String = name.chars().take(76).flat_map(char::escape_debug).collect();
        return Err(problem(&shown, "is not a header name"));
    }
    if OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(problem(name, "has a field of its own and is not a custom header"));
    }
    Ok(())
}

fn check_value(header: &str, value: &str) -> Result<(), MailerError> {
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(problem(header, "contains a line break or another control character"));
    }
    // Words that are not ASCII are encoded in pieces and so fold anywhere.
    let too_long = |word: &str| word.len() > LONGEST_WORD && word.is_ascii();
    if value.split([' ', '\t']).any(too_long) {
        return Err(problem(header, "contains a word that is too long for a header line"));
    }
    Ok(())
}

fn problem(header: &str, problem: &'static str) -> MailerError {
    MailerError::Header { header: header.to_owned(), problem }
}
