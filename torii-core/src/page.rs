//! Long lists, page by page.

/// Which page of a list is wanted.
///
/// Pages go by key, not by number: a page is what follows the last entry of the page before, so that entries added or removed
/// meanwhile neither repeat nor hide others, and the thousandth page costs what the first did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    after: Option<String>,
    limit: u32,
}

impl PageRequest {
    /// The most entries a page can hold.
    pub const MAX_LIMIT: u32 = 1000;

    /// The first page, of at most `limit` entries (1 to 1000; other numbers are moved into that range).
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit: limit.clamp(1, Self::MAX_LIMIT) }
    }

    /// The page after the one whose [`Page::next`] is `cursor`.
    #[must_use]
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.after = Some(cursor.into());
        self
    }

    /// What the page comes after.
    pub fn cursor(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many entries it may hold.
    pub fn limit(&self) -> u32 {
        self.limit
    }
}

impl Default for PageRequest {
    /// The first page, of at most 100 entries.
    fn default() -> Self {
        Self::first(100)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page out of up to `limit + 1` entries that storage read: the extra one only tells that there is a next page.
    pub fn from_rows(mut items: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_row_is_only_a_sign() {
        let page = Page::from_rows(vec![1, 2, 3], 2, ToString::to_string);
        assert_eq!(page, Page { items: vec![1, 2], next: Some("2".into()) });
        let page = Page::from_rows(vec![1, 2], 2, ToString::to_string);
        assert_eq!(page.next, None);
        assert_eq!(PageRequest::first(0).limit(), 1);
        assert_eq!(PageRequest::first(u32::MAX).limit(), 1000);
    }
}
