//! Everything that the command writes goes through here.

use std::io::{self, IsTerminal as _};

use serde_json::{Value, json};

use crate::{args::Arguments, exit::Exit, failure::Failure, redact, target::Target};

mod text;

pub(crate) use self::text::{Mark, Text};

/// The shape of the JSON objects. A field that is added does not change it; one that is taken away or means something else does.
const FORMAT: u32 = 1;

/// What a command has to say.
pub(crate) trait Answer {
    fn exit(&self) -> Exit;

    /// For scripts: the field `result`.
    fn json(&self) -> serde_json::Result<Value>;

    /// For people.
    fn write(&self, text: &mut Text);
}

/// How the command writes.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self { json: arguments.json }
    }

    /// Whether somebody watches who wants to see how far the work is.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    pub(crate) fn answer(&self, command: &'static str, target: &Target, answer: &dyn Answer) -> Exit {
        let exit = answer.exit();
        if self.json {
            let result = answer.json().unwrap_or_else(|error| json!({ "unreadable": error.to_string() }));
            self.object(command, Some(target), exit, ("result", result));
        } else {
            let mut text = Text::new(colours(io::stdout().is_terminal()));
            text.pair("database", &format!("{} ({target})", target.engine.name()));
            answer.write(&mut text);
            put(io::stdout(), text.as_str());
        }
        exit
    }

    pub(crate) fn failed(&self, command: &'static str, target: Option<&Target>, failure: &Failure) -> Exit {
        let exit = failure.exit();
        let secrets = target.map(Target::secrets).unwrap_or_default();
        let safe = |text: &str| redact::message(text, &secrets);
        let causes: Vec<String> = failure.causes().iter().map(|cause| safe(cause)).collect();
        if self.json {
            let error = json!({
                "kind": failure.kind(),
                "message": safe(&failure.to_string()),
                "causes": causes,
                "reasons": failure.reasons().iter().map(|reason| safe(reason)).collect::<Vec<_>>(),
                "remedy": failure.remedy(),
            });
            self.object(command, target, exit, ("error", error));
            return exit;
        }
        let mut text = Text::new(colours(io::stderr().is_terminal()));
        match failure.reasons() {
            [] => text.item(Mark::Error, &safe(&failure.to_string())),
            reasons => {
                text.item(Mark::Error, "Rolling back is not possible:");
                reasons.iter().for_each(|reason| text.item(Mark::Point, &safe(reason)));
            }
        }
        causes.iter().for_each(|cause| text.words(2, &format!("because: {cause}")));
        if let Some(remedy) = failure.remedy() {
            text.words(2, remedy);
        }
        put(io::stderr(), text.as_str());
        exit
    }

    fn object(&self, command: &'static str, target: Option<&Target>, exit: Exit, (name, content): (&str, Value)) {
        let object = json!({
            "format": FORMAT,
            "torii": env!("CARGO_PKG_VERSION"),
            "command": command,
            "database": target.map(ToString::to_string),
            "engine": target.map(|target| target.engine),
            "exit_code": exit.code(),
            name: content,
        });
        put(io::stdout(), &format!("{object:#}\n"));
    }
}

/// Help, or a complaint about the command line.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    let for_people = if error.use_stderr() { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let rendered = error.render();
    let text = if colours(for_people) { rendered.ansi().to_string() } else { rendered.to_string() };
    if error.use_stderr() {
        put(
            io::stderr(),
            &redact::usage(&text, std::env::args_os().map(|argument| argument.to_string_lossy().into_owned())),
        );
        return Exit::Usage;
    }
    put(io::stdout(), &text);
    Exit::Well
}

/// <https://no-color.org>: what the variable holds does not matter, unless it is empty.
fn colours(is_terminal: bool) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_terminal && !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whoever stopped reading wants to read no more: that is no failure.
fn put(mut to: impl io::Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
