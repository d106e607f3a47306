//! The command line. Its words are documented in docs/cli.md and stay stable.

mod accounts;
mod endpoints;
mod machines;
mod runs;

pub(crate) use accounts::{AccountAdd, AccountVerb};
pub(crate) use endpoints::{Deploy, EndpointVerb, Invoke};
pub(crate) use machines::{Machines, MachinesAsk, MachinesVerb, PricesVerb, Trial};
pub(crate) use runs::{Figure, RunVerb, Train};

use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// Train and serve models here and in the cloud, know the price first, and leave nothing running.
#[derive(Debug, Parser)]
#[command(name = "curfew", version, about, max_term_width = 100)]
pub(crate) struct Args {
    /// Print JSON on stdout instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a script folder
    Train(Train),
    /// Which machine? Find it by what the job costs to finish
    Machines(Machines),
    /// Time some steps of a script here, so that its time on other machines is known
    Trial(Trial),
    /// Prices: how old they are, and newer ones
    Prices {
        #[command(subcommand)]
        verb: PricesVerb,
    },
    /// List the runs
    Runs,
    /// Look at a run, or end it
    Run {
        #[command(subcommand)]
        verb: RunVerb,
    },
    /// Put a model behind an endpoint
    Deploy(Deploy),
    /// List the endpoints
    Endpoints,
    /// Ask an endpoint, or end it
    Endpoint {
        #[command(subcommand)]
        verb: EndpointVerb,
    },
    /// See everything that is there and what looks forgotten
    Sweep(Sweep),
    /// Lab sessions and guided labs
    Lab {
        #[command(subcommand)]
        verb: LabVerb,
    },
    /// Show the panel on a loopback address
    Serve(Serve),
    /// The team's policy
    Policy {
        #[command(subcommand)]
        verb: PolicyVerb,
    },
    /// List the accounts at clouds, and what could be connected
    Accounts,
    /// Connect an account, sign in, or remove one; what it may do, and what it is set up with
    Account {
        #[command(subcommand)]
        verb: AccountVerb,
    },
    /// Print completions for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (man -l -)
    Man,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Sweep {
    #[command(subcommand)]
    pub(crate) verb: Option<SweepVerb>,
    /// Freeze a removal plan of what needs you, and write it to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Take all that can be removed into the plan, not just what looks forgotten
    #[arg(long, requires = "plan")]
    pub(crate) all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SweepVerb {
    /// Run a plan that you have read
    Run {
        /// The plan's file
        plan: PathBuf,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabVerb {
    /// List the guided labs and the sessions
    List,
    /// Start a lab session
    Start {
        /// What to call it
        #[arg(default_value = "Lab")]
        name: String,
    },
    /// Check the session's end: what is still there, and what it costs
    End {
        /// End all of it
        #[arg(long)]
        clear: bool,
        /// Write the proof to this file: .html or .pdf
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// Close the session although it is not clean
        #[arg(long)]
        leave: bool,
    },
    /// The Iris lab, from training to "All clean"
    Iris {
        /// Where: local, aws:ml.m5.xlarge
        #[arg(long, value_name = "MACHINE", default_value = "local")]
        on: String,
        /// Write the proof to this file: .html or .pdf
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// The port [default: a free one]
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Show the policy in force
    Show,
    /// Check a policy file
    Check {
        /// The file
        file: PathBuf,
    },
}
