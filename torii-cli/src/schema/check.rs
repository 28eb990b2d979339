//! Conditions (`CHECK`) in the text of a definition.

/// The conditions in SQLite's text of a table, without what does not matter: white space, comments, upper case in words.
#[cfg(feature = "sqlite")]
pub(super) fn conditions(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let mut conditions = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token == "check" && tokens.get(index + 1).is_some_and(|next| next == "(") {
            conditions.push(
                tokens.iter().skip(index + 1).map(String::as_str).scan(0_i32, enclosed).collect::<Vec<_>>().join(" "),
            );
        }
    }
    conditions
}

/// Goes on until the parenthesis that was opened first is closed.
#[cfg(feature = "sqlite")]
fn enclosed<'t>(depth: &mut i32, token: &'t str) -> Option<&'t str> {
    if *depth < 0 {
        return None;
    }
    match token {
        "(" => *depth += 1,
        ")" => *depth -= 1,
        _ => {}
    }
    if *depth == 0 {
        *depth = -1;
    }
    Some(token)
}

/// Words in lower case, quoted text as it is, everything else character by character.
#[cfg(feature = "sqlite")]
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = if let Some(comment) = rest.strip_prefix("--") {
            2 + comment.find('\n').unwrap_or(comment.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else if matches!(first, '\'' | '"' | '`') {
            1 + rest.get(1..).and_then(|quoted| quoted.find(first)).map_or(rest.len() - 1, |end| end + 1)
        } else if is_of_word(first) {
            rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let is_comment = token.starts_with("--") || token.starts_with("/*");
        if is_of_word(first) {
            tokens.push(token.to_ascii_lowercase());
        } else if !is_comment && !first.is_whitespace() {
            tokens.push(token.to_owned());
        }
        rest = after;
    }
    tokens
}

#[cfg(feature = "sqlite")]
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// PostgreSQL's text of a condition without what differs between its versions: parentheses, white space, types of literals.
#[cfg(feature = "postgres")]
pub(super) fn squeezed(condition: &str) -> String {
    let bare: String = condition.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
    let types = ["::text[]", "::charactervarying[]", "::text", "::charactervarying"];
    types.iter().fold(bare, |bare, name| bare.replace(name, ""))
}

#[cfg(test)]
mod tests;
