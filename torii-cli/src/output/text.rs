//! Text for people, as wide as a terminal.

/// How wide text is, unless a word or a statement is wider.
const WIDTH: usize = 80;

/// Where the values of pairs begin.
const VALUES: usize = 20;

/// What stands in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Well,
    Note,
    Problem,
    Error,
    Point,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Well => "ok: ",
            Self::Note => "note: ",
            Self::Problem => "problem: ",
            Self::Error => "error: ",
            Self::Point => "- ",
        }
    }

    /// A sequence of ECMA-48 ("select graphic rendition").
    fn colour(self) -> &'static str {
        match self {
            Self::Well => "\x1b[1;32m",
            Self::Note => "\x1b[1;36m",
            Self::Problem => "\x1b[1;33m",
            Self::Error => "\x1b[1;31m",
            Self::Point => "",
        }
    }
}

/// Text that is being written. What comes from a database is shown without characters that a terminal would obey.
pub(crate) struct Text {
    written: String,
    colours: bool,
}

impl Text {
    pub(crate) fn new(colours: bool) -> Self {
        Self { written: String::new(), colours }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    pub(crate) fn blank(&mut self) {
        self.written.push('\n');
    }

    /// Words, wrapped.
    pub(crate) fn words(&mut self, indent: usize, words: &str) {
        self.wrapped("", indent, indent, words);
    }

    /// A name and its value, in two columns.
    pub(crate) fn pair(&mut self, name: &str, value: &str) {
        let label = format!("{:<VALUES$}", format!("{name}:"));
        self.wrapped(&label, label.chars().count(), VALUES, value);
    }

    /// Words behind a mark.
    pub(crate) fn item(&mut self, mark: Mark, words: &str) {
        let word = mark.word();
        let hanging = if mark == Mark::Point { 4 } else { 2 };
        let indent = if mark == Mark::Point { "  " } else { "" };
        let column = indent.len() + word.len();
        if self.colours && !mark.colour().is_empty() {
            let coloured = format!("{indent}{}{}\x1b[0m ", mark.colour(), word.trim_end());
            self.wrapped(&coloured, column, hanging, words);
        } else {
            self.wrapped(&format!("{indent}{word}"), column, hanging, words);
        }
    }

    /// Statements, which are copied and therefore stay as they are.
    pub(crate) fn verbatim(&mut self, indent: usize, text: &str) {
        for line in text.lines() {
            let line = format!("{:indent$}{}", "", harmless(line));
            self.written.push_str(line.trim_end());
            self.blank();
        }
    }

    /// `before` is there already and takes `column` columns; later lines begin at `indent`.
    fn wrapped(&mut self, before: &str, column: usize, indent: usize, words: &str) {
        let mut column = column;
        if before.is_empty() {
            self.written.extend(std::iter::repeat_n(' ', indent));
        }
        self.written.push_str(before);
        let mut is_first = true;
        for word in words.split_whitespace() {
            let word = harmless(word);
            let width = word.chars().count();
            if !is_first && column + 1 + width > WIDTH {
                self.blank();
                self.written.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else if !is_first {
                self.written.push(' ');
                column += 1;
            }
            self.written.push_str(&word);
            column += width;
            is_first = false;
        }
        self.blank();
    }
}

fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests;
