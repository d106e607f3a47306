//! The words of machines, trial, prices.

use clap::{Args as ClapArgs, Subcommand};

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
