//! Rules for input.

use crate::error::ValidationError;

#[cfg(test)]
mod tests;

/// The longest e-mail address, in bytes (RFC 3696, erratum 1690).
pub const EMAIL_MAX_BYTES: usize = 254;
/// The shortest password, in characters (NIST SP 800-63B, section 3.1.1.2).
pub const PASSWORD_MIN_CHARACTERS: usize = 8;
/// The longest password, in characters. Bounded so that hashing has a bounded cost.
pub const PASSWORD_MAX_CHARACTERS: usize = 128;

/// Checks an e-mail address: `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`, at most 254 bytes.
///
/// # Errors
/// [`ValidationError::MissingField`] if it is empty, [`ValidationError::InvalidEmail`] if it is anything else.
pub fn validate_email(email: &str) -> Result<(), ValidationError> {
    if email.is_empty() {
        return Err(ValidationError::MissingField("Email is required".into()));
    }
    if email.len() > EMAIL_MAX_BYTES {
        return Err(ValidationError::InvalidEmail("Email is too long".into()));
    }
    if is_email(email) { Ok(()) } else { Err(ValidationError::InvalidEmail(format!("Invalid email format: {email}"))) }
}

fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else { return false };
    let Some((name, top_level)) = domain.rsplit_once('.') else { return false };
    let all = |text: &str, extra: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
    };
    all(local, b"._%+-")
        && all(name, b".-")
        && top_level.len() >= 2
        && top_level.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Checks a new password: 8 to 128 characters, not only white space. Old passwords are never held to this.
///
/// Characters, not bytes: four characters of two bytes each are four characters (NIST SP 800-63B, section 3.1.1.2).
///
/// # Errors
/// [`ValidationError::MissingField`] if it is empty, [`ValidationError::InvalidPassword`] if it is blank, too short or too
/// long.
pub fn validate_password(password: &str) -> Result<(), ValidationError> {
    let invalid = |text: &str| Err(ValidationError::InvalidPassword(text.into()));
    if password.is_empty() {
        return Err(ValidationError::MissingField("Password is required".into()));
    }
    if password.trim().is_empty() {
        return invalid("Password cannot be only whitespace");
    }
    // Four bytes is the longest character: do not count those of a megabyte.
    if password.len() > PASSWORD_MAX_CHARACTERS * 4 || password.chars().count() > PASSWORD_MAX_CHARACTERS {
        return invalid("Password must be no more than 128 characters long");
    }
    if password.chars().count() < PASSWORD_MIN_CHARACTERS {
        return invalid("Password must be at least 8 characters long");
    }
    Ok(())
}

/// Checks a person's name: not blank, at most 100 bytes. `None` is fine.
///
/// # Errors
/// [`ValidationError::InvalidName`].
pub fn validate_name(name: Option<&str>) -> Result<(), ValidationError> {
    match name {
        Some(name) if name.trim().is_empty() => {
            Err(ValidationError::InvalidName("Name cannot be empty or whitespace only".into()))
        }
        Some(name) if name.len() > 100 => {
            Err(ValidationError::InvalidName("Name must be no more than 100 characters long".into()))
        }
        _ => Ok(()),
    }
}

/// Checks a user id of the application's own making: 1 to 50 bytes of `a-z 0-9 - _`. Generated ids do not pass; see
/// [`UserId::is_valid`](crate::UserId::is_valid) for those.
///
/// # Errors
/// [`ValidationError::MissingField`] or [`ValidationError::InvalidUserId`].
pub fn validate_user_id_string(id: &str) -> Result<(), ValidationError> {
    if id.is_empty() {
        return Err(ValidationError::MissingField("User ID is required".into()));
    }
    if id.len() > 50 {
        return Err(ValidationError::InvalidUserId("User ID must be no more than 50 characters long".into()));
    }
    if !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_') {
        return Err(ValidationError::InvalidUserId(
            "User ID must contain only lowercase letters, numbers, hyphens, and underscores".into(),
        ));
    }
    Ok(())
}

/// Checks the name of an OAuth provider: 1 to 50 bytes of `a-z 0-9 -`.
///
/// # Errors
/// [`ValidationError::MissingField`] or [`ValidationError::InvalidProvider`].
pub fn validate_oauth_provider(provider: &str) -> Result<(), ValidationError> {
    if provider.is_empty() {
        return Err(ValidationError::MissingField("OAuth provider is required".into()));
    }
    if provider.len() > 50 {
        return Err(ValidationError::InvalidProvider(
            "OAuth provider name must be no more than 50 characters long".into(),
        ));
    }
    if !provider.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err(ValidationError::InvalidProvider(
            "OAuth provider name must contain only lowercase letters, numbers, and hyphens".into(),
        ));
    }
    Ok(())
}

/// Checks what names an identity at an OAuth provider: provider and subject of 1 to 255 bytes (OpenID Connect Core, section
/// 2, for the subject) without control characters.
///
/// Wider than [`validate_oauth_provider`], because applications have stored identities of providers they call `GitHub`.
///
/// # Errors
/// [`ValidationError::MissingField`] or [`ValidationError::InvalidProvider`].
pub fn validate_oauth_identity(provider: &str, subject: &str) -> Result<(), ValidationError> {
    for (what, text) in [("provider", provider), ("subject", subject)] {
        if text.is_empty() {
            return Err(ValidationError::MissingField(format!("OAuth {what} is required")));
        }
        if text.len() > 255 || text.chars().any(char::is_control) {
            return Err(ValidationError::InvalidProvider(format!(
                "OAuth {what} must be 1 to 255 bytes without control characters"
            )));
        }
    }
    Ok(())
}

/// Checks that a name can be stored and shown: at most 255 bytes without control characters.
///
/// Wider than [`validate_name`], because a name was never checked before it was stored.
///
/// # Errors
/// [`ValidationError::InvalidName`].
pub fn validate_stored_name(name: Option<&str>) -> Result<(), ValidationError> {
    match name {
        Some(name) if name.len() > 255 || name.chars().any(char::is_control) => {
            Err(ValidationError::InvalidName("Name must be at most 255 bytes without control characters".into()))
        }
        _ => Ok(()),
    }
}
