//! Keeping passwords out of everything that is written.

use url::Url;

/// What stands in the place of a secret.
pub(crate) const HIDDEN: &str = "***";

const SCHEMES: [&str; 5] = ["mariadb", "mysql", "postgres", "postgresql", "sqlite"];

/// Parameters of a URL whose values are no secrets. All others are hidden: drivers learn new ones.
const SHOWN: [&str; 16] = [
    "application_name",
    "cache",
    "charset",
    "collation",
    "dbname",
    "host",
    "immutable",
    "mode",
    "options",
    "port",
    "socket",
    "ssl-mode",
    "sslmode",
    "timezone",
    "user",
    "vfs",
];

/// The URL of a database for people: who, where and which, without a password.
pub(crate) fn url(text: &str) -> String {
    // Of anything else nobody knows where a password would be.
    let Some(scheme) = text.split(':').next().filter(|scheme| SCHEMES.contains(scheme)) else {
        return HIDDEN.to_owned();
    };
    if scheme == "sqlite" {
        return file(text);
    }
    let Ok(mut url) = Url::parse(text) else { return format!("{scheme}:{HIDDEN}") };
    // A password with a character that had to be escaped ends early, and its rest is elsewhere: in front of an @.
    let misplaced = |part: &str| part.contains('@') || part.to_ascii_lowercase().contains("%40");
    if url.fragment().is_some() || misplaced(url.path()) || url.query().is_some_and(misplaced) {
        return format!("{scheme}:{HIDDEN}");
    }
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return format!("{scheme}:{HIDDEN}");
    }
    hide_parameters(&mut url);
    url.to_string()
}

/// SQLite has no passwords; a parameter may be one of an extension.
fn file(text: &str) -> String {
    let Some((path, query)) = text.split_once('?') else { return text.to_owned() };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if !is_shown(name) => format!("{name}={HIDDEN}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

fn hide_parameters(url: &mut Url) {
    if url.query().is_none() {
        return;
    }
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| {
            let value = if is_shown(&name) { value.into_owned() } else { HIDDEN.to_owned() };
            (name.into_owned(), value)
        })
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
}

fn is_shown(name: &str) -> bool {
    // `options[search_path]` is one of the options.
    let name = name.split(['[', '%']).next().unwrap_or_default();
    SHOWN.contains(&name)
}

/// `text` without the secrets of the database's URL, in case somebody else's message repeats them.
pub(crate) fn message(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
}

/// What must not be repeated of the URL of a database: the URL itself, and its password as it is written and as it is meant.
pub(crate) fn secrets(text: &str) -> Vec<String> {
    /// A shorter one would be hidden where it is a part of words, and thereby shown.
    const SHORTEST: usize = 4;
    let mut secrets = Vec::new();
    if text != url(text) {
        secrets.push(text.to_owned());
    }
    if let Ok(url) = Url::parse(text)
        && let Some(password) = url.password()
    {
        secrets.push(password.to_owned());
        // The parameters of a URL are decoded the same way, but for `+`.
        let decoded = url::form_urlencoded::parse(password.replace('+', "%2B").as_bytes())
            .map(|(name, _)| name.into_owned())
            .next();
        secrets.extend(decoded);
    }
    secrets.retain(|secret| secret.len() >= SHORTEST);
    secrets
}

/// A complaint about the command line without passwords: it repeats arguments, which may be URLs.
pub(crate) fn usage(text: &str, arguments: impl IntoIterator<Item = String>) -> String {
    let mut text = text.to_owned();
    for argument in arguments {
        let Some((before, _)) = argument.split_once(':') else { continue };
        let value = before.rsplit_once('=').map_or(0, |(name, _)| name.len() + 1);
        if let Some(value) = argument.get(value..).filter(|value| value.contains(['/', '@'])) {
            text = text.replace(value, &url(value));
        }
    }
    text
}

#[cfg(test)]
mod tests;
