//! TLS handshakes that fail, such as those of clients whose certificate is refused. The library
//! makes them, and says only in its own log, at a level that nobody asks for, why one failed.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::sparingly::Sparingly;

/// Where the library says it, and how.
const TARGET: &str = "tonic::transport::server::io_stream";
const FAILED: &str = "tls accept error";

/// Clients that went before they had said anything wrong, as a probe of the port does.
const GONE: [&str; 2] = ["tls handshake eof", "Connection reset by peer"];

/// Says in our log what the library's says of failed handshakes.
#[derive(Debug, Default)]
pub(crate) struct Refused(Sparingly);

impl Refused {
    /// To be laid over the layer that writes the log: the line that it says is written while it
    /// hears of another, and layers below have heard of that by then.
    pub(crate) fn layer<S>() -> impl Layer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let theirs = |metadata: &Metadata<'_>| {
            metadata.target() == TARGET && *metadata.level() == Level::DEBUG
        };
        let heard: FilterFn<_> = filter_fn(theirs).with_max_level_hint(LevelFilter::DEBUG);
        Self::default().with_filter(heard)
    }
}

impl<S: Subscriber> Layer<S> for Refused {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let Said { message, error: cause } = said;
        if message == FAILED && !GONE.iter().any(|gone| cause.starts_with(gone)) {
            self.0.say(|left_out| tracing::warn!(cause, left_out, "a TLS handshake failed"));
        }
    }
}

/// What the library said.
#[derive(Default)]
struct Said {
    message: String,
    error: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "error" => self.error = format!("{value:?}"),
            _ => {}
        }
    }
}
