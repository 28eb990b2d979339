use super::*;

#[test]
fn words_fit_into_eighty_columns() {
    let mut text = Text::new(false);
    let words = "lorem ipsum ".repeat(40);
    text.words(4, &words);
    text.pair("a name", &words);
    for mark in [Mark::Well, Mark::Note, Mark::Problem, Mark::Error, Mark::Point] {
        text.item(mark, &words);
    }
    assert!(text.as_str().lines().count() > 40);
    for line in text.as_str().lines() {
        assert!(line.chars().count() <= 80 && line.chars().count() > 10, "{line:?}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn colours_are_there_only_when_asked_for() {
    let written = |colours| {
        let mut text = Text::new(colours);
        text.item(Mark::Problem, "an index is missing");
        text.as_str().to_owned()
    };
    assert_eq!(written(false), "problem: an index is missing\n");
    assert_eq!(written(true), "\x1b[1;33mproblem:\x1b[0m an index is missing\n");
}

#[test]
fn what_a_terminal_would_obey_is_not_written() {
    let mut text = Text::new(false);
    text.words(0, "row \x1b]0;title\x07 of");
    text.verbatim(0, "-- \x1b[2J\nSELECT 1");
    assert_eq!(text.as_str(), "row \u{fffd}]0;title\u{fffd} of\n-- \u{fffd}[2J\nSELECT 1\n");
}
