//! Keeps everything that is logged.

use std::{
    error::Error as StdError,
    fmt::{Debug, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{Event as LogEvent, Subscriber, field, span};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Everything that is logged in this process, at every level.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<String>>);

impl Log {
    fn write(&self, record: impl FnOnce(&mut String)) {
        record(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Fields<'a>(&'a mut String);

impl field::Visit for Fields<'_> {
    fn record_str(&mut self, field: &field::Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }

    fn record_error(&mut self, field: &field::Field, value: &(dyn StdError + 'static)) {
        write!(self.0, " {field}={value} {value:?}").unwrap();
    }

    fn record_debug(&mut self, field: &field::Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.write(|text| {
            write!(text, "\n{} span {}", attributes.metadata().target(), attributes.metadata().name()).unwrap();
            attributes.record(&mut Fields(text));
        });
    }

    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        self.write(|text| values.record(&mut Fields(text)));
    }

    fn on_event(&self, event: &LogEvent<'_>, _: Context<'_, S>) {
        self.write(|text| {
            write!(text, "\n{} {}", event.metadata().target(), event.metadata().level()).unwrap();
            event.record(&mut Fields(text));
        });
    }
}
