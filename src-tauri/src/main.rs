//! The desktop's program: puts the parts together.
//!
//! ```text
//! curfew-desktop [--hidden] [PATH]     the panel, at a root-relative path
//! curfew-desktop supervise …           the supervisor of one local run or endpoint
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use curfew_desktop::{Start, open};

fn main() -> ExitCode {
    let mut start = Start { home: home(), path: "/".to_owned(), hidden: false };
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
    open(start, |_| Err("This build has no engine yet.".to_owned()))
}

fn home() -> PathBuf {
    std::env::var_os("CURFEW_HOME").map_or_else(|| PathBuf::from(".curfew"), PathBuf::from)
}
