//! `curfew`: the same verbs as the panel, in a terminal. Data goes to stdout, progress and errors to stderr.

mod account;
mod accounts;
mod app;
mod args;
mod endpoints;
mod export;
mod lab;
mod machines;
mod monitor;
mod out;
mod policy;
mod prices;
mod runs;
mod serve;
mod sweep;

use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// Writes the log to stderr, as `CURFEW_LOG` says.
fn log() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("CURFEW_LOG").unwrap_or_else(|_| "warn,winit=error".into());
    // Whatever is asked for, those who handle keys say no more than what went wrong.
    let discreet = tracing_subscriber::filter::filter_fn(|about| {
        *about.level() <= tracing::Level::WARN || !curfew_providers::handles_secrets(about.target())
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(discreet).with(lines).init();
}

fn main() -> ExitCode {
    // The supervisor of a local run: no runtime, no store, as small as can be.
    let mut raw = std::env::args_os();
    if raw.nth(1).is_some_and(|verb| verb == "supervise") {
        return curfew_providers::supervise(raw);
    }
    let args = args::Args::parse();
    log();
    let json = args.json;
    match &args.command {
        args::Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut args::Args::command(), "curfew", &mut std::io::stdout());
            return ExitCode::SUCCESS;
        }
        args::Command::Man => {
            return match clap_mangen::Man::new(args::Args::command()).render(&mut std::io::stdout()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        _ => {}
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("curfew: the program could not start: {e}");
            return ExitCode::FAILURE;
        }
    };
    let done = match args.command {
        // A window belongs to the program's first thread.
        args::Command::Run { verb: args::RunVerb::Monitor { id } } => monitor::monitor(&runtime, &id),
        _ => runtime.block_on(run(args)),
    };
    match done {
        Ok(code) => code.into(),
        Err(e) => out::fail(&e, json).into(),
    }
}

async fn run(args: args::Args) -> Result<out::Exit, out::Failed> {
    let json = args.json;
    match args.command {
        args::Command::Train(train) => Box::pin(runs::train(train, json)).await,
        args::Command::Machines(machines) => machines::machines(machines, json).await,
        args::Command::Trial(trial) => machines::trial(trial, json).await,
        args::Command::Prices { verb } => prices::prices(verb, json).await,
        args::Command::Runs => runs::list(json).await,
        args::Command::Run { verb } => runs::run(verb, json).await,
        args::Command::Deploy(deploy) => endpoints::deploy(deploy, json).await,
        args::Command::Endpoints => endpoints::list(json).await,
        args::Command::Endpoint { verb } => endpoints::endpoint(verb, json).await,
        args::Command::Sweep(sweep) => sweep::sweep(sweep, json).await,
        args::Command::Lab { verb } => lab::lab(verb, json).await,
        args::Command::Serve(serve) => serve::serve(serve, json).await,
        args::Command::Accounts => accounts::list(json).await,
        args::Command::Account { verb } => accounts::account(verb, json).await,
        args::Command::Policy { verb } => policy::policy(verb, json),
        args::Command::Completions { .. } | args::Command::Man => Ok(out::Exit::Done),
    }
}
