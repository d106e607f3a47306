//! The supervisor alone, as `curfew supervise FOLDER` runs it. For tests; the product's binaries carry it themselves.

use std::process::ExitCode;

fn main() -> ExitCode {
    curfew_local::supervise::main(std::env::args_os().skip(1))
}
