//! The desktop's program: puts the parts together.
//!
//! ```text
//! curfew-desktop [--hidden] [/PATH]    the panel, at a root-relative path
//! curfew-desktop supervise …           the supervisor of one local run or endpoint
//! ```

use std::process::ExitCode;

use curfew_desktop::{Start, open, panel};

fn main() -> ExitCode {
    // A supervisor before anything else: it needs no window and must not wait for one.
    let mut raw = std::env::args_os().skip(1);
    if raw.next().is_some_and(|verb| verb == "supervise") {
        return curfew_providers::supervise(raw);
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("CURFEW_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
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
