//! The desktop's program: puts the parts together.
//!
//! ```text
//! curfew-desktop [--hidden] [/PATH]    the panel, at a root-relative path
//! curfew-desktop supervise …           the supervisor of one local run or endpoint
//! ```

use std::process::ExitCode;

use curfew_desktop::{Start, open, panel};

/// Writes the log to stderr, as `CURFEW_LOG` says.
fn log() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = tracing_subscriber::EnvFilter::try_from_env("CURFEW_LOG").unwrap_or_else(|_| "warn".into());
    // Whatever is asked for, those who handle keys say no more than what went wrong.
    let discreet = tracing_subscriber::filter::filter_fn(|about| {
        *about.level() <= tracing::Level::WARN || !curfew_providers::handles_secrets(about.target())
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(discreet).with(lines).init();
}

fn main() -> ExitCode {
    // A supervisor before anything else: it needs no window and must not wait for one.
    let mut raw = std::env::args_os().skip(1);
    if raw.next().is_some_and(|verb| verb == "supervise") {
        return curfew_providers::supervise(raw);
    }
    log();
    let home = match curfew_engine::default_home() {
        Ok(home) => home.root().to_owned(),
        Err(error) => {
            let notice = curfew_core::Notice::from(&error);
            eprintln!("{} {} {}", notice.happened, notice.bill, notice.next);
            return ExitCode::FAILURE;
        }
    };
    let mut start = Start { home, path: "/".to_owned(), hidden: false };
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--hidden" => start.hidden = true,
            path if path.starts_with('/') => start.path = argument,
            other => {
                eprintln!("{other}: not understood. Usage: curfew-desktop [--hidden] [/PATH]");
                return ExitCode::from(2);
            }
        }
    }
    open(start, |desk| panel::build(&desk))
}
