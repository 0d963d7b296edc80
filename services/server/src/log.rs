//! Log lines on standard error: text or JSON, without what drivers would say too much of.

use std::{
    io::{self, IsTerminal, Write},
    panic::{self, Location},
};

use tracing::{Level, Metadata, error, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::filter_fn,
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use crate::config::{LogConfig, LogFormat};

/// The most that these may ever say, whatever the filter asks for: at more they quote paths of
/// secrets, bodies, headers, queries or variables.
const CEILINGS: [(&str, LevelFilter); 15] = [
    ("vaultrs", LevelFilter::OFF),
    ("rustify", LevelFilter::OFF),
    ("async_graphql", LevelFilter::OFF),
    ("reqwest", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    ("hyper_util", LevelFilter::WARN),
    ("h2", LevelFilter::WARN),
    ("tonic", LevelFilter::WARN),
    // Each try is an error to it; what becomes of a call, whoever called it says.
    ("kurrentdb", LevelFilter::OFF),
    ("tower", LevelFilter::WARN),
    ("rustls", LevelFilter::WARN),
    ("casbin", LevelFilter::WARN),
    ("actix_http", LevelFilter::WARN),
    ("actix_web", LevelFilter::WARN),
    ("tungstenite", LevelFilter::WARN),
];

/// Starts to log, for the whole process.
///
/// # Errors
/// Somebody in this process logs already.
pub fn init(config: &LogConfig) -> Result<(), TryInitError> {
    subscriber(config, io::stderr).try_init()
}

/// From now on a panic tells where it was and not what it says.
pub fn hide_panic_texts() {
    panic::set_hook(Box::new(|info| report_panic(info.location())));
}

/// What writes lines as configured to `writer`.
fn subscriber<W>(config: &LogConfig, writer: W) -> impl SubscriberInitExt
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(io::stderr().is_terminal());
    let lines: Box<dyn Layer<_> + Send + Sync> = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let filter = EnvFilter::new(&config.filter); // checked when the settings were read
    Registry::default().with(filter).with(filter_fn(may_speak)).with(lines)
}

fn may_speak(metadata: &Metadata<'_>) -> bool {
    let level: Level = *metadata.level();
    ceiling(metadata.target()).is_none_or(|ceiling| level <= ceiling)
}

fn ceiling(target: &str) -> Option<LevelFilter> {
    let family = target.split("::").next().unwrap_or_default();
    CEILINGS.iter().find(|(name, _)| *name == family).map(|(_, ceiling)| *ceiling)
}

/// Says where, never what: the text of a panic may hold a value. Spans around add the request's id.
fn report_panic(location: Option<&Location<'_>>) {
    let place = location.map_or("an unknown place".to_owned(), ToString::to_string);
    if tracing::dispatcher::has_been_set() {
        error!(%place, "a panic was caught");
    } else {
        // Nothing to be done when even this cannot be written.
        let _unwritten = writeln!(io::stderr(), "error: keytrail panicked at {place}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::{info, info_span, trace};

    use super::*;
    use crate::config::Source;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, what: impl FnOnce()) -> String {
        let lines = Lines::default();
        let config = LogConfig { filter: filter.into(), format, source: Source::Default };
        let writer = lines.clone();
        let dispatch: tracing::Dispatch = subscriber(&config, move || writer.clone()).into();
        tracing::dispatcher::with_default(&dispatch, what);
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn drivers_that_quote_paths_and_bodies_are_silent_whatever_the_filter_says() {
        let shown = logged("trace,vaultrs=trace,reqwest=trace", LogFormat::Text, || {
            error!(target: "vaultrs::api", path = "s3cr3t", "s3cr3t");
            let _span = tracing::error_span!(target: "rustify::client", "request", path = "s3cr3t").entered();
            error!(target: "async_graphql::graphql", "s3cr3t");
            trace!(target: "reqwest::connect", "s3cr3t");
            tracing::debug!(target: "hyper::proto", "s3cr3t");
            info!(target: "keytrail_app", "spoken");
        });
        assert!(shown.contains("spoken") && !shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn warnings_of_drivers_are_still_heard() {
        let shown = logged("info", LogFormat::Text, || tracing::warn!(target: "reqwest::retry", "heard"));
        assert!(shown.contains("heard"));
    }

    #[test]
    fn json_lines_carry_the_fields_of_all_spans() {
        let shown = logged("info", LogFormat::Json, || {
            let _span = info_span!("request", request.id = "r1").entered();
            info!(revision = 3, "rotated");
        });
        let line: serde_json::Value = serde_json::from_str(shown.trim()).unwrap();
        assert_eq!((&line["message"], &line["revision"]), (&"rotated".into(), &3.into()));
        assert_eq!(line["spans"][0]["request.id"], "r1");
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_request_and_without_its_text() {
        let shown = logged("info", LogFormat::Text, || {
            let _span = info_span!("request", request.id = "r1").entered();
            let hook = panic::take_hook();
            hide_panic_texts();
            let caught = panic::catch_unwind(|| panic!("s3cr3t"));
            panic::set_hook(hook);
            assert!(caught.is_err());
        });
        assert!(shown.contains("log.rs:") && shown.contains("r1") && !shown.contains("s3cr3t"), "{shown}");
    }
}
