//! The command line. Its words are documented in docs/cli.md and stay stable.

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
pub(crate) struct Train {
    /// The folder that holds the training script
    pub(crate) dir: String,
    /// The script to start [default: train.py, or the only one]
    #[arg(long)]
    pub(crate) entry: Option<String>,
    /// Data: a file or folder, as channel NAME (default: training)
    #[arg(long, value_name = "[NAME=]PATH")]
    pub(crate) data: Vec<String>,
    /// A hyperparameter, passed to the script as --k v
    #[arg(long, value_name = "K=V")]
    pub(crate) hyper: Vec<String>,
    /// Where: local, aws:ml.m5.xlarge, cloud:service:region:machine[:spot]
    #[arg(long, value_name = "MACHINE")]
    pub(crate) on: Option<String>,
    /// When it goes home: 2h, 22:00, "end of day" [default: the policy's]
    #[arg(long)]
    pub(crate) curfew: Option<String>,
    /// What to call it [default: the folder's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What it is for: its costs count towards this project's budget [default: what DIR/curfew.toml says]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Ask the provider for more: instances=2, input_mode=FastFile, distribution=mpi, image=URI; a wrong name lists all
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) options: Vec<String>,
    /// Stop when it has cost this much
    #[arg(long, value_name = "USD")]
    pub(crate) spend: Option<String>,
    /// Stop when a metric is NaN or infinite
    #[arg(long)]
    pub(crate) stop_on_nan: bool,
    /// Stop when the loss has not improved for so many epochs
    #[arg(long, value_name = "EPOCHS")]
    pub(crate) stop_when_flat: Option<String>,
    /// The metric that must improve [default: the first loss]
    #[arg(long, value_name = "METRIC", requires = "stop_when_flat")]
    pub(crate) flat_metric: Option<String>,
    /// Stop when the script has worked for so long: 30min, 2h
    #[arg(long, value_name = "TIME")]
    pub(crate) stop_after: Option<String>,
    /// Wait for its end, showing the log
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Machines {
    #[command(subcommand)]
    pub(crate) verb: Option<MachinesVerb>,
    #[command(flatten)]
    pub(crate) ask: MachinesAsk,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MachinesVerb {
    /// Open one machine up: price, quota, and the arithmetic of what the job costs there
    Show {
        /// aws:ec2:us-east-1:g5.xlarge[:spot]
        machine: String,
        #[command(flatten)]
        ask: MachinesAsk,
    },
    /// Send the request for the quota that bars a machine, through an account of its cloud
    Ask {
        /// aws:sagemaker:us-east-1:ml.g5.xlarge
        machine: String,
        /// Which account [default: the first of its cloud]
        #[arg(long)]
        account: Option<String>,
    },
}

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
#[derive(Debug, ClapArgs)]
pub(crate) struct MachinesAsk {
    /// What it must have: "1 gpu 12 gib", a100x8, "under $5 an hour", "spot in europe"
    pub(crate) words: Vec<String>,
    /// Print every row, not just the first twenty
    #[arg(long)]
    pub(crate) all: bool,
    /// For this script folder: as timed by curfew trial, or by its finished runs
    #[arg(long = "for", value_name = "DIR")]
    pub(crate) job: Option<String>,
    /// How long the job takes: 2, "90 min", 2h30m
    #[arg(long, value_name = "TIME")]
    pub(crate) hours: Option<String>,
    /// Ready by: 21:00, "tomorrow 8:00", 4h
    #[arg(long, value_name = "TIME")]
    pub(crate) finish_by: Option<String>,
    /// Spend at most this much in all
    #[arg(long, value_name = "USD")]
    pub(crate) max_usd: Option<String>,
    /// What an hour of your time is worth
    #[arg(long, value_name = "USD")]
    pub(crate) hour_usd: Option<String>,
    /// For which account, where its cloud has several here [default: the first]
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// What it is for: this project's budget holds [default: what --for DIR/curfew.toml says]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Spot only
    #[arg(long)]
    pub(crate) spot: bool,
    /// best, money, per-hour, done-in, machine, vcpus, memory or accelerators
    #[arg(long, default_value = "best", value_parser = ["best", "money", "per-hour", "done-in", "machine", "vcpus", "memory", "accelerators"])]
    pub(crate) sort: String,
    /// From the high end
    #[arg(long)]
    pub(crate) down: bool,
    /// Leave out what quota, policy, deadline or cap bars
    #[arg(long)]
    pub(crate) open_only: bool,
    /// Do not let a new account's quotas bar: yours may be larger
    #[arg(long)]
    pub(crate) any_quota: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Trial {
    /// The folder that holds the training script
    pub(crate) dir: String,
    /// The script to start [default: train.py, or the only one]
    #[arg(long)]
    pub(crate) entry: Option<String>,
    /// Data: a file or folder, as channel NAME (default: training)
    #[arg(long, value_name = "[NAME=]PATH")]
    pub(crate) data: Vec<String>,
    /// A hyperparameter, passed to the script as --k v
    #[arg(long, value_name = "K=V")]
    pub(crate) hyper: Vec<String>,
    /// How many steps or epochs the whole run has, where its log does not tell
    #[arg(long, value_name = "N")]
    pub(crate) total: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesVerb {
    /// How old the prices are, and what is wrong with them
    Status,
    /// Read newer prices; what cannot be read keeps the old
    Refresh {
        /// A region of AWS to read the price list of; may be given several times [default: the policy's, or us-east-1]
        #[arg(long = "region", value_name = "REGION")]
        regions: Vec<String>,
        /// Only this feed: ec2, sagemaker, google, or account (what connected accounts tell); may be given several times
        #[arg(long = "feed", value_name = "FEED", value_parser = ["ec2", "sagemaker", "google", "account"])]
        feeds: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunVerb {
    /// Show how it stands
    Show {
        /// Its id or name
        id: String,
    },
    /// Print its log
    Log {
        /// Its id or name
        id: String,
        /// Go on printing as it grows
        #[arg(long, short)]
        follow: bool,
    },
    /// Print its metrics
    Metrics {
        /// Its id or name
        id: String,
    },
    /// Write every point of it: .csv, .json, .parquet, or a folder for TensorBoard
    Export {
        /// Its id or name
        id: String,
        /// The file to write, or a folder for TensorBoard's event file
        #[arg(long, short)]
        output: PathBuf,
        /// Only this metric; may be repeated
        #[arg(long, value_name = "NAME")]
        metric: Vec<String>,
    },
    /// Draw its loss, or other metrics, for a paper: .svg, .png or .pdf
    Figure(Figure),
    /// Watch it in a small window of its own, until that is closed
    Monitor {
        /// Its id or name
        id: String,
    },
    /// Move its curfew
    Extend {
        /// Its id or name
        id: String,
        /// 2h, 22:00, "end of day"
        curfew: String,
    },
    /// End it
    Stop {
        /// Its id or name
        id: String,
        /// Wait until it has ended
        #[arg(long)]
        wait: bool,
    },
    /// Remove it with its files
    Rm {
        /// Its id or name
        id: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Deploy {
    /// A run, a model.tar.gz, or a model file (model.joblib)
    pub(crate) model: String,
    /// The inference script
    #[arg(long)]
    pub(crate) script: Option<String>,
    /// The endpoint's name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where: local, aws:ml.m5.xlarge
    #[arg(long, value_name = "MACHINE")]
    pub(crate) on: Option<String>,
    /// How it serves: real-time, serverless or async, as far as the provider has it
    #[arg(long)]
    pub(crate) mode: Option<String>,
    /// Memory of a serverless endpoint
    #[arg(long, value_name = "MB")]
    pub(crate) memory: Option<String>,
    /// How many requests a serverless endpoint answers at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<String>,
    /// How many requests a day you expect of a serverless endpoint: with --millis, its price is estimated
    #[arg(long, value_name = "N")]
    pub(crate) requests: Option<String>,
    /// How many milliseconds an answer takes
    #[arg(long, value_name = "MS")]
    pub(crate) millis: Option<String>,
    /// When it goes home: 2h, 22:00, "end of day" [default: the policy's]
    #[arg(long)]
    pub(crate) curfew: Option<String>,
    /// What it is for: its costs count towards this project's budget [default: the run's project]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Go on in spite of this caution (its code is shown)
    #[arg(long, value_name = "CODE")]
    pub(crate) confirm: Vec<String>,
    /// Wait until it answers
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointVerb {
    /// Show how it stands
    Show {
        /// Its name
        name: String,
    },
    /// Ask it
    Invoke(Invoke),
    /// Show what is measured of it: requests, latency, errors, load
    Figures {
        /// Its name
        name: String,
    },
    /// Print its log
    Log {
        /// Its name
        name: String,
    },
    /// Move its curfew
    Extend {
        /// Its name
        name: String,
        /// 2h, 22:00, "end of day"
        curfew: String,
    },
    /// End it; its files stay
    Stop {
        /// Its name
        name: String,
    },
    /// End it and remove what it consists of
    Delete {
        /// Its name
        name: String,
        /// Its files too: model, code, answers and log. Else they stay, and what that costs is said
        #[arg(long)]
        artefacts: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false, id = "input")]
pub(crate) struct InvokeInput {
    /// A line of CSV
    #[arg(long, value_name = "V", group = "input")]
    pub(crate) csv: Option<String>,
    /// A JSON body
    #[arg(long, value_name = "V", group = "input")]
    pub(crate) json_body: Option<String>,
    /// A file; its type is told by its ending (.csv, .json, .npy)
    #[arg(long, group = "input")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Invoke {
    /// The endpoint's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) input: InvokeInput,
    /// What to answer with
    #[arg(long, default_value = "application/json")]
    pub(crate) accept: String,
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

#[derive(Debug, Subcommand)]
pub(crate) enum AccountVerb {
    /// Connect an account, or give one new keys
    Add(AccountAdd),
    /// Remove an account, and its keys from the keychain; what runs there goes on
    Rm {
        /// Its number
        account: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// List the accounts that an SSO session opens; connect one with: account add --profile ID
    Choose {
        /// The session's name
        session: String,
    },
    /// Sign in to an SSO profile or session
    SignIn {
        /// Its name
        profile: String,
    },
    #[command(flatten)]
    Set(crate::account::AccountVerb),
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false, id = "way")]
pub(crate) struct AccountWay {
    /// By a profile of this computer, or by what `account choose` lists
    #[arg(long, value_name = "NAME", group = "way")]
    pub(crate) profile: Option<String>,
    /// By keys, read from stdin as they were handed out
    #[arg(long, group = "way")]
    pub(crate) keys: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AccountAdd {
    #[command(flatten)]
    pub(crate) way: AccountWay,
    /// What to call it
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its home region
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Of which cloud the keys are, where there are several
    #[arg(long)]
    pub(crate) cloud: Option<String>,
}

/// A figure for a paper.
#[derive(Debug, clap::Args)]
pub(crate) struct Figure {
    /// Its id or name; several runs share one figure
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// The file to write: .svg, .png or .pdf
    #[arg(long, short)]
    pub(crate) output: PathBuf,
    /// A metric to draw; may be given again [default: the loss, in training and validation]
    #[arg(long = "metric", value_name = "NAME")]
    pub(crate) metrics: Vec<String>,
    /// What is drawn from left to right [default: what every metric has]
    #[arg(long, value_name = "AXIS", value_parser = ["step", "epoch", "time", "relative"])]
    pub(crate) x: Option<String>,
    /// Its part from here on, in steps, epochs, ms since 1970 or seconds since the start
    #[arg(long, requires = "to", allow_negative_numbers = true)]
    pub(crate) from: Option<f64>,
    /// And up to here
    #[arg(long, requires = "from", allow_negative_numbers = true)]
    pub(crate) to: Option<f64>,
    /// Logarithmic from left to right
    #[arg(long)]
    pub(crate) log_x: bool,
    /// Logarithmic from bottom to top
    #[arg(long)]
    pub(crate) log_y: bool,
    /// How smooth, 0 to 0.999
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) smooth: f64,
    /// Width on paper in mm: 89 is one column, 183 two
    #[arg(long, value_name = "MM", default_value_t = curfew_figures::SINGLE_COLUMN_MM)]
    pub(crate) width: f64,
    /// Height on paper in mm [default: what suits the width]
    #[arg(long, value_name = "MM")]
    pub(crate) height: Option<f64>,
    /// Without the run, its commit and how it was drawn below it
    #[arg(long)]
    pub(crate) no_caption: bool,
}
