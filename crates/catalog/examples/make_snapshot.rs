//! Makes the embedded snapshot: `cargo run -p curfew-catalog --example make_snapshot -- FACTS assets/prices`.
//! FACTS is a folder with instances.csv, resource_rates.csv, quotas.csv, training_images.csv and gpu_perf.csv.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(facts), Some(out)) = (args.next(), args.next()) else {
        eprintln!("usage: make_snapshot FACTS OUT");
        return ExitCode::FAILURE;
    };
    match curfew_catalog::snapshot::make(&facts, &out.join("egress.csv")) {
        Ok((bytes, about)) => {
            if let Err(e) = std::fs::write(out.join("snapshot.bin"), &bytes) {
                eprintln!("cannot write: {e}");
                return ExitCode::FAILURE;
            }
            println!("{} offers of {} machine types, {} bytes", about.offers, about.machines, bytes.len());
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
